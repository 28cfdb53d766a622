/**
 * The guest drives the real OpenClaw (one start, some 20 s of CPU): warm turns stream, tools run, cancel, replay, crash.
 * Runs in a network namespace of its own: what works here works without any network. Times are printed, not judged,
 * but for coarse bounds.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { agentProcesses } from "../../src/sandbox/guest/processes.ts";
import { realRuntime } from "../helpers/runtime.ts";
import { startRig, until } from "../sandbox/guest/harness.ts";

/** Set inside: where the runtime is. */
const INSIDE = "NEMOCLAW_TEST_REAL_RUNTIME";

const namespaced = spawnSync("unshare", ["-n", "true"]).status === 0;
const skip = namespaced ? false : "no network namespace can be made here (unshare -n fails)";
const given = process.env[INSIDE];

if (given === undefined) {
  test("real OpenClaw, in a network namespace of its own", { skip }, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "nc-real-"));
    t.after(() => rmSync(dir, { recursive: true, force: true }));
    const runtime = join(dir, "runtime");
    await realRuntime(runtime);
    const script = 'ip link set lo up 2>/dev/null || ifconfig lo up; exec "$0" "$@"';
    const argv = [
      "-n",
      "sh",
      "-c",
      script,
      process.execPath,
      "--test",
      "--test-reporter=spec",
      import.meta.filename,
    ];
    // Without NODE_TEST_CONTEXT, or the inner run would report to a parent that doesn't listen.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const run = spawnSync("unshare", argv, {
      env: { ...env, [INSIDE]: runtime },
      encoding: "utf8",
      timeout: 280_000,
    });
    console.log(run.stdout);
    assert.equal(run.status, 0, run.stdout + run.stderr);
  });
} else {
  test("real OpenClaw over the guest", { timeout: 270_000 }, async (t) => {
    const agentPackage = join(given, "node_modules/openclaw");
    const ms = (since: number) => Math.round(performance.now() - since);
    const times: Record<string, number> = {};
    const began = performance.now();
    const rig = await startRig({ agentPackage: agentPackage as string });
    try {
      times["start to warm"] = ms(began);
      assert.deepEqual(rig.model.seen, [], "the warm-up stays inside");
      const turn = async (id: string, text: string, more = {}) => {
        const since = performance.now();
        await rig.host.run(id, text, more);
        const end = await rig.host.outcome(id, 60_000);
        times[id] = ms(since);
        return end;
      };

      await t.test("first and later turns", async () => {
        assert.deepEqual(await turn("first", "hello"), { kind: "final", text: "echo: hello" });
        assert.deepEqual(await turn("second", "again"), { kind: "final", text: "echo: again" });
        for (let i = 3; i <= 7; i++) await turn(`turn ${i}`, `number ${i}`);
        assert.ok((times["turn 7"] ?? 0) < 5_000);
        const [request] = rig.model.seen;
        assert.ok(request && request.bytes >= 40 * 1024, `${request?.bytes} bytes of prompt`);
        assert.equal(request.authorization, "Bearer not-a-secret");
        assert.equal(request.host, "inference.local");
        assert.ok(request.tools.includes("exec"));
      });

      await t.test("text streams", async () => {
        await turn("stream", "slow 10");
        const deltas = rig.host.events("stream").filter((e) => e.event.kind === "delta");
        assert.ok(deltas.length >= 5, `${deltas.length} deltas`);
      });

      await t.test("a tool runs, without secrets in its environment and with its activity told", async () => {
        const end = await turn("tool", "run echo hi from $PWD; env");
        assert.ok(
          end.kind === "final" && end.text.startsWith(`tool said: hi from ${rig.home}/workspace`),
          JSON.stringify(end),
        );
        const kinds = rig.host
          .events("tool")
          .map(({ event }) => (event.kind === "tool" ? event.phase : event.kind));
        assert.deepEqual(
          kinds.filter((k) => k === "start" || k === "end"),
          ["start", "end"],
        );
        const start = rig.host.events("tool").find((e) => e.event.kind === "tool");
        assert.ok(start?.event.kind === "tool" && start.event.summary === "echo hi from $PWD; env");
        assert.doesNotMatch(end.text, /TOKEN|SECRET|PASSWORD|API_KEY/i);
        const config = JSON.parse(readFileSync(join(rig.home, ".openclaw/openclaw.json"), "utf8"));
        assert.ok(!end.text.includes(config.gateway.auth.token));
      });

      await t.test("cancel in mid-tool", async () => {
        await rig.host.run("cancel", "run sleep 98771");
        await rig.host.event("cancel", "tool");
        const since = performance.now();
        await rig.host.ask({ type: "cancel", turnId: "cancel", fence: 1 });
        assert.deepEqual(await rig.host.outcome("cancel"), { kind: "cancelled" });
        times["cancel"] = ms(since);
        assert.ok(times["cancel"] < 3_000);
        await until(() => (psHas("sleep 98771") ? undefined : true), "the tool's end", 1_500);
        assert.deepEqual(await turn("after cancel", "go on"), { kind: "final", text: "echo: go on" });
      });

      await t.test("the host's connection breaks: replay, nothing lost", async () => {
        await rig.host.run("cut", "slow 20", { sessionKey: "cut:1" });
        await rig.host.event("cut", "delta");
        const mark = rig.host.frames.length;
        rig.host.drop();
        await rig.host.hello(mark);
        await rig.host.ask({ type: "attach", turnId: "cut", fence: 2, afterSeq: 0 });
        const end = await rig.host.outcome("cut");
        assert.ok(end.kind === "final" && end.text.endsWith("word19"));
      });

      times["agent MB after turns"] = rss(rig.bootId);
      times["guest MB"] = Math.round(status(rig.guest.pid ?? 0) / 1024);

      await t.test("the agent is killed: one failure, then work as usual", async () => {
        await rig.host.run("killed", "slow 50", { sessionKey: "k:1" });
        await rig.host.event("killed", "delta");
        const [main] = agentProcesses(rig.bootId).sort((a, b) => a.start - b.start);
        assert.ok(main);
        const since = performance.now();
        process.kill(main.pid, "SIGKILL");
        const failed = await rig.host.outcome("killed");
        assert.ok(failed.kind === "failed" && failed.code === "agent-crashed");
        await rig.host.run("reborn", "still there?", { sessionKey: "k:1" });
        assert.deepEqual(await rig.host.outcome("reborn", 120_000), {
          kind: "final",
          text: "echo: still there?",
        });
        times["crash to next answer"] = ms(since);
      });

      await t.test("one-shot goes on with the same conversation", async () => {
        const end = await turn("one-shot", "run echo one-shot", { sessionKey: "k:1", mode: "oneshot" });
        assert.deepEqual(end, { kind: "final", text: "tool said: one-shot" });
        const sent = rig.model.seen.at(-1);
        assert.ok(sent && sent.messages > 4, "the earlier turns of the session were sent");
      });
      assert.deepEqual(
        rig.model.refused.filter((h) => !/openclaw\.ai|clawhub\.ai/.test(h)),
        [],
      );
    } finally {
      console.log(JSON.stringify(times));
      await rig.close();
    }
  });
}

