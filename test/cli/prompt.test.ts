/** The terminal prompt as a process, over a real console: a question appears by itself, the next line decides. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { type ConsoleBridge, runConsoleBridge } from "../../src/bridges/console/index.ts";
import { OPERATOR_PRINCIPAL } from "../../src/lib/ids.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import { type MemoryCards, memoryCards } from "../bridges/memory-cards.ts";
import { type TinyWorker, tinyWorker, until } from "../bridges/tiny-worker.ts";
import { silent, startTestRedis, type TestRedis } from "../helpers/redis.ts";

const HOME = {
  principal: OPERATOR_PRINCIPAL,
  conversation: "console.main",
  bridge: "console",
  deliver: { chat: "main" },
};

describe("terminal prompt", () => {
  let redis: TestRedis;
  let cards: MemoryCards;
  let bridge: ConsoleBridge;
  let worker: TinyWorker;
  before(async () => {
    redis = await startTestRedis();
    cards = memoryCards();
    const store = { ...redis.store("bridge-console"), cards: cards.cards };
    const workerStore = redis.store("worker");
    await store.ready();
    await workerStore.ready();
    worker = tinyWorker(workerStore, async (turn) => ({ kind: "final", markdown: `echo: ${turn.text}` }));
    bridge = await runConsoleBridge({ paths: pathsOf(redis.home), store, owner: "test", logger: silent });
  });
  after(async () => {
    await worker.close();
    await bridge.close();
    await redis.stop();
  });

  it("asks, takes y, n, a and s, and takes them for messages when nothing is asked", async () => {
    const module = new URL("../../src/cli/chat/prompt.ts", import.meta.url).href;
    const script = `import(process.argv[1]).then((m) => m.chatPrompt(process.argv[2]))`;
    const child = spawn(process.execPath, ["-e", script, module, pathsOf(redis.home).consoleSocket]);
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (out += chunk));
    const says = async (want: RegExp) => {
      await until(() => want.test(out), 5_000, `${want} in ${JSON.stringify(out)}`);
      out = out.slice(out.search(want));
    };
    const type = (line: string) => child.stdin.write(`${line}\n`);
    try {
      type("y");
      await says(/echo: y/);
      for (const [line, state, outcome] of [
        ["y", "allowed-once", /Allowed once: api\.example\.com:443/],
        ["n", "denied", /Denied: api\.example\.com:443/],
        ["s", "allowed-session", /Allowed for this session: api\.example\.com:443/],
        ["a", "allowed-always", /Always allowed: api\.example\.com:443/],
      ] as const) {
        const { approvalId } = cards.ask(HOME);
        await says(
          /\[OpenShell\] Agent attempted to reach api\.example\.com:443\nAllow\? \[y\/n\/a\]: {2}# y=allow once, n=deny, a=add permanently\n/,
        );
        type(line);
        await says(outcome);
        assert.equal(cards.record(approvalId).state, state);
      }
      const { approvalId } = cards.ask({ ...HOME, risks: ["dyndns"] });
      await says(/Agent attempted to reach/);
      type("a");
      await says(/Add api\.example\.com:443 permanently\?/);
      type("n");
      await says(/Allow\?/);
      type("what is this?");
      await says(/echo: what is this\?/);
      assert.equal(cards.record(approvalId).state, "pending");
      type("a");
      await says(/Sure\?/);
      type("y");
      await says(/Always allowed/);
      type("/rules");
      await says(/1\. api\.example\.com:443 \(.*r_[a-z0-9]{20}\)/);
      type("/quit");
      await once(child, "exit");
      assert.equal(child.exitCode, 0);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
