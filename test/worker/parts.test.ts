/** The small pure parts: sandbox states, leases, gates, slots, drafts, answers, owners, configuration. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../../src/lib/logging.ts";
import { isDead, ownerName } from "../../src/lib/owner.ts";
import { EXEC_WINDOW } from "../../src/sandbox/index.ts";
import type { TurnRecord } from "../../src/store/index.ts";
import { AgentClient } from "../../src/worker/agent-client.ts";
import { answerOf, endOf, wakeCode } from "../../src/worker/answer.ts";
import { ColdGate } from "../../src/worker/cold-gate.ts";
import { CommandAsks } from "../../src/worker/command-asks.ts";
import { Drafts } from "../../src/worker/drafts.ts";
import { ExecSession } from "../../src/worker/exec-session.ts";
import { FairSlots } from "../../src/worker/fair-slots.ts";
import { WorkerConfig } from "../../src/worker/index.ts";
import { Lease } from "../../src/worker/lease.ts";
import { sandboxSpec } from "../../src/worker/profile-spec.ts";
import { type AgentInput, type AgentPhase, nextAgentPhase } from "../../src/worker/sandbox-table.ts";
import { TurnFiles } from "../../src/worker/turn-files.ts";
import { silent } from "../helpers/redis.ts";

describe("agent phases", () => {
  const TABLE: Record<AgentPhase, Partial<Record<AgentInput, AgentPhase>>> = {
    cold: { wanted: "waking" },
    waking: { ready: "warm", "wake-failed": "cold", gone: "cold" },
    warm: { wanted: "waking", idle: "parking", "stop-due": "cold", gone: "cold" },
    parking: { parked: "parked", "not-parked": "warm", gone: "cold" },
    parked: { wanted: "waking", "stop-due": "cold", gone: "cold" },
  };
  const inputs: AgentInput[] = [
    "wanted",
    "ready",
    "wake-failed",
    "idle",
    "parked",
    "not-parked",
    "stop-due",
    "gone",
  ];
  for (const phase of Object.keys(TABLE) as AgentPhase[])
    for (const input of inputs)
      it(`${phase} × ${input} → ${TABLE[phase][input] ?? "nothing"}`, () => {
        assert.equal(nextAgentPhase(phase, input), TABLE[phase][input]);
      });
});

describe("lease", () => {
  it("is held for two thirds, by the moment it was asked for", async () => {
    const lease = new Lease(60, performance.now() - 30);
    assert.ok(lease.held());
    await sleep(40);
    assert.ok(!lease.held());
  });
  it("a renewal that comes after it was given up does not bring it back", async () => {
    const lease = new Lease(20, performance.now());
    await sleep(30);
    lease.renewed(performance.now());
    assert.ok(!lease.held());
  });
});

describe("cold gate", () => {
  it("starts one after the other, those with a waiting turn first", async () => {
    const gate = new ColdGate(1);
    const order: string[] = [];
    const work = (name: string) => async () => {
      order.push(name);
      await sleep(5);
    };
    let urgentLater = false;
    await Promise.all([
      gate.run(() => false, work("first")),
      gate.run(() => false, work("predicted")),
      gate.run(() => urgentLater, work("became urgent")),
      gate.run(() => true, work("turn")),
      (async () => {
        urgentLater = true;
      })(),
    ]);
    assert.deepEqual(order, ["first", "became urgent", "turn", "predicted"]);
  });
  it("a start that fails gives its place back", async () => {
    const gate = new ColdGate(1);
    await assert.rejects(
      gate.run(
        () => true,
        () => Promise.reject(new Error("no")),
      ),
    );
    assert.equal(
      await gate.run(
        () => true,
        () => Promise.resolve(1),
      ),
      1,
    );
  });
});

describe("fair slots", () => {
  it("gives places round-robin by principal", async () => {
    const slots = new FairSlots(1);
    await slots.take("x");
    const order: string[] = [];
    const waiting = ["a1", "a2", "a3", "b1", "c1"].map((name) =>
      slots.take(name[0] ?? "").then(() => order.push(name)),
    );
    for (let i = 0; i < 6; i++) {
      slots.free();
      await sleep(0);
    }
    await Promise.all(waiting);
    assert.deepEqual(order, ["a1", "b1", "c1", "a2", "a3"]);
  });
  it("what was forced beyond the limit is worked off first", async () => {
    const slots = new FairSlots(1);
    await slots.take("a");
    slots.force();
    let got = false;
    void slots.take("b").then(() => {
      got = true;
    });
    slots.free();
    await sleep(0);
    assert.equal(got, false);
    slots.free();
    await sleep(0);
    assert.equal(got, true);
  });
});

describe("drafts", () => {
  it("coalesces, keeps order, and is silent once closed", async () => {
    const out: string[] = [];
    const drafts = new Drafts((seq, kind, text) => out.push(`${seq} ${kind} ${text}`));
    for (let i = 0; i < 50; i++) drafts.delta(`${i % 10}`);
    await sleep(250);
    drafts.replace("all new");
    drafts.close();
    await sleep(250);
    assert.equal(out[0], "1 working ");
    assert.equal(out[1], "2 text 0");
    assert.equal(out[2], `3 text ${"0123456789".repeat(5)}`);
    assert.ok(out.length <= 4);
    assert.equal(drafts.text, "all new");
  });

  it("keep what is shown, however long a guest streams", () => {
    const drafts = new Drafts(() => {});
    for (let i = 0; i < 50; i++) drafts.delta("x".repeat(200_000));
    assert.equal(drafts.text.length, 16_384);
    drafts.replace("y".repeat(200_000));
    assert.equal(drafts.text.length, 16_384);
    drafts.close();
  });
});

describe("a guest that floods", () => {
  it("fills the log with so many lines and no more; how many weren't kept is told", async () => {
    const lines: Record<string, unknown>[] = [];
    const log = { info: (fields: object) => lines.push({ ...fields }) } as unknown as Logger;
    const client = new AgentClient({
      ...{ sandboxId: "p_1", log, port: { send() {} }, watcher: { changed() {}, files() {} } },
    });
    for (let i = 0; i < 5_000; i++) {
      client.frame({ type: "log", level: "info", message: "x" });
      client.frame({ type: "agent", state: "warm", detail: "" });
    }
    assert.ok(lines.length >= 100 && lines.length < 120, `${lines.length} lines`);
    assert.equal(client.agent, "warm", "what it says counts all the same");
    await sleep(1_100);
    const before = lines.length;
    client.frame({ type: "log", level: "info", message: "later" });
    assert.equal(lines.at(-1)?.["unsaid"], 10_000 - before);
  });

  it("asks about so many commands and takes them back: few become cards, the rest hear no", async () => {
    let [put, denied] = [0, 0];
    const asks = new CommandAsks({
      store: { put: async () => void put++, withdraw: async () => {}, remind() {} } as never,
      approvals: { get: async () => undefined },
      ...{ principal: "p", turnId: "t", log: silent },
      answer: async (_, decision) => {
        if (decision === "deny") denied++;
      },
    });
    for (let i = 0; i < 1_000; i++) {
      asks.event({ kind: "ask", ask: `a${i}`, command: "ls", cwd: "/", always: false });
      asks.event({ kind: "ask-over", ask: `a${i}` });
    }
    asks.close(true);
    await sleep(0);
    assert.deepEqual([put, denied], [10, 990]);
  });

  it("brings a file a byte at a time: it is left out when the time for all files is over", async () => {
    const dir = mkdtempSync("/tmp/tf");
    let pieces = 0;
    const client = {
      sandboxId: "p",
      takeOutbox: async () => ["slow.bin", "next.bin"].map((path) => ({ path, size: 100 })),
      getChunk: async () => {
        pieces++;
        await sleep(2);
        return { data: "eA==", eof: false, size: 100 };
      },
    } as unknown as AgentClient;
    try {
      const files = new TurnFiles({
        ...{ spool: { in: dir, out: dir }, log: silent, collectMs: 100 },
        caps: { inboundBytes: 1_000_000, outboundBytes: 1_000_000 },
      });
      const began = performance.now();
      const body = await files.collect(client, "t", { kind: "final", markdown: "done" });
      assert.ok(performance.now() - began < 1_000 && pieces < 100, `${pieces} pieces`);
      assert.deepEqual(
        body.omitted?.map(({ name, why }) => [name, why]),
        [
          ["slow.bin", "failed"],
          ["next.bin", "failed"],
        ],
      );
      assert.deepEqual([body.markdown, body.attachments, readdirSync(dir)], ["done", undefined, []]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("loses a session when it sends more output than was asked for", () => {
    const sent: string[] = [];
    const heard: string[] = [];
    const session = new ExecSession("x", ({ type }) => sent.push(type), {
      out: (_, data) => heard.push(`out ${data.length}`),
      room() {},
      end: () => heard.push("end"),
      lost: () => heard.push("lost"),
    });
    const out = (bytes: number) =>
      session.frame({
        ...{ type: "exec.out", session: "x", stream: 1 },
        data: Buffer.alloc(bytes).toString("base64"),
      });
    assert.equal(out(EXEC_WINDOW), false);
    session.took(EXEC_WINDOW);
    assert.equal(out(EXEC_WINDOW), false, "as much again");
    assert.equal(out(0), false);
    assert.equal(out(1), true);
    assert.deepEqual(heard, [`out ${EXEC_WINDOW}`, `out ${EXEC_WINDOW}`, "lost"]);
    assert.deepEqual(sent, ["exec.took", "exec.close"]);
    assert.equal(session.over, true);
  });
});

describe("answers", () => {
  const turn = { turnId: "t_1" } as TurnRecord;
  it("a guest's code is kept only when it looks like one", () => {
    const failed = (code: string) => endOf({ kind: "failed", code, message: "m", retryable: false });
    assert.deepEqual(failed("rate-limited"), { type: "agent-failed", code: "rate-limited", detail: "m" });
    for (const code of ["", "A", "<b>", "x".repeat(41), "a b"])
      assert.deepEqual(failed(code), { type: "agent-failed", code: "agent-failed", detail: "m" });
  });
  it("details are cut", () => {
    const { body } = answerOf(turn, { outcome: "failed", code: "agent-failed", detail: "x".repeat(5_000) });
    assert.ok(body.kind === "failure" && body.detail?.length === 300);
  });
  it("an unknown reason of a failed wake is not shown", () => {
    assert.equal(wakeCode("out-of-memory"), "out-of-memory");
    assert.equal(wakeCode("launcher-unreachable"), "agent-start-failed");
    assert.equal(wakeCode(undefined), "agent-start-failed");
  });
});

describe("owner", () => {
  it("this process lives; a finished one is provably dead; others' silence proves nothing", async () => {
    const own = ownerName("host1");
    assert.equal(isDead(own, "host1"), false);
    assert.equal(isDead(own, "host2"), false, "another host");
    const child = spawn("sleep", ["30"]);
    const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
    const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    const inode = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0];
    const name = `w_x.host1.${inode}.${child.pid}.${startTime}`;
    assert.equal(isDead(name, "host1"), false);
    child.kill("SIGSTOP");
    assert.equal(isDead(name, "host1"), false, "stopped is not dead");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(isDead(name, "host1"), true);
    assert.equal(isDead(name.replace(`${inode}`, "1"), "host1"), false, "another pid namespace");
    assert.equal(
      isDead(`w_x.host1.${inode}.${process.pid}.1`, "host1"),
      true,
      "the pid was given to another",
    );
    assert.equal(isDead("nonsense", "host1"), false);
  });
});

describe("configuration", () => {
  it("has a default for everything, and refuses what it doesn't know", () => {
    const config = WorkerConfig.parse({});
    assert.equal(config.concurrency, 32);
    assert.ok(config.coldStarts >= 1 && config.maxWarm >= 1);
    assert.throws(() => WorkerConfig.parse({ concurency: 1 }));
  });
  it("a profile prevails over the defaults", () => {
    const { profile } = WorkerConfig.parse({});
    const principal = "p_aaaaaaaaaaaaaaaaaaaa";
    assert.equal(sandboxSpec(principal, undefined, profile).agent.model, "demo/demo-1");
    assert.equal(sandboxSpec(principal, undefined, profile).name, "user-aaaaaaaaaaaaaaaaaaaa");
    const spec = sandboxSpec(principal, { name: "my-agent", provider: "openai", model: "gpt-9" }, profile);
    assert.equal(spec.agent.model, "openai/gpt-9");
    assert.equal(spec.name, "my-agent");
    const asking = (own?: boolean) =>
      sandboxSpec(
        principal,
        { name: "x", askCommands: own },
        { ...profile, agent: { ...profile.agent, askCommands: true } },
      ).agent.askCommands;
    assert.deepEqual([asking(), asking(false), asking(true)], [true, false, true]);
  });
});
