/**
 * Inspected TLS as programs inside a real sandbox meet it: curl, git, npm, pip, Python and Node trust the sandbox's CA by
 * the environment that the guest gives them, may read and may not write, and a credential's placeholder works from there.
 */
import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pino from "pino";
import { CredentialStore } from "../../../src/gateway/credentials/index.ts";
import { createGuard } from "../../../src/gateway/egress/guard/index.ts";
import { newCa } from "../../../src/gateway/egress/inspect/certificate.ts";
import { Inspector } from "../../../src/gateway/egress/inspect/inspector.ts";
import type { AuditRow } from "../../../src/gateway/egress/proxy/ports.ts";
import { createEgressServer, type EgressServer } from "../../../src/gateway/egress/proxy/server.ts";
import { LauncherClient } from "../../../src/sandbox/launcher/index.ts";
import { policyOf } from "../../egress/harness.ts";
import { isRoot, RUN_AS, Host as SandboxHost, specOf } from "../harness.ts";
import { Host, until } from "./harness.ts";
import { type ModelStub, startModelStub } from "./model-stub.ts";
import { startUpstreams, type Upstreams } from "./upstreams.ts";

const root = join(import.meta.dirname, "../../..");
const as = RUN_AS[0] ?? "user";
const spec = specOf("i", { memoryBytes: 1 << 30, pids: 128, inodes: 5_000 });
const SECRET = "s3cr3t-of-the-files-host";

const rest = (host: string, more = "access: read-only") =>
  `{ host: ${host}, port: 443, protocol: rest, enforcement: enforce, ${more} }`;
const POLICY = policyOf(`
version: 1
network_policies:
  all:
    endpoints:
      - ${rest("files.example.com")}
      - ${rest("npm.example.com")}
      - ${rest("pypi.example.com")}
      - ${rest(
        "git.example.com",
        "rules: [{ allow: { method: GET, path: /** } }, { allow: { method: POST, path: '/**/git-upload-pack' } }]",
      )}
`);

const scratch = mkdtempSync("/tmp/gi-");
const rows: AuditRow[] = [];
let box: SandboxHost;
let host: Host;
let model: ModelStub;
let upstreams: Upstreams;
let server: EgressServer;
let inspector: Inspector;
let turns = 0;

before(async () => {
  chmodSync(scratch, 0o755);
  const runtime = join(scratch, "runtime");
  cpSync(join(root, "test/fakes/agent"), join(runtime, "agent"), { recursive: true });
  const node = join(process.execPath, "../..");
  box = new SandboxHost(as, { project: { node, runtime, guest: join(root, "src/sandbox/guest") } });
  await box.start();
  const world = newCa(Date.now());
  writeFileSync(join(scratch, "world.pem"), world.certificate);
  upstreams = await startUpstreams(join(scratch, "up"), world);
  model = await startModelStub(join(scratch, "model.sock"));

  const program = "/opt/openclaw/agent/main.ts";
  const made = await box.client.create({ ...spec, agent: { ...spec.agent, program } });
  const logger = pino({ level: "fatal" });
  inspector = new Inspector({ dir: join(scratch, "ca"), logger, operatorCaFile: join(scratch, "world.pem") });
  const store = new CredentialStore({ dir: join(scratch, "cr"), logger, labelsOf: (id) => [id] });
  store.add({
    ...{ name: "files", host: "files.example.com", port: 443, header: "Authorization: Bearer {}" },
    ...{ methods: [], paths: ["/**"], for: [spec.id], secret: SECRET },
  });
  server = createEgressServer({
    sandboxId: spec.id,
    policy: { current: () => ({ policy: POLICY, grants: [] }), onChange: () => () => {} },
    guard: createGuard({ resolver: { resolve: async () => ["93.184.216.34"] }, ownAddresses: () => [] }),
    audit: { decided: (row) => void rows.push(row), closed: () => {} },
    logger,
    connector: {
      dial: () =>
        new Promise((resolve, reject) => {
          const socket = connect({ host: "127.0.0.1", port: upstreams.port, allowHalfOpen: true });
          socket.once("connect", () => resolve(socket)).once("error", reject);
        }),
    },
    inference: {
      host: "inference.local",
      serve: (stream) => {
        const to = connect({ path: join(scratch, "model.sock"), allowHalfOpen: true });
        to.on("error", () => stream.destroy());
        stream.on("error", () => to.destroy());
        stream.pipe(to).pipe(stream);
      },
    },
    inspection: inspector.forSandbox(spec.id),
    credentials: store.forSandbox(spec.id),
  });
  const egressDir = box.paths.egressDir(made.runName);
  inspector.prepare(spec.id, egressDir);
  store.prepare(spec.id, egressDir);
  host = new Host(box.paths.controlSocket(made.runName));
  await new Promise<void>((resolve) => server.listen(box.paths.egressSocket(made.runName), resolve));
  for (const socket of [box.paths.launcher.workerSocket, box.paths.launcher.gatewaySocket]) {
    const client = new LauncherClient({ socket });
    await client.handOver(spec.id);
    client.close();
  }
  await box.client.start(spec.id);
  await until(() => host.frames.find((f) => f.type === "agent" && f.state === "warm"), "warm");
});

