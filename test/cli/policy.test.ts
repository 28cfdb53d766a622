/**
 * The policy commands of both CLIs as programs, against a real book on a real Redis behind a real admin socket: what
 * they print to the letter, and how they end.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { z } from "zod";
import { policyMethods } from "../../src/gateway/policy/live/index.ts";
import { adminMethod } from "../../src/lib/admin/methods.ts";
import { type AdminServer, serveAdmin } from "../../src/lib/admin/server.ts";
import { OPERATOR_PRINCIPAL } from "../../src/lib/ids.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { ANN, allowing, type Gate, gate, scratch } from "../gateway/policy/live-kit.ts";
import { silent, startTestRedis, type TestRedis } from "../helpers/redis.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** The seed's example, to the letter. */
const SEED = `egress:
  allowed:
    - host: "api.github.com"
      port: 443
    - host: "api.openai.com"
      port: 443
  denied:
    - host: "*"
      port: "*"
`;
const REST =
  "version: 1\nnetwork_policies:\n  api:\n    endpoints:\n      - { host: api.example.com, port: 443, protocol: rest, access: read-only }\n";

let redis: TestRedis;
let home: ReturnType<typeof scratch>;
let gateway: Gate;
let server: AdminServer;
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());
beforeEach(async () => {
  home = scratch();
  const keys = (await redis.send("admin", "KEYS", "nc:{p:*}:policy")) as string[];
  if (keys.length > 0) await redis.send("admin", "DEL", ...keys);
  gateway = await gate(redis);
  server = await serveAdmin(pathsOf(home.dir).adminSocket, policyMethods(gateway.desk), silent);
});
afterEach(async () => {
  await server.close();
  await gateway.book.close();
  home.remove();
});

interface Run {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a CLI in the home, as a user types it. */
function run(program: "openshell" | "nemoclaw", ...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, "bin", program), ...args], {
      cwd: home.dir,
      env: {
        PATH: process.env["PATH"],
        NEMOCLAW_HOME: home.dir,
        HOME: home.dir,
        npm_config_registry: "https://npm.mirror.example/",
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const out: string[] = [];
    const err: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => out.push(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => err.push(text));
    child.on("close", (code) => resolve({ code, out: out.join(""), err: err.join("") }));
  });
}
const file = (name: string, text: string) => {
  writeFileSync(home.file(name), text);
  return name;
};
const hashOf = async (target: string) => (await gateway.store.get(target))!.hash;

