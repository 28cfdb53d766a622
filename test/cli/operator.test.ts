/** list, use, status, inference, usage, queue: against a running service with the fake agent, and with everything down. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { listText } from "../../src/cli/commands/list.ts";
import { usageText } from "../../src/cli/commands/usage.ts";
import { readYaml } from "../../src/lib/config-file.ts";
import { OPERATOR_PRINCIPAL } from "../../src/lib/ids.ts";
import { type FakeVendor, startFakeVendor } from "../fakes/vendor/index.ts";
import { startService, type TestService, waitUntil } from "../helpers/service.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const KEY = "sk-fake-vendor-key-0123456789";
let service: TestService;
let vendor: FakeVendor;

before(async () => {
  vendor = await startFakeVendor({ key: KEY, models: ["gpt-5.4", "gpt-5.4-mini"] });
  service = await startService({
    config: {
      sandboxes: { "my-agent": {}, research: { provider: "demo", model: "demo-2" } },
      inference: {
        default: { provider: "demo" },
        providers: {
          openai: { baseUrl: vendor.url, prices: { "gpt-5.4": { input: 1_000_000, output: 2_000_000 } } },
        },
      },
    },
  });
});
after(async () => {
  await Promise.all([service.stop(), vendor.close()]);
});

function run(args: string[], { stdin = "", home = service.home }: { stdin?: string; home?: string } = {}) {
  const child = spawn(process.execPath, [join(ROOT, "bin", "nemoclaw"), ...args], {
    env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home },
    stdio: "pipe",
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  child.stdin.end(stdin);
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, out, err })),
  );
}
interface Settings {
  inference: { default: object };
  sandboxes: Record<string, object>;
}
const json = async (...args: string[]) => {
  const { code, out, err } = await run([...args, "--json"]);
  assert.equal(code, 0, err);
  return JSON.parse(out) as Record<string, unknown>;
};
const config = () => readYaml("c", readFileSync(join(service.home, "config.yaml"), "utf8")).value as Settings;

describe("nemoclaw list and use", () => {
  it("has the shape of NVIDIA's list, with owner, state and last use", async () => {
    await service.ask("What is 17+25?");
    const { code, out, err } = await run(["list"]);
    assert.deepEqual([code, err], [0, ""]);
    const masked = out.replace(/last use: \d+ s ago/, "last use: N s ago");
    assert.equal(
      masked,
      [
        "",
        "  Sandboxes:",
        "    my-agent *",
        "      model: demo-1  provider: demo",
        "      owner: operator  state: warm  last use: N s ago",
        "        policies: none",
        "    research",
        "      model: demo-2  provider: demo",
        "      owner: operator  state: cold  last use: -",
        "        policies: none",
        "",
        "  * = default sandbox",
        "",
        "",
      ].join("\n"),
    );
  });

  it("for programs", async () => {
    const list = await json("list");
    assert.deepEqual([list["schemaVersion"], list["default"], list["running"]], [1, "my-agent", true]);
    const [first] = list["sandboxes"] as Record<string, unknown>[];
    assert.deepEqual(
      [first?.["id"], first?.["state"], first?.["policies"]],
      [OPERATOR_PRINCIPAL, "warm", []],
    );
  });

  it("use: the default sandbox's model is the newcomers' from then on", async () => {
    const { code, err } = await run(["use", "research"]);
    assert.deepEqual([code, err], [0, "✓ research is the default sandbox\n"]);
    assert.equal((await json("list"))["default"], "research");
    const gateway = (await service.status()).services.find(({ name }) => name === "gateway");
    await waitUntil(
      async () =>
        (await service.status()).services.find(({ name }) => name === "gateway")?.facts["model"] ===
        "demo/demo-2",
      5_000,
      () => `gateway says ${gateway?.facts["model"]}`,
    );
    const unknown = await run(["use", "reserch"]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /did you mean research\?/);
    await run(["use", "my-agent"]);
  });

  it("a list without facts says so", () => {
    const text = listText(
      {
        running: false,
        sandboxes: [{ name: "a", id: "p", owner: "user", state: "parked", isDefault: false }],
      },
      0,
    );
    assert.match(
      text,
      / {4}a\n {6}model: the default {2}provider: the default\n.*state: parked {2}last use: -\n\n/,
    );
  });
});

describe("nemoclaw status", () => {
  it("shows services with pid and health, sandboxes, queue, open approvals", async () => {
    const { out } = await run(["status"]);
    assert.match(out, /^nemoclaw \S+ is ready \(pid \d+/);
    assert.match(out, /\n {2}● gateway +ready +pid \d+/);
    assert.match(out, /\nSandboxes +2 \(1 warm, 1 cold\)/);
    assert.match(out, /\nQueue +0 messages waiting, 0 turns running\n/);
    assert.match(out, /\nApprovals +0 open\n/);
    const status = await json("status");
    assert.deepEqual(status["queue"], { waiting: 0, running: 0, paused: false });
  });

  it("tells the truth about a process that is dead, and what can't be asked", async () => {
    process.kill(await service.pidOf("gateway"), "SIGSTOP");
    try {
      const { code, out } = await run(["status"]);
      assert.equal(code, 0);
      assert.match(out, /\nApprovals +unknown: the gateway didn't answer/);
    } finally {
      process.kill(await service.pidOf("gateway"), "SIGCONT");
    }
  });
});

describe("nemoclaw inference", () => {
  it("get", async () => {
    assert.match(
      (await run(["inference", "get"])).out,
      /^Provider: {2}demo \(Built-in demo.*\nModel: {5}demo-1\n/,
    );
    const own = await json("inference", "get", "--sandbox", "research");
    assert.deepEqual([own["model"], own["from"], own["hasKey"]], ["demo-2", "the profile of research", true]);
  });

  it("set: a wrong key or model changes nothing", async () => {
    const before = readFileSync(join(service.home, "config.yaml"), "utf8");
    const key = await run(["inference", "set", "--provider", "openai", "--api-key-stdin"], {
      stdin: "sk-bad",
    });
    assert.deepEqual([key.code, /not accepted \(HTTP 401\)/.test(key.err)], [1, true]);
    const model = await run(["inference", "set", "--provider", "openai", "--model", "x", "--api-key-stdin"], {
      stdin: KEY,
    });
    assert.deepEqual([model.code, /HTTP 404/.test(model.err)], [1, true]);
    assert.equal((await run(["inference", "set"])).code, 2);
    assert.equal((await run(["inference", "set", "--provider", "nobody"])).code, 2);
    assert.equal(readFileSync(join(service.home, "config.yaml"), "utf8"), before);
  });

  it("set: counts at once, for everybody or for one sandbox", async () => {
    const set = await run(["inference", "set", "--provider", "openai", "--api-key-stdin"], { stdin: KEY });
    assert.equal(set.code, 0, set.err);
    assert.match(set.err, /✓ everybody by default: openai\/gpt-5\.4\n$/);
    assert.deepEqual(config().inference.default, { provider: "openai", model: "gpt-5.4" });
    vendor.otherwise = { text: "forty-two" };
    assert.match((await service.ask("hello")).markdown, /forty-two/);
    const one = await run([
      "inference",
      "set",
      "--sandbox",
      "research",
      "--provider",
      "demo",
      "--model",
      "demo-1",
    ]);
    assert.match(one.err, /✓ research: demo\/demo-1/);
    assert.deepEqual(config().sandboxes["research"], { provider: "demo", model: "demo-1" });
  });

  it("models: as the provider lists them", async () => {
    assert.equal((await run(["inference", "models"])).out, "gpt-5.4\ngpt-5.4-mini\n");
    assert.deepEqual((await json("inference", "models", "--provider", "demo"))["models"], ["demo-1"]);
    assert.equal((await run(["inference", "models", "--provider", "ollama"])).code, 1);
  });
});

describe("nemoclaw usage", () => {
  it("by day, sandbox and model, with cost where a price is known", async () => {
    const { out } = await run(["usage"]);
    const [head, ...rows] = out.trim().split("\n");
    assert.match(head ?? "", /^DAY +SANDBOX +MODEL +CALLS +INPUT +OUTPUT +COST$/);
    assert.ok(
      rows.some((row) => /my-agent +openai\/gpt-5\.4 +1 +\d+ +\d+ +\$0\.\d{4}$/.test(row)),
      out,
    );
    assert.match(rows.at(-1) ?? "", /^total +\d+/);
    const { usage } = await json("usage", "--user", "my-agent", "--since", "1d");
    assert.ok((usage as { name: string }[]).every(({ name }) => name === "my-agent"));
    assert.equal((await run(["usage", "--user", "research"])).out, "No model was called in this time.\n");
    assert.equal((await run(["usage", "--since", "yesterday"])).code, 2);
  });

  it("days before are left out; the total is of what is shown", () => {
    const row = { principal: "p", day: "2026-01-02", model: "m", input: 1, output: 2, micros: 0, calls: 3 };
    const text = usageText([row, { ...row, day: "2026-01-03" }], new Map([["p", "ann"]]));
    assert.match(text, /\n2026-01-02 {2}ann +m +3 +1 +2 +-\n[\s\S]*\ntotal +6 +2 +4 +-$/);
  });
});

describe("nemoclaw queue", () => {
  it("status, pause, show, resume", async () => {
    assert.match(
      (await run(["queue", "status"])).out,
      /^waiting +nothing\nrunning +0 turns\nfailed +0 turns/,
    );
    const heard = service.logs().length;
    assert.equal((await run(["queue", "pause"])).code, 0);
    assert.match((await run(["queue", "status"])).out, /new turns +PAUSED by /);
    assert.match((await run(["status"])).out, /NEW TURNS ARE PAUSED/);
    await waitUntil(
      () =>
        service
          .logs()
          .slice(heard)
          .some(({ msg, ...rest }) => msg.includes("wish about new turns") && rest["paused"] === true),
      5_000,
      () => "the worker didn't take the pause",
    );
    const asked = service.ask("What is 20+22? \u001b[31mred");
    await waitUntil(
      async () => (await run(["queue", "show"])).out.includes("console."),
      5_000,
      () => "nothing waits",
    );
    const [, row = ""] = (await run(["queue", "show"])).out.split("\n");
    const [conversation = ""] = row.split(/\s+/);
    const text = (await run(["queue", "show", conversation, "--text"])).out;
    assert.match(text, /What is 20\+22\? \\u\{1b\}\[31mred/);
    assert.doesNotMatch((await run(["queue", "show", conversation])).out, /20\+22/);
    assert.equal((await run(["queue", "resume"])).err, "✓ new turns begin again\n");
    vendor.otherwise = { text: "it is 42" };
    assert.match((await asked).markdown, /42/);
  });

  it("drain waits for what runs, and says when it takes too long", async () => {
    vendor.otherwise = { text: "slow", delayMs: 9_000 };
    const asked = service.ask("hello");
    await waitUntil(
      async () => /running +1 turn\n/.test((await run(["queue", "status"])).out),
      8_000,
      () => "no turn runs",
    );
    assert.equal((await run(["queue", "drain", "--timeout", "1"])).code, 124);
    const drained = await run(["queue", "drain", "--timeout", "20"]);
    assert.deepEqual(
      [drained.code, drained.err],
      [0, "✓ no turn runs; what comes waits (nemoclaw queue resume)\n"],
    );
    assert.match((await asked).markdown, /slow/);
    await run(["queue", "resume"]);
  });

  it("retry: a turn that failed; others are refused", async () => {
    vendor.otherwise = { status: 500 };
    assert.equal((await service.ask("this will fail")).kind, "failure");
    const shown = (await run(["queue", "show", "--failed", "--text"])).out;
    const [turn = ""] = /t_[a-z0-9]+/.exec(shown) ?? [];
    assert.match(shown, /failed +1 +this will fail/);
    vendor.otherwise = { text: "now it works" };
    const retried = await run(["queue", "retry", turn]);
    assert.equal(retried.code, 0, retried.err);
    assert.match(retried.err, /✓ handed in again: console\./);
    const unknown = await run(["queue", "retry", "t_aaaaaaaaaaaaaaaaaaaa"]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /there is no finished turn/);
  });
});

describe("with the service down", () => {
  const down: [args: string[], code: number, said: RegExp][] = [
    [["list"], 0, /not running: this is what the disk knows/],
    [["status"], 3, /not running on this home/],
    [["usage"], 3, /not running on this home/],
    [["queue", "status"], 3, /not running on this home/],
    [["inference", "get"], 0, /^$/],
    [["use", "my-agent"], 0, /saved; it counts from the next nemoclaw start/],
  ];
  for (const [args, code, said] of down)
    it(`nemoclaw ${args.join(" ")}: exit code ${code}`, async () => {
      const { makeHome } = await import("../helpers/service.ts");
      const { rmSync } = await import("node:fs");
      const home = makeHome();
      try {
        const result = await run(args, { home });
        assert.equal(result.code, code, result.err);
        assert.match(result.err, said);
        assert.doesNotMatch(result.err, /^\s+at /m);
      } finally {
        rmSync(home, { recursive: true });
      }
    });
});