after(async () => {
  host?.close();
  server?.close();
  server?.closeAllConnections();
  inspector?.close();
  upstreams?.close();
  await model?.close();
  await box?.client.destroy(spec.id).catch(() => undefined);
  await box?.remove();
  rmSync(scratch, { recursive: true, force: true });
});

/** What a command of the agent's tool prints. */
async function inside(command: string): Promise<string> {
  const turnId = `t${++turns}`;
  await host.run(turnId, `run ${command}`, { timeoutMs: 120_000 });
  const end = await host.outcome(turnId, 120_000);
  assert.equal(end.kind, "final", JSON.stringify(end));
  return end.kind === "final" ? end.text.replace(/^tool said: /, "") : "";
}

/** Requests that upstream saw while `work` ran. */
async function seenDuring(work: () => Promise<void>): Promise<string[]> {
  const from = upstreams.seen.length;
  await work();
  return upstreams.seen.slice(from);
}

const skip = !isRoot ? "the sockets of an ordinary user's sandbox are covered by in-sandbox.test.ts" : false;

test("curl: GET passes, POST is refused in words", { skip }, async () => {
  const seen = await seenDuring(async () => {
    assert.equal(await inside("curl -sS https://files.example.com/a"), "hello from upstream");
    const said = await inside("curl -sS -d x=1 -w ' %{http_code}' https://files.example.com/a");
    assert.match(said, /"error":"policy_denied".* 403$/);
    assert.match(await inside("curl -sS https://unknown.example.com/ 2>&1"), /403/);
  });
  assert.deepEqual(seen, ["GET files.example.com/a"]);
});

