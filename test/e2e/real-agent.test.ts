/**
 * The main job with the real OpenClaw in the real sandbox, over the fake Telegram and a fake vendor: two people at once,
 * streaming, tools, /stop, /new, and one kill per fault. All tests share one service and its two warm agents.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { principalOf } from "../../src/lib/ids.ts";
import { modelAlias } from "../../src/lib/model-alias.ts";
import { startFakeTelegram } from "../fakes/telegram/index.ts";
import type { FakeVendor } from "../fakes/vendor/index.ts";
import { processesOf } from "../helpers/processes.ts";
import { startScriptedVendor, VENDOR_KEY, vendorConfig } from "../helpers/scripted-vendor.ts";
import { startService, waitUntil } from "../helpers/service.ts";
import { type FaultName, playCell, type Stage } from "./kill-cell.ts";

const ANNA = 501;
const BORIS = 502;
/** A cold start of the real agent, on a busy machine of two cores. */
const COLD_MS = 150_000;
const draw = () => 1_000 + Math.floor(Math.random() * 9_000);

describe("the real agent", () => {
  let stage: Stage;
  let vendor: FakeVendor;

  before(async () => {
    const failpoints = mkdtempSync(join(tmpdir(), "nc-fp-"));
    chmodSync(failpoints, 0o777);
    const telegram = await startFakeTelegram({ limits: "off" });
    vendor = await startScriptedVendor();
    const service = await startService({
      agent: "real",
      config: { inference: vendorConfig(vendor) },
      env: {
        TELEGRAM_BOT_TOKEN: telegram.token,
        TELEGRAM_API_ROOT: telegram.url,
        TELEGRAM_ALLOWED_USERS: `${ANNA},${BORIS}`,
        COMPATIBLE_API_KEY: VENDOR_KEY,
        NEMOCLAW_FAILPOINT_DIR: failpoints,
      },
    });
    stage = {
      service,
      telegram,
      failpoints,
      user: ANNA,
      agentProgram: /openclaw.*gateway/,
      patienceMs: 60_000,
    };
  });

  after(async () => {
    await stage?.service.stop();
    await stage?.telegram.close();
    await vendor?.close();
    if (stage) rmSync(stage.failpoints, { recursive: true, force: true });
  });

  /** The bot's messages to a user since now. */
  const since = (user: number) => {
    const before = stage.telegram.bot.fromBot(user).length;
    return () => stage.telegram.bot.fromBot(user).slice(before);
  };
  const say = (user: number, text: string) => stage.telegram.bot.say(user, text);
  const shown = async (seen: ReturnType<typeof since>, wanted: RegExp, ms = 60_000) => {
    await waitUntil(
      () => seen().some(({ text }) => wanted.test(text)),
      ms,
      () =>
        `${wanted} was not shown: ${JSON.stringify(seen().map((m) => m.text))}\n${stage.service.stderr().slice(-800)}`,
    );
    return seen().find(({ text }) => wanted.test(text))!;
  };
  const homeOf = (user: number) => stage.service.paths.user(principalOf("telegram", String(user))).home;
  const sandboxOf = async (user: number) => {
    const id = principalOf("telegram", String(user));
    return (await stage.service.sandboxes()).find((one) => one.id === id)!;
  };

  it("answers two people at once, each from a sandbox of their own", async () => {
    const sums = [ANNA, BORIS].map((user) => ({ user, a: draw(), b: draw(), seen: since(user) }));
    for (const { user, a, b } of sums) say(user, `What is ${a}+${b}?`);
    await Promise.all(sums.map(({ a, b, seen }) => shown(seen, new RegExp(`\\b${a + b}\\b`), COLD_MS)));
    const [anna, boris] = await Promise.all([sandboxOf(ANNA), sandboxOf(BORIS)]);
    assert.notEqual(anna.pid, boris.pid);
    if (process.getuid?.() === 0) assert.notEqual(anna.uid, boris.uid);
  });

  it("the request that reached the vendor is OpenClaw's own, from that sandbox's socket", async () => {
    const nonce = `s${draw()}${draw()}`;
    const file = join(homeOf(ANNA), "planted.txt");
    writeFileSync(file, `${nonce}\n`);
    const { uid } = statSync(homeOf(ANNA));
    if (process.getuid?.() === 0) chownSync(file, uid, uid);
    const before = vendor.seen.length;
    const seen = since(ANNA);
    say(ANNA, "run cat ~/planted.txt");
    await shown(seen, new RegExp(`^(?!⚙️)[^]*${nonce}`));
    const requests = vendor.seen.slice(before);
    assert.ok(requests.length >= 2, "a tool call and its report");
    const largest = Math.max(...requests.map(({ raw }) => raw.length));
    console.log(`OpenClaw's request: ${largest} bytes`);
    assert.ok(largest >= 40_000, `${largest} bytes`);
    const messages = requests[0]!.body["messages"] as { role: string; content: unknown }[];
    assert.match(JSON.stringify(messages[0]), /OpenClaw/);
    const row = stage.service.logs().findLast(({ audit }) => audit === "inference")!;
    assert.equal(row["sandboxId"], principalOf("telegram", String(ANNA)));
    assert.match(String(row["turnId"]), /^t_/);
  });

  it("neither key nor token is in the sandbox", async () => {
    const secrets = [VENDOR_KEY, stage.telegram.token];
    const { pid } = await sandboxOf(ANNA);
    for (const { pid: one } of processesOf(pid)) {
      const text =
        readFileSync(`/proc/${one}/environ`, "utf8") + readFileSync(`/proc/${one}/cmdline`, "utf8");
      for (const secret of secrets) assert.equal(text.includes(secret), false);
    }
    const seen = since(ANNA);
    say(
      ANNA,
      `run grep -rlE '${VENDOR_KEY.slice(3, 20)}|${stage.telegram.token.slice(0, 20)}' / --include='*' -s --exclude-dir=proc --exclude-dir=usr --exclude-dir=opt --exclude-dir=agents; echo searched-$((40+2))`,
    );
    const { text } = await shown(seen, /searched-42/);
    assert.doesNotMatch(text, /^\/(?!home\/sandbox\/.*(sqlite|jsonl))/m);
  });

  it("streams: a native draft grows, and one message is the final", async () => {
    const seen = since(BORIS);
    const before = stage.telegram.bot.draftsOf(BORIS).length;
    say(BORIS, "count slowly to 16");
    await shown(seen, /16/);
    assert.equal(seen().length, 1);
    const drafts = stage.telegram.bot.draftsOf(BORIS).slice(before);
    const counting = drafts.map(({ text }) => text).filter((text) => text.startsWith("1, 2"));
    assert.ok(counting.length >= 2, JSON.stringify(drafts.map(({ text }) => text)));
    assert.equal(new Set(drafts.map(({ draftId }) => draftId)).size, 1, "one draft per turn");
    for (const [i, text] of counting.slice(1).entries())
      assert.ok(text.length >= counting[i]!.length - 8, "it only grows");
  });

  it("/stop in the middle of a tool ends the tool and says so at once", async () => {
    const seen = since(ANNA);
    say(ANNA, "run sleep 77");
    const { pid } = await sandboxOf(ANNA);
    const sleeping = () => processesOf(pid).some(({ command }) => command.startsWith("sleep 77"));
    await waitUntil(sleeping, 30_000, () => "the tool did not start");
    const asked = performance.now();
    say(ANNA, "/stop");
    await shown(seen, /Stopped/);
    const ms = Math.round(performance.now() - asked);
    await waitUntil(
      () => !sleeping(),
      9_000,
      () => "the tool goes on",
    );
    const gone = Math.round(performance.now() - asked);
    console.log(`/stop: shown after ${ms} ms, tool gone after ${gone} ms`);
    assert.ok(ms < 3_000, `shown after ${ms} ms (target 1 s)`);
    const [a, b] = [draw(), draw()];
    const next = since(ANNA);
    say(ANNA, `What is ${a}+${b}?`);
    await shown(next, new RegExp(`\\b${a + b}\\b`));
  });

  it("/queue steer: a message during a tool, and one while it writes, are in the running turn's one answer", async () => {
    const seen = since(ANNA);
    say(ANNA, "/queue steer");
    await shown(seen, /reaches the running agent/);
    const { pid } = await sandboxOf(ANNA);
    for (const [task, works] of [
      ["run sleep 6", () => processesOf(pid).some(({ command }) => command.startsWith("sleep 6"))],
      [
        "count slowly to 12",
        () => stage.telegram.bot.draftsOf(ANNA).some(({ text }) => text.startsWith("1, 2, 3")),
      ],
    ] as const) {
      const turn = since(ANNA);
      const before = vendor.seen.length;
      say(ANNA, task);
      await waitUntil(works, 30_000, () => `${task} did not start`);
      const [a, b] = [draw(), draw()];
      say(ANNA, `What is ${a}+${b}?`);
      await shown(turn, new RegExp(`\\b${a + b}\\b`));
      await delay(2_000);
      const finals = turn().filter(({ text }) => !/^⚙️|^…$/.test(text));
      assert.equal(finals.length, 1, JSON.stringify(finals.map(({ text }) => text)));
      const asked = vendor.seen.slice(before).filter(({ raw }) => raw.includes(`${a}+${b}`));
      assert.equal(asked.length, 1, "the model saw it once");
      if (task.startsWith("count")) assert.match(finals[0]!.text, /12[\s\S]*\n/);
    }
    const back = since(ANNA);
    say(ANNA, "/queue followup");
    await shown(back, /wait until the running/);
  });

  it("/model: the agent's calls go by the choice's name, and the gateway sends them where it says", async () => {
    const choose = async (model: string) => {
      const seen = since(BORIS);
      say(BORIS, `/model compatible/${model}`);
      await shown(seen, new RegExp(`uses compatible/${model}`));
      const [a, b] = [draw(), draw()];
      const before = vendor.seen.length;
      say(BORIS, `What is ${a}+${b}?`);
      await shown(seen, new RegExp(`\\b${a + b}\\b`));
      return vendor.seen.slice(before).map(({ body }) => body["model"]);
    };
    assert.deepEqual(await choose("fake-2"), ["fake-2"]);
    // OpenClaw itself says by which name it calls.
    const alias = modelAlias("compatible/fake-2");
    assert.ok(vendor.seen.at(-1)!.raw.includes(alias), `${alias} is in the request`);
    assert.deepEqual(await choose("fake-1"), ["fake-1"]);
  });

  it("/new starts a session that knows nothing of the last", async () => {
    const nonce = `w${draw()}${draw()}`;
    const first = since(BORIS);
    say(BORIS, `echo ${nonce}`);
    await shown(first, new RegExp(nonce));
    const ask = async (): Promise<string> => {
      const [a, b] = [draw(), draw()];
      const seen = since(BORIS);
      const before = vendor.seen.length;
      say(BORIS, `What is ${a}+${b}?`);
      await shown(seen, new RegExp(`\\b${a + b}\\b`));
      return vendor.seen
        .slice(before)
        .map(({ raw }) => raw.toString("utf8"))
        .join("");
    };
    assert.ok((await ask()).includes(nonce), "the session remembers");
    const seen = since(BORIS);
    say(BORIS, "/new");
    await shown(seen, /fresh conversation/);
    assert.equal((await ask()).includes(nonce), false, "the new session doesn't");
  });

  /** One kill per fault while the agent works; the outcome is the prescribed one. */
  for (const fault of [
    "bridge",
    "redis",
    "worker",
    "launcher",
    "supervisor",
    "gateway",
    "agent",
  ] as FaultName[]) {
    it(`${fault} killed while the agent works`, async () => {
      const result = await playCell(stage, fault, "streaming", 0);
      const told = JSON.stringify(result);
      console.log(told);
      assert.equal(result.duplicates, 0, told);
      assert.equal(result.lost, 0, told);
      assert.ok(result.strays <= 1, told);
      if (fault !== "gateway" && fault !== "agent") assert.equal(result.answered, 1, told);
      if (fault === "gateway") assert.ok(result.ms < 90_000, `${told} (target 30 s)`);
      assert.ok(result.answered === 1 ? result.effects === 1 : result.effects <= 1, told);
    });
  }

  /** Boris goes on as before, and Anna's next turn is answered. */
  const goesOn = async (bootId: string) => {
    await delay(2_000);
    const next = since(ANNA);
    const [a, b] = [draw(), draw()];
    say(ANNA, `What is ${a}+${b}?`);
    await shown(next, new RegExp(`\\b${a + b}\\b`), COLD_MS);
    assert.equal((await sandboxOf(BORIS)).bootId, bootId, "the other agent never noticed");
    assert.ok(existsSync(homeOf(ANNA)));
  };

  it("a tool that takes too much memory is killed alone, and the agent tells", async () => {
    const { bootId } = await sandboxOf(BORIS);
    const seen = since(ANNA);
    say(ANNA, `run perl -e '$x .= "x" x 1e8 while 1'; echo survived`);
    // On a busy machine it takes longer than OpenClaw waits for a command.
    const { text } = await shown(seen, /^(?!⚙️).*(survived|killed|still running)/is, COLD_MS);
    console.log(`told: ${text}`);
    await goesOn(bootId);
  });

  it("an agent that itself is killed for want of memory: one failure that says so, and it comes back", async () => {
    const { bootId } = await sandboxOf(BORIS);
    const seen = since(ANNA);
    const first =
      "for p in /proc/[0-9]*; do grep -q opencla[w] $p/cmdline && echo 1000 > $p/oom_score_adj; done";
    const hogs = `for i in $(seq 40); do perl -e '$x = "x" x 1e8; sleep 60' & done; wait`;
    say(ANNA, `run ${first}; ${hogs}`);
    await shown(seen, /ran out of memory/, COLD_MS);
    await goesOn(bootId);
    assert.equal(
      seen().filter(({ text }) => /ran out of memory|without a text|Reference:/.test(text)).length,
      1,
    );
  });
});
