/** The console over its unix socket and its port, with a real Redis and real turns. */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ConsoleBridge,
  type ConsoleClient,
  consoleClient,
  runConsoleBridge,
} from "../../../src/bridges/console/index.ts";
import { OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import { pathsOf } from "../../../src/lib/paths.ts";
import type { Store } from "../../../src/store/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { type TinyWorker, tinyWorker, until } from "../tiny-worker.ts";

describe("console bridge", () => {
  let redis: TestRedis;
  let store: Store;
  let workerStore: Store;
  let worker: TinyWorker;
  let bridge: ConsoleBridge;
  let client: ConsoleClient;
  const paths = () => pathsOf(redis.home);
  const start = () =>
    runConsoleBridge({ paths: paths(), store, owner: "console-test", logger: silent, port: 0 });

  before(async () => {
    redis = await startTestRedis();
    store = redis.store("bridge-console");
    workerStore = redis.store("worker");
    await store.ready();
    await workerStore.ready();
    worker = tinyWorker(workerStore, async (turn, show) => {
      show("working");
      if (turn.text.startsWith("slow")) {
        show("waking");
        await sleep(300);
        show("tool", "running `git clone` *now*");
        await sleep(300);
        show("text", "half **an");
        await sleep(500);
      }
      if (turn.text === "fail") return { kind: "failure", code: "out-of-memory", reference: "r_abc" };
      return { kind: "final", markdown: `echo: ${turn.text}` };
    });
    bridge = await start();
    client = consoleClient(paths().consoleSocket);
  });
  after(async () => {
    await worker.close();
    await bridge.close();
    await redis.stop();
  });

  it("answers what is asked, as the operator", async () => {
    assert.deepEqual(await client.ask("hello", { timeoutMs: 5_000 }), {
      kind: "final",
      markdown: "echo: hello",
    });
    assert.equal(worker.turns.at(-1)?.principal, OPERATOR_PRINCIPAL);
    assert.equal(worker.turns.at(-1)?.conversation, "console.main");
  });

  it("shows drafts and status lines before the final", async () => {
    const seen: { markdown: string; status: string }[] = [];
    const { markdown } = await client.ask("slow one", { timeoutMs: 5_000, onDraft: (d) => seen.push(d) });
    assert.equal(markdown, "echo: slow one");
    assert.ok(
      seen.some((d) => d.status === "waking"),
      JSON.stringify(seen),
    );
    assert.ok(seen.some((d) => d.status.includes("git clone")));
    assert.ok(seen.some((d) => d.markdown === "half **an"));
  });

  it("tells a failure in words, with its reference", async () => {
    const answer = await client.ask("fail", { timeoutMs: 5_000 });
    assert.equal(answer.kind, "failure");
    assert.match(answer.markdown, /ran out of memory/);
    assert.match(answer.markdown, /r_abc/);
  });

  it("answers /help itself and /new and /stop from the mailbox", async () => {
    assert.match((await client.ask("/help", { timeoutMs: 5_000 })).markdown, /\/stop/);
    assert.match((await client.ask("/new", { timeoutMs: 5_000 })).markdown, /fresh conversation/);
    assert.match((await client.ask("/stop", { timeoutMs: 5_000 })).markdown, /Nothing is running/);
    assert.equal((await client.stop()).kind, "stop");
    assert.equal((await client.newSession()).kind, "session");
  });

  it("answers a message that was merged with the next one", async () => {
    const slow = client.ask("slow first", { timeoutMs: 8_000 });
    await sleep(300);
    const merged = client.ask("second", { timeoutMs: 8_000 });
    await sleep(100);
    const last = client.ask("third", { timeoutMs: 8_000 });
    assert.equal((await slow).markdown, "echo: slow first");
    assert.equal((await last).markdown, "echo: second\n\nthird");
    assert.equal((await merged).markdown, "echo: second\n\nthird");
  });

  it("takes the same message once, however often it is sent", async () => {
    const first = await client.send("only once", { id: "same" });
    const second = await client.send("only once", { id: "same" });
    assert.equal(first.duplicate, false);
    assert.equal(second.duplicate, true);
    await until(() => worker.texts.includes("only once"));
    // What is said next is answered after it: nothing of this test is still on its way then.
    assert.equal((await client.ask("and then", { timeoutMs: 5_000 })).markdown, "echo: and then");
    assert.equal(worker.texts.filter((text) => text.includes("only once")).length, 1);
    assert.equal(worker.texts.filter((text) => text === "only once").length, 1);
    // Answers come in order: its own has been delivered when the next one is.
    await client.ask("and the next", { timeoutMs: 5_000 });
  });

  it("resumes events after a restart without losing or repeating one", async () => {
    const end = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of client.events({ after: "end", signal: end.signal })) {
        if (event.event === "message" && event.data.role === "final") seen.push(event.data.markdown);
      }
    })();
    await sleep(100);
    await client.send("before");
    await until(() => seen.includes("echo: before"));
    await bridge.close();
    const sending = client.send("while down");
    await sleep(300);
    bridge = await start();
    await sending;
    await until(() => seen.includes("echo: while down"));
    end.abort();
    await reading;
    assert.deepEqual(seen, ["echo: before", "echo: while down"]);
  });

  it("keeps its transcript through a torn last line", async () => {
    const file = join(redis.home, "console", "transcript.jsonl");
    await bridge.close();
    const before = readFileSync(file, "utf8").trim().split("\n").length;
    appendFileSync(file, '{"v":1,"seq":99');
    bridge = await start();
    assert.equal((await client.ask("after the tear", { timeoutMs: 8_000 })).markdown, "echo: after the tear");
    const lines = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { seq: number });
    assert.equal(lines.length, before + 2);
    assert.deepEqual(
      lines.map((line) => line.seq),
      lines.map((_, i) => i + 1),
    );
  });

  it("gives its socket to its owner only, and doesn't share it", async () => {
    assert.equal(statSync(paths().consoleSocket).mode & 0o777, 0o600);
    await assert.rejects(start(), { code: "console-in-use" });
  });

  it("refuses what is too large or no JSON", async () => {
    await assert.rejects(client.send("x".repeat(600_000)), { code: "too-large" });
    assert.equal((await client.ask("y".repeat(70_000), { timeoutMs: 5_000 })).kind, "notice");
    await assert.rejects(client.send("x", { id: "not allowed!" }), { code: "bad-request" });
  });

  describe("over TCP", () => {
    const parts = () => {
      const url = new URL(bridge.url!);
      return { port: Number(url.port), token: url.hash.slice("#token=".length), host: url.host };
    };
    const get = (path: string, headers: Record<string, string> = {}) =>
      new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }>(
        (resolve, reject) => {
          const { port } = parts();
          request(
            {
              host: "127.0.0.1",
              port,
              path,
              headers,
              method: path.startsWith("/api/events") || !path.startsWith("/api") ? "GET" : "POST",
            },
            (res) => {
              let body = "";
              res.on("data", (chunk) => {
                body += chunk;
                if (path.startsWith("/api/events") && body.includes("event: hello")) res.destroy();
              });
              res.on("close", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }));
            },
          )
            .on("error", reject)
            .end(path === "/api/messages" ? JSON.stringify({ text: "hi", id: "tcp-1" }) : undefined);
        },
      );

    it("serves the page with a strict policy and no token", async () => {
      const page = await get("/");
      assert.equal(page.status, 200);
      assert.match(String(page.headers["content-security-policy"]), /default-src 'none'/);
      assert.doesNotMatch(page.body, /https?:\/\//, "no external asset");
    });
    it("wants the token for everything else", async () => {
      const { token } = parts();
      assert.equal((await get("/api/messages")).status, 401);
      assert.equal((await get("/api/messages", { authorization: "Bearer wrong" })).status, 401);
      assert.equal((await get("/api/events?after=end")).status, 401);
      assert.equal((await get("/api/messages", { authorization: `Bearer ${token}` })).status, 200);
      assert.equal((await get("/api/events?after=end", { authorization: `Bearer ${token}` })).status, 200);
    });
    it("refuses a rebound name and a foreign page", async () => {
      const { token, host } = parts();
      const authorization = `Bearer ${token}`;
      assert.equal((await get("/", { host: "evil.example" })).status, 403);
      assert.equal(
        (await get("/api/messages", { authorization, origin: "https://evil.example" })).status,
        403,
      );
      assert.equal((await get("/api/messages", { authorization, origin: `http://${host}` })).status, 200);
    });
  });
});