test("node: fetch", { skip }, async () => {
  const script = (init: string) =>
    `/opt/node/bin/node -e 'fetch("https://files.example.com/n",${init}).then(async r=>console.log(r.status,await r.text()))'`;
  const seen = await seenDuring(async () => {
    assert.equal(await inside(script("{}")), "200 hello from upstream");
    assert.match(await inside(script('{method:"POST",body:"x"}')), /^403 \{"error":"policy_denied"/);
  });
  assert.deepEqual(seen, ["GET files.example.com/n"]);
});

test("git: clone passes, also where OpenClaw took GIT_SSL_CAINFO away; push is refused", {
  skip,
}, async () => {
  const git = "env -u GIT_SSL_CAINFO git";
  const seen = await seenDuring(async () => {
    const cloned = await inside(
      `cd /tmp && rm -rf tiny && ${git} clone -q https://git.example.com/tiny.git 2>&1; cat tiny/README`,
    );
    assert.equal(cloned, "cloned through the gateway");
    const pushed = await inside(
      `cd /tmp/tiny && git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m two && git push -q 2>&1; echo ended $?`,
    );
    assert.match(pushed, /403/);
    assert.doesNotMatch(pushed, /ended 0/);
  });
  assert.ok(seen.some((line) => line.startsWith("POST git.example.com/tiny.git/git-upload-pack")));
  assert.ok(!seen.some((line) => /^POST .*receive-pack/.test(line)), seen.join("\n"));
});

test("npm: install passes, publish is refused", {
  skip: skip || (!existsSync("/usr/bin/npm") && "no npm in /usr/bin"),
}, async () => {
  const npm =
    "npm --registry https://npm.example.com/ --no-audit --no-fund --no-update-notifier --loglevel error";
  const seen = await seenDuring(async () => {
    const said = await inside(
      `mkdir -p /tmp/n && cd /tmp/n && ${npm} install tiny 2>&1; /opt/node/bin/node -p 'require("tiny")'`,
    );
    assert.match(said, /from npm$/);
    const published = await inside(
      `mkdir -p /tmp/p && cd /tmp/p && echo '{"name":"mine","version":"1.0.0"}' > package.json && ${npm} --//npm.example.com/:_authToken=x publish 2>&1; echo ended $?`,
    );
    assert.match(published, /403/);
    assert.doesNotMatch(published, /ended 0/);
  });
  assert.ok(seen.includes("GET npm.example.com/tiny/-/tiny-1.0.0.tgz"), seen.join("\n"));
  assert.ok(!seen.some((line) => !line.startsWith("GET ")), seen.join("\n"));
});

test("pip: install passes", {
  skip: skip || (!existsSync("/usr/bin/pip3") && "no pip in /usr/bin"),
}, async () => {
  const said = await inside(
    "pip3 install -q --disable-pip-version-check --root-user-action ignore --target /tmp/py --index-url https://pypi.example.com/simple tiny 2>&1; " +
      "PYTHONPATH=/tmp/py /usr/bin/python3 -c 'import tiny; print(tiny.SAYS)'",
  );
  assert.match(said, /from the index$/);
});

test("Python's urllib: GET passes, POST is refused", {
  skip: skip || (!existsSync("/usr/bin/python3") && "no Python"),
}, async () => {
  const script = (more: string) =>
    `/usr/bin/python3 -c 'import urllib.request as u
try: print(u.urlopen("https://files.example.com/p"${more}).read().decode())
except Exception as e: print(e)'`;
  assert.equal(await inside(script("")), "hello from upstream");
  assert.match(await inside(script(', data=b"x"')), /403/);
});

test("a placeholder works from the environment, and nothing more is told inside", { skip }, async () => {
  assert.equal(await inside("echo $NEMOCLAW_CREDENTIAL_FILES"), "nemoclaw-credential:files");
  const used = 'curl -sS -H "Authorization: Bearer $NEMOCLAW_CREDENTIAL_FILES"';
  assert.equal(await inside(`${used} https://files.example.com/c`), "hello from upstream");
  assert.ok(rows.some((row) => row.credential === "files" && row.verdict === "allow"));
  assert.match(await inside(`${used} https://npm.example.com/c`), /credential_endpoint_mismatch/);
  const told = await inside(
    "ls -a /run/nemoclaw/egress/trust; grep -rl PRIVATE /run/nemoclaw/egress/trust; env",
  );
  assert.match(told, /bundle\.pem/);
  assert.ok(!told.includes(SECRET));
  for (const command of [
    "ls /run/nemoclaw/egress",
    "touch /run/nemoclaw/egress/trust/x",
    "rm /run/nemoclaw/egress/trust/ca.pem",
  ])
    assert.match(await inside(`${command} 2>&1 && echo REACHED`), /denied|Read-only/);
});