if (given !== undefined) {
  test("real OpenClaw asks before commands, where it is told to", { timeout: 180_000 }, async () => {
    const rig = await startRig({ agentPackage: join(given, "node_modules/openclaw"), askCommands: true });
    const asked = async (turn: string, decision: "allow-once" | "deny") => {
      // OpenClaw refuses by itself what it can't bind to exact words (`$(…)`, redirections).
      await rig.host.run(turn, `run touch asked-${turn}`);
      const event = await rig.host.event(turn, "ask");
      assert.equal(event.command, `touch asked-${turn}`);
      const made = () => existsSync(join(rig.home, "workspace", `asked-${turn}`));
      assert.equal(made(), false, "not before the answer");
      await rig.host.ask({ type: "answer", turnId: turn, fence: 1, ask: event.ask, decision });
      const end = await rig.host.outcome(turn, 60_000);
      assert.equal(end.kind, "final", JSON.stringify(end));
      return made();
    };
    try {
      assert.equal(await asked("yes", "allow-once"), true);
      assert.equal(await asked("no", "deny"), false);
    } finally {
      await rig.close();
    }
  });
}

/** Resident memory of all the agent's processes. */
function rss(bootId: string): number {
  return Math.round(agentProcesses(bootId).reduce((sum, { pid }) => sum + status(pid), 0) / 1024);
}

function status(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}

function psHas(text: string): boolean {
  return readdirSync("/proc").some((name) => {
    try {
      return (
        statSync(`/proc/${name}`).isDirectory() &&
        readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").includes(text)
      );
    } catch {
      return false;
    }
  });
}
