/** Recorded events of a real OpenClaw 2026.9.6 run become the events that a chat can show. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TurnEvent } from "../../../src/sandbox/guest/protocol.ts";
import { summarize, TurnMapper, withMedia } from "../../../src/sandbox/guest/turn-mapper.ts";

/** A mapper and what it emitted. */
function mapper(): { map: TurnMapper; events: TurnEvent[] } {
  const events: TurnEvent[] = [];
  return { map: new TurnMapper((event) => events.push(event)), events };
}

const assistant = (text: string, delta: string, itemId = "i1") => ({
  stream: "assistant",
  data: { text, delta, itemId },
});

test("a run with a tool, as recorded", () => {
  const { map, events } = mapper();
  const tool = { name: "exec", toolCallId: "call_5" };
  map.agent({ stream: "run_status", data: { phase: "preparing_workspace" } });
  map.agent({ stream: "lifecycle", data: { phase: "start", startedAt: 1 } });
  map.agent({ stream: "usage", data: { outputTokens: 7 } });
  map.agent({
    stream: "item",
    data: { itemId: "tool:call_5", kind: "tool", phase: "start", title: "Exec print text" },
  });
  map.agent({ stream: "tool", data: { ...tool, phase: "start", args: { command: "echo hi;\nsleep 1" } } });
  const partialResult = {
    content: [{ type: "text", text: "hi\n" }],
    details: { status: "running", pid: 113 },
  };
  map.agent({ stream: "tool", data: { ...tool, phase: "update", partialResult } });
  map.agent({ stream: "tool", data: { ...tool, phase: "update", partialResult } });
  const result = { content: [{ type: "text", text: "hi\n" }], details: { status: "completed", exitCode: 0 } };
  map.agent({ stream: "tool", data: { ...tool, phase: "result", isError: false, result } });
  map.agent(assistant("tool", "tool"));
  map.agent({ stream: "usage", data: { outputTokens: 14 } });
  assert.equal(map.chat({ state: "delta", deltaText: "tool" }), undefined);
  const outcome = map.chat({
    state: "final",
    message: { content: [{ type: "text", text: "tool said: hi" }] },
  });
  map.end();
  assert.deepEqual(outcome, { kind: "final", text: "tool said: hi" });
  const base = { kind: "tool", id: "call_5", name: "exec" };
  assert.deepEqual(events, [
    { ...base, phase: "start", summary: "echo hi; sleep 1" },
    { ...base, phase: "update", summary: "hi" },
    { ...base, phase: "end", summary: "echo hi; sleep 1", ok: true },
    { kind: "delta", text: "tool" },
    { kind: "usage", input: 0, output: 14 },
  ]);
});

test("deltas are bundled, a new message or a rewritten draft replaces the text", async () => {
  const { map, events } = mapper();
  map.agent(assistant("a", "a"));
  map.agent(assistant("ab", "b"));
  map.agent(assistant("abc", "c"));
  await sleep(80);
  map.agent(assistant("abcd", "d"));
  map.agent(assistant("new", "new", "i2"));
  map.agent(assistant("newer", "er", "i2"));
  map.agent(assistant("other", "", "i2"));
  assert.deepEqual(events, [
    { kind: "delta", text: "a" },
    { kind: "delta", text: "bc" },
    { kind: "delta", text: "d" },
    { kind: "text", text: "new" },
    { kind: "delta", text: "er" },
    { kind: "text", text: "other" },
  ]);
});

test("failing tools, errors and silent ends", () => {
  const { map, events } = mapper();
  map.agent({
    stream: "tool",
    data: { phase: "start", name: "exec", toolCallId: "1", args: { command: "false" } },
  });
  map.agent({
    stream: "tool",
    data: { phase: "result", toolCallId: "1", isError: false, result: { details: { exitCode: 1 } } },
  });
  const end = events.at(-1);
  assert.equal(end?.kind === "tool" && end.ok, false);
  const error = (httpStatus: number) =>
    map.chat({ state: "error", errorMessage: "no\nway", errorDetail: { httpStatus } });
  assert.deepEqual(error(400), { kind: "error", message: "no way", retryable: false });
  assert.deepEqual(error(503), { kind: "error", message: "no way", retryable: true });
  assert.deepEqual(map.chat({ state: "aborted", stopReason: "rpc" }), { kind: "aborted" });
  map.agent(assistant("said this", "said this"));
  assert.deepEqual(map.chat({ state: "final" }), { kind: "final", text: "said this" });
});

test("summaries are one line of bounded length", () => {
  assert.equal(summarize("exec", { command: "ls\n\u001b[31m-la" }), "ls [31m-la");
  assert.equal(summarize("read", { path: "a.txt" }), "a.txt");
  assert.equal(
    summarize("tool_call", { id: "web_fetch", args: { url: "https://example.org/" } }),
    "web_fetch https://example.org/",
  );
  assert.equal(summarize("x", { n: 1 }), "");
  assert.equal(summarize("exec", { command: "x".repeat(1_000) }).length, 200);
});

test("files that the answer names come back as lines at its end; addresses don't", () => {
  const { map } = mapper();
  map.agent({
    stream: "assistant",
    data: {
      text: "Here",
      delta: "Here",
      itemId: "i1",
      mediaUrls: ["/home/sandbox/a.png", "https://x.example/b"],
    },
  });
  map.agent({
    stream: "assistant",
    data: { text: "Here", delta: "", itemId: "i1", mediaUrls: ["/home/sandbox/a.png"] },
  });
  const message = { content: [{ type: "text", text: "Here" }] };
  assert.deepEqual(map.chat({ state: "final", message }), {
    kind: "final",
    text: "Here\n\nMEDIA:/home/sandbox/a.png",
  });
  assert.equal(withMedia("", ["file:///home/sandbox/c d.txt"]), "MEDIA:/home/sandbox/c d.txt");
  assert.equal(withMedia("MEDIA:x", ["x"]), "MEDIA:x");
});