describe("openshell policy", () => {
  it("the seed's command with the seed's file, then again", async () => {
    file("custom-policy.yaml", SEED);
    const first = await run("openshell", "policy", "apply", "-f", "custom-policy.yaml");
    const hash = (await hashOf("default")).slice(0, 12);
    assert.deepEqual(first, {
      code: 0,
      out: "",
      err: `✓ Policy version 1 submitted (hash: ${hash})\n`,
    });
    const again = await run("openshell", "policy", "apply", "-f", "custom-policy.yaml");
    assert.deepEqual(again, { code: 0, out: "", err: `· Policy unchanged (version 1, hash: ${hash})\n` });
    await gateway.book.loaded(ANN);
    assert.equal(gateway.book.open(ANN).current().policy.all.length, 2);
  });
  it("set NAME --policy --wait warns about rules that are audit-only by omission", async () => {
    file("default.yaml", SEED);
    await run("openshell", "policy", "set", "--policy", "default.yaml");
    file("p.yaml", REST);
    const set = await run(
      "openshell",
      "policy",
      "set",
      "my-agent",
      "--policy",
      "p.yaml",
      "--wait",
      "--timeout",
      "5",
    );
    const hash = (await hashOf(OPERATOR_PRINCIPAL)).slice(0, 12);
    assert.deepEqual(set, {
      code: 0,
      out: "",
      err: [
        "⚠ p.yaml:5:9: no `enforcement`: OpenShell would only audit here; this gateway enforces (write `enforcement: audit` to let requests through)",
        "· The default policy (version 1) holds for this sandbox too: policy get --full",
        `✓ Policy version 1 submitted (hash: ${hash})`,
        "✓ Policy version 1 loaded (active version: 1)",
        "",
      ].join("\n"),
    });
  });
  it("a broken file: every problem with its place, exit 1, nothing changed", async () => {
    file(
      "bad.yaml",
      "version: 1\nnetwork_policies:\n  a:\n    endpoints:\n      - { host: a.example.com, prot: 443 }\n",
    );
    assert.deepEqual(await run("openshell", "policy", "set", "--policy", "bad.yaml"), {
      code: 1,
      out: "",
      err: "bad.yaml:5:32: unknown key `prot` in network_policies.a.endpoints.0\n",
    });
    file("none.yaml", "{");
    const none = await run("openshell", "policy", "set", "--policy", "none.yaml");
    assert.equal(none.code, 1);
    assert.match(none.err, /^none\.yaml:1:\d+: /);
    assert.deepEqual(await gateway.store.heads(["default"]), [0]);
  });
  it("a fixed section: refused by name", async () => {
    file("fs.yaml", "version: 1\nfilesystem_policy: { read_write: [/sandbox] }\nnetwork_policies: {}\n");
    const refused = await run("openshell", "policy", "set", ANN, "--policy", "fs.yaml");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /^openshell: filesystem_policy: \/tmp is writable in every sandbox/);
  });
  it("list and get, in their columns and lines", async () => {
    file("a.yaml", allowing("a.example.com"));
    file("b.yaml", allowing("b.example.com"));
    for (const name of ["a.yaml", "b.yaml"]) await run("openshell", "policy", "set", ANN, "--policy", name);
    const [newest, oldest] = await gateway.store.list(ANN);
    const when = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");
    assert.deepEqual(await run("openshell", "policy", "list", ANN), {
      code: 0,
      err: "",
      out: [
        "VERSION  HASH          STATUS      CREATED              ERROR",
        `2        ${newest!.hash.slice(0, 12)}  Loaded      ${when(newest!.createdAt)}`,
        `1        ${oldest!.hash.slice(0, 12)}  Superseded  ${when(oldest!.createdAt)}`,
        "",
      ].join("\n"),
    });
    assert.deepEqual(await run("openshell", "policy", "get", ANN, "--rev", "1", "--base"), {
      code: 0,
      err: "",
      out: `Version: 1\nHash: ${oldest!.hash}\nStatus: Superseded\nCreated: ${oldest!.createdAt} ms\nLoaded: 0 ms\n---\n${allowing("a.example.com")}`,
    });
    const json = await run("openshell", "policy", "get", ANN, "-o", "json");
    const data = JSON.parse(json.out) as Record<string, unknown>;
    assert.deepEqual(
      [data["sandbox"], data["version"], data["hash"], data["status"], data["policy"]],
      [ANN, 2, newest!.hash, "Loaded", allowing("b.example.com")],
    );
    const gone = await run("openshell", "policy", "get", ANN, "--rev", "7");
    assert.deepEqual(
      [gone.code, gone.err],
      [1, `openshell: the policy of ${ANN} has no version 7\n  → versions 1 to 2 are kept\n`],
    );
  });
  it("get --full is a file that loads, with default, own and presets", async () => {
    await run("nemoclaw", "policy-add", "github");
    file("own.yaml", `${SEED}    - host: bad.example.com\n`);
    await run("openshell", "policy", "set", ANN, "--policy", "own.yaml");
    const full = await run("openshell", "policy", "get", ANN, "--full");
    const policy = full.out.split("---\n")[1]!;
    assert.match(policy, /host: api\.openai\.com/);
    assert.match(policy, /preset:github/);
    assert.match(policy, /# denied, whatever is approved: bad\.example\.com:\*/);
    file("full.yaml", policy);
    const again = await run(
      "openshell",
      "policy",
      "set",
      "p_zzzzzzzzzzzzzzzzzzzz",
      "--policy",
      "full.yaml",
      "--dry-run",
    );
    assert.equal(again.code, 0, again.err);
  });
  it("update: endpoints and requests in and out, shown first, comments kept", async () => {
    const own = file("p.yaml", `# mine\n${REST}`);
    await run("openshell", "policy", "set", ANN, "--policy", own);
    const dry = await run(
      "openshell",
      ...["policy", "update", ANN, "--dry-run", "--add-endpoint", "db.example.com:5432"],
      ...["--add-allow", "api.example.com:443:POST:/v1/**"],
    );
    assert.equal(
      dry.out,
      [
        "- api: api.example.com:443; rest GET /**, HEAD /**, OPTIONS /**",
        "+ api: api.example.com:443; rest GET /**, HEAD /**, OPTIONS /**, POST /v1/**",
        "+ allow_db_example_com_5432: db.example.com:5432; any request",
        "",
      ].join("\n"),
    );
    assert.deepEqual(await gateway.store.heads([ANN]), [1]);
    const done = await run(
      "openshell",
      ...[
        "policy",
        "update",
        ANN,
        "--add-endpoint",
        "w.example.com:443:read-write:rest:enforce",
        "--binary",
        "/usr/bin/git",
      ],
      ...["--add-deny", "api.example.com:443:GET:/private/**", "--wait"],
    );
    assert.equal(done.code, 0, done.err);
    assert.match(done.err, /✓ Policy version 2 loaded \(active version: 2\)/);
    const { text } = (await gateway.store.get(ANN))!;
    assert.match(text, /^# mine\n/);
    assert.match(text, /deny_rules:/);
    assert.match(text, /allow_w_example_com_443:[\s\S]*binaries:[\s\S]*\/usr\/bin\/git/);
    const removed = await run(
      "openshell",
      ...["policy", "update", ANN, "--remove-rule", "api", "--remove-endpoint", "w.example.com:443"],
    );
    assert.equal(removed.code, 0, removed.err);
    assert.equal((await gateway.desk.effective(ANN)).model.rules.length, 0);
    const wrong = await run("openshell", "policy", "update", ANN, "--remove-rule", "api");
    assert.deepEqual([wrong.code, wrong.err], [1, "openshell: there is no rule api\n"]);
  });
  it("rollback brings an old version back as a new one", async () => {
    for (const [i, host] of ["a", "b"].entries()) {
      file(`${i}.yaml`, allowing(`${host}.example.com`));
      await run("openshell", "policy", "set", "--policy", `${i}.yaml`);
    }
    const back = await run("openshell", "policy", "rollback", "--rev", "1");
    const hash = (await hashOf("default")).slice(0, 12);
    assert.deepEqual(back, { code: 0, out: "", err: `✓ Policy version 3 submitted (hash: ${hash})\n` });
    assert.equal((await gateway.store.get("default"))?.text, allowing("a.example.com"));
  });
  it("wrong usage is 2, an unknown sandbox 1, nobody running 3", async () => {
    assert.equal((await run("openshell", "policy", "set")).code, 2);
    assert.equal((await run("openshell", "policy", "get", "--rev", "none")).code, 2);
    const unknown = await run("openshell", "policy", "get", "nobody");
    assert.deepEqual(
      [unknown.code, unknown.err.split("\n")[0]],
      [1, "openshell: there is no sandbox nobody"],
    );
    const away = await run("openshell", "policy", "list", "--home", home.file("elsewhere"));
    assert.deepEqual(
      [away.code, away.err],
      [
        3,
        `openshell: nemoclaw is not running on this home\n  → start it with: nemoclaw start\n  (looked in ${home.file("elsewhere")}; NEMOCLAW_HOME or --home says where)\n`,
      ],
    );
  });
});

describe("openshell policy set --wait", () => {
  const submitted = {
    kind: "submitted",
    target: "default",
    version: 3,
    hash: "abcdef1234567890",
    warnings: [],
    diff: { added: [], removed: [], fixed: [] },
  };
  const CASES: [status: string, code: number, line: string][] = [
    ["Loaded", 0, "✓ Policy version 3 loaded (active version: 2)"],
    ["Failed", 1, "✗ Policy version 3 failed to load: p.yaml:1:1: broken"],
    ["Superseded", 0, "⚠ Policy version 3 was superseded (active version: 2)"],
    ["Pending", 124, "✗ Timeout waiting for policy version 3 to load"],
  ];
  for (const [status, code, line] of CASES) {
    it(`${status}: exit ${code}`, async () => {
      const other = home.file(status);
      mkdirSync(other);
      const fake = await serveAdmin(
        pathsOf(other).adminSocket,
        {
          "policy.set": adminMethod(z.unknown(), async () => submitted),
          "policy.get": adminMethod(z.unknown(), async () => ({
            status,
            active: 2,
            error: "p.yaml:1:1: broken",
          })),
        },
        silent,
      );
      file("p.yaml", SEED);
      const done = await run(
        "openshell",
        ...["policy", "set", "--policy", "p.yaml", "--wait", "--timeout", "1", "--home", other],
      );
      assert.deepEqual(done, {
        code,
        out: "",
        err: `✓ Policy version 3 submitted (hash: abcdef123456)\n${line}\n`,
      });
      await fake.close();
    });
  }
});

describe("nemoclaw policy", () => {
  it("policy-list and policy-add, with the registry that this machine is configured for", async () => {
    const before = await run("nemoclaw", "policy-list");
    assert.match(before.out, /^\n {2}Policy presets for sandbox 'default':\n {4}○ brave — /);
    const added = await run("nemoclaw", "policy-add", "npm");
    assert.equal(added.code, 0, added.err);
    assert.equal(added.out, "  Applied preset: npm\n");
    const rules = (await gateway.desk.effective("default")).model.rules;
    assert.deepEqual(
      rules.map(({ host, origin }) => [host, origin]),
      [["npm.mirror.example", "preset"]],
    );
    const write = await run("nemoclaw", "policy-add", "github-write", "--sandbox", ANN);
    assert.match(write.err, /^⚠ github-write lets data out\n/);
    const list = await run("nemoclaw", "policy-list", "--sandbox", ANN);
    assert.match(list.out, / {4}● npm — .* \(by the default policy\)\n/);
    assert.match(list.out, / {4}● github-write — .* \(lets data out\)\n/);
    assert.match(list.out, / {4}○ weather — Weather and forecasts\n/);
    const removed = await run("nemoclaw", "policy-remove", "npm");
    assert.deepEqual([removed.code, removed.out], [0, "  Removed preset: npm\n"]);
    const unknown = await run("nemoclaw", "policy-add", "nonsense");
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /there is no preset nonsense\n {2}→ presets: brave, /);
  });
  it("a preset from a file", async () => {
    file(
      "mine.yaml",
      "preset: { name: mine, description: my service }\nnetwork_policies: { m: { endpoints: [{ host: m.example.com, port: 443 }] } }\n",
    );
    const added = await run("nemoclaw", "policy-add", "--from-file", "mine.yaml");
    assert.deepEqual([added.code, added.out], [0, "  Applied preset: mine\n"]);
    assert.match((await run("nemoclaw", "policy-list")).out, /● mine — added from a file/);
    file(
      "github.yaml",
      "preset: { name: github, description: not the real one }\nnetwork_policies: { m: { endpoints: [{ host: evil.example.com, port: 443 }] } }\n",
    );
    const taken = await run("nemoclaw", "policy-add", "--from-file", "github.yaml");
    assert.deepEqual(
      [taken.code, taken.err.split("\n")[0]],
      [1, "nemoclaw: github is a preset of this product"],
    );
  });
  it("explain, for people and programs", async () => {
    file("p.yaml", REST);
    await run("nemoclaw", "policy", "set", "-f", "p.yaml");
    const allowed = await run("nemoclaw", "policy", "explain", "api.example.com:443", "--path", "/x");
    assert.equal(
      allowed.out,
      [
        "GET api.example.com:443 is allowed: a rule allows it (api).",
        "Rules that name it:",
        "  api (policy, api.example.com) applies",
        "Asked: default policy version 1.",
        "",
      ].join("\n"),
    );
    const post = await run(
      "nemoclaw",
      ...["policy", "explain", "api.example.com:443", "--method", "POST", "--sandbox", ANN, "--json"],
    );
    const answer = JSON.parse(post.out) as Record<string, unknown>;
    assert.deepEqual(
      [answer["verdict"], answer["reason"], answer["versions"]],
      ["ask", "request_not_allowed", { default: 1, own: 0 }],
    );
    assert.equal((await run("nemoclaw", "policy", "explain", "nowhere")).code, 2);
  });
});
