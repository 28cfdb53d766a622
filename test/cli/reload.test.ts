/** Settings: edits that keep comments, what each change needs, and a reload of the running service. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { editConfig, edited } from "../../src/cli/settings/edit.ts";
import { readConfig } from "../../src/cli/settings/read.ts";
import type { Settings } from "../../src/cli/supervisor/installation.ts";
import { onboardedProfiles } from "../../src/cli/supervisor/profiles.ts";
import { EFFECTS, planReload } from "../../src/cli/supervisor/reload.ts";
import { OPERATOR_PRINCIPAL } from "../../src/lib/ids.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { LauncherClient } from "../../src/sandbox/index.ts";
import { startService, type TestService } from "../helpers/service.ts";

const ROOT = join(import.meta.dirname, "..", "..");
let home = "";
before(() => {
  home = mkdtempSync(join(tmpdir(), "nc-"));
});
after(() => rmSync(home, { recursive: true }));

const settings = (text: string, hasToken = false): Settings => ({
  config: readConfig(pathsOf(home), { text, env: {} }).config,
  ...{ bots: hasToken ? ["telegram-bridge"] : [], onlyOperator: true, notices: [] },
});

/** Paths of all settings. */
function leaves(value: unknown, path: string[] = []): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value) || Object.keys(value).length === 0)
    return [path.join(".")];
  return Object.entries(value).flatMap(([key, child]) => leaves(child, [...path, key]));
}

describe("settings", () => {
  it("are edited where they stand: comments, order and other settings stay", () => {
    const text = "# mine\nlog:\n  level: debug # loud\nconsole: {port: 7}\n";
    assert.equal(
      edited(text, [
        [["inference", "default", "provider"], "demo"],
        [["console", "port"], undefined],
      ]),
      "# mine\nlog:\n  level: debug # loud\nconsole: {}\ninference:\n  default:\n    provider: demo\n",
    );
    assert.equal(edited("", [[["log", "level"], undefined]]), "");
  });

  it("a wrong edit changes nothing", () => {
    const paths = pathsOf(home);
    editConfig(paths, [[["log", "level"], "debug"]]);
    assert.equal(statSync(paths.config).mode & 0o777, 0o600);
    assert.throws(() => editConfig(paths, [[["log", "level"], "loud"]]), /config\.yaml:2:10: log\.level/);
    assert.throws(() => editConfig(paths, [[["sandboxes", "Bad Name"], {}]]), /config-invalid|sandboxes/);
    assert.throws(
      () => editConfig(paths, [[["sandboxes", "a"], { provider: "nobody" }]]),
      /there is no provider nobody/,
    );
    assert.equal(readFileSync(paths.config, "utf8"), "log:\n  level: debug\n");
  });

  it("the default sandbox's model is the newcomers', unless a variable says another", () => {
    const text =
      "sandboxes: {a: {provider: ollama, model: qwen3}}\ndefaultSandbox: a\ninference: {default: {provider: demo}}\n";
    const modelOf = (env: NodeJS.ProcessEnv) =>
      (readConfig(pathsOf(home), { text, env }).config.inference as { default: unknown }).default;
    assert.deepEqual(modelOf({}), { provider: "ollama", model: "qwen3" });
    assert.deepEqual(modelOf({ NEMOCLAW_PROVIDER: "vllm", NEMOCLAW_MODEL: "m" }), {
      provider: "vllm",
      model: "m",
    });
  });

  it("each has an effect when it changes, and stands in docs/configuration.md", () => {
    const docs = readFileSync(join(ROOT, "docs", "configuration.md"), "utf8");
    for (const path of leaves(settings("").config)) {
      const prefixes = path.split(".").map((_, i, parts) => parts.slice(0, i + 1).join("."));
      assert.ok(
        prefixes.some((prefix) => EFFECTS[prefix]),
        `${path} has no effect`,
      );
      assert.ok(docs.includes(`\`${path}\``), `docs/configuration.md doesn't name ${path}`);
    }
  });

  const changes: [before: string, after: string, restart: string[], waits: string[]][] = [
    ["", "log: {level: debug}", [], []],
    ["", "inference: {default: {provider: ollama, model: a}}", [], []],
    ["", "egress: {unknown: deny}\ntelegram: {allowedUsers: [1]}", ["telegram-bridge", "gateway"], []],
    ["", "redis: {durability: asserted}", [], ["redis.durability"]],
    ["worker: {concurrency: 2}", "worker: {concurrency: 3}", ["worker"], []],
    ["console: {port: 0}", "", [], []],
  ];
  for (const [from, to, restart, waits] of changes)
    it(`${from || "nothing"} → ${to || "nothing"}`, () => {
      const plan = planReload(settings(from, true), settings(to, true));
      assert.deepEqual([new Set(plan.restart), plan.waits], [new Set(restart), waits]);
    });

  it("a bridge starts when its token has come, and isn't restarted without one", () => {
    assert.deepEqual(planReload(settings(""), settings("", true)).restart, ["telegram-bridge"]);
    assert.deepEqual(planReload(settings(""), settings("telegram: {allowedUsers: [1]}")).restart, []);
  });

  it("onboarded sandboxes are profiles; the operator's own is my-agent until it has a name", () => {
    assert.deepEqual([...onboardedProfiles({})], [[OPERATOR_PRINCIPAL, { name: "my-agent" }]]);
    const named = onboardedProfiles({ helper: { id: OPERATOR_PRINCIPAL, provider: "demo" }, lab: null });
    assert.deepEqual(named.get(OPERATOR_PRINCIPAL), { name: "helper", provider: "demo" });
    assert.equal([...named.values()].at(-1)?.name, "lab");
  });
});

describe("nemoclaw reload", () => {
  let service: TestService;
  before(async () => {
    service = await startService();
  });
  after(() => service.stop());

  const run = (...args: string[]) => {
    const result = spawnSync(process.execPath, [join(ROOT, "bin", "nemoclaw"), ...args], {
      env: { PATH: process.env["PATH"], NEMOCLAW_HOME: service.home },
      encoding: "utf8",
      timeout: 60_000,
    });
    return { code: result.status, out: result.stdout, err: result.stderr };
  };
  const config = (change: (settings: Record<string, unknown>) => void) => {
    const file = join(service.home, "config.yaml");
    const now = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    change(now);
    writeFileSync(file, JSON.stringify(now));
  };

  it("nothing changed: nothing happens", () => {
    assert.deepEqual(run("reload"), { code: 0, out: "", err: "· nothing has changed\n" });
  });

  it("a wrong setting is refused with its place, and all goes on as it was", async () => {
    const before = await service.status();
    config((now) => {
      now["log"] = { level: "loud" };
      now["inference"] = { default: { provider: "ollama", model: "a" } };
    });
    const { code, err } = run("reload");
    assert.equal(code, 2);
    assert.match(err, /config\.yaml:1:\d+: log\.level/);
    const now = await service.status();
    assert.deepEqual(
      now.services.map(({ pid, facts }) => [pid, facts]),
      before.services.map(({ pid, facts }) => [pid, facts]),
    );
    config((back) => {
      delete back["log"];
      delete back["inference"];
    });
  });

  it("a model counts at once: the next call goes there, no process is restarted", async () => {
    const before = await service.status();
    config((now) => {
      now["inference"] = { default: { provider: "demo", model: "demo-2" } };
      now["sandboxes"] = { helper: { id: OPERATOR_PRINCIPAL } };
    });
    const { code, out } = run("reload", "--json");
    assert.equal(code, 0);
    const report = JSON.parse(out) as { changed: string[]; restarted: string[] };
    assert.deepEqual(report.restarted, []);
    assert.ok(report.changed.includes("inference.default.model"), report.changed.join());
    const answer = await service.ask("What is 17+25?");
    assert.match(answer.markdown, /42/);
    assert.equal((await service.sandboxes())[0]?.name, "helper");
    assert.equal((await service.sandboxes())[0]?.agent.model, "demo/demo-2");
    const now = await service.status();
    assert.deepEqual(
      now.services.map(({ pid }) => pid),
      before.services.map(({ pid }) => pid),
    );
  });

  it("what needs a restart restarts that process only; the agent stays; what needs a start waits", async () => {
    const before = await service.status();
    const [agent] = await service.sandboxes();
    config((now) => {
      now["egress"] = { unknown: "deny" };
      now["redis"] = { durability: "asserted" };
    });
    const { code, err } = run("reload");
    assert.equal(code, 0, err);
    assert.match(err, /✓ restarted: gateway\n! at the next start: redis\.durability/);
    const now = await service.status();
    const pids = (status: typeof now) => new Map(status.services.map(({ name, pid }) => [name, pid]));
    for (const [name, pid] of pids(now))
      assert.equal(pid === pids(before).get(name), name !== "gateway", name);
    assert.ok(now.services.every(({ state, restarts }) => state === "ready" && restarts === 0));
    assert.equal((await service.sandboxes())[0]?.pid, agent?.pid);
    const answer = await service.ask("What is 20+22?");
    assert.match(answer.markdown, /42/);
  });

  it("raises the launcher's ceiling with the worker's limits, and lowers it", async () => {
    const launcher = new LauncherClient({ socket: service.paths.launcher.workerSocket });
    const [one] = await service.sandboxes();
    assert.ok(one);
    const { id, name, limits, agent } = one;
    const ask = (pids: number) =>
      launcher.create({ id, name, agent, limits: { ...limits, pids } }).then(
        (info) => info.limits.pids,
        (error: { code?: string }) => error.code,
      );
    assert.equal(await ask(limits.pids + 1), "sandbox-above-ceiling");
    const { profile, ...rest } = readConfig(service.paths, { env: {} }).config.worker as {
      profile: { limits: object };
    };
    config((now) => {
      now["worker"] = {
        ...rest,
        profile: { ...profile, limits: { ...profile.limits, pids: limits.pids + 1 } },
      };
    });
    assert.equal(run("reload").code, 0);
    assert.equal(await ask(limits.pids + 1), limits.pids + 1);
    assert.equal(await ask(limits.pids + 2), "sandbox-above-ceiling");
    launcher.close();
  });
});
