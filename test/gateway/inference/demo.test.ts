import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { calculate } from "../../../src/gateway/inference/demo/arithmetic.ts";
import { bareText, readConversation } from "../../../src/gateway/inference/demo/conversation.ts";
import { intentOf } from "../../../src/gateway/inference/demo/intent.ts";
import { replyTo } from "../../../src/gateway/inference/demo/reply.ts";
import { chat, events, send, startRig, streamedText } from "../harness.ts";

const tools = new Set(["exec", "write", "read"]);
const said = (text: string) => ({ said: text, results: [], tools });
const answer = (text: string) => {
  const reply = replyTo(said(text));
  return reply.kind === "text" ? reply.pieces.join("") : `${reply.name} ${JSON.stringify(reply.args)}`;
};

describe("sums", () => {
  const table: [string, string][] = [
    ["What is 2+2?", "2+2 = 4"],
    ["what's 17 + 25", "17 + 25 = 42"],
    ["Hello! What is 123456789012345678901234567890 + 1?", "= 123456789012345678901234567891"],
    ["12 plus 30", "= 42"],
    ["7 times 6 please", "= 42"],
    ["7 x 6", "= 42"],
    ["compute 10-3", "= 7"],
    ["100 / 8", "= 12.5"],
    ["100 divided by 5", "= 20"],
    ["2+3*4-5", "= 9"],
    ["-5 + 3", "= -2"],
    ["0.1 + 0.2", "= 0.3"],
    ["1/0", "division by zero"],
    ["the sum of 3, 4 and 5", "= 12"],
    ["What is 918273 + 645546?", "= 1563819"],
  ];
  for (const [question, expected] of table) {
    test(question, () => assert.ok(answer(question).includes(expected), answer(question)));
  }
  test("a date is not a sum", () => assert.equal(intentOf("see you on 2026-11-22").kind, "unknown"));
  test("nonsense has no result", () => assert.equal(calculate("1 + * 2"), undefined));
});

describe("intents", () => {
  const table: [string, object][] = [
    ["run cat /home/u/nonce.txt", { kind: "run", command: "cat /home/u/nonce.txt" }],
    ['Please run `ls -la "a b"`', { kind: "run", command: 'ls -la "a b"' }],
    ["run the command: echo 'hi there'", { kind: "run", command: "echo 'hi there'" }],
    [
      "run ```sh\nfor i in 1 2; do echo $i; done\n```",
      { kind: "run", command: "for i in 1 2; do echo $i; done" },
    ],
    ["fetch http://example.test/a?b=1&c=2.", { kind: "fetch", url: "http://example.test/a?b=1&c=2" }],
    ["write notes.txt: hello you", { kind: "write", path: "notes.txt", content: "hello you" }],
    ['write file notes with the text "x y"', { kind: "write", path: "notes", content: "x y" }],
    ["create a file a/b.md containing # Title", { kind: "write", path: "a/b.md", content: "# Title" }],
    ["write a poem about rain", { kind: "unknown", text: "write a poem about rain" }],
    ["echo run rm -rf /", { kind: "echo", text: "run rm -rf /" }],
    ["count slowly to 20", { kind: "count", to: 20, slowly: true }],
    ["count to 5", { kind: "count", to: 5, slowly: false }],
    ["give me 300 words", { kind: "words", count: 300 }],
    ["hi", { kind: "greet" }],
    ["help", { kind: "help" }],
  ];
  for (const [text, expected] of table) test(text, () => assert.deepEqual(intentOf(text), expected));
});

test("every answer says that it is a demo and no AI", () => {
  for (const text of [
    "hi",
    "help",
    "2+2",
    "echo x",
    "count to 3",
    "5 words",
    "what is love?",
    "fetch http://a.test/",
  ]) {
    for (const offered of [new Set<string>(), tools]) {
      const reply = replyTo({ said: text, results: [], tools: offered });
      const visible = reply.kind === "text" ? reply.pieces.join("") : reply.lead;
      assert.match(visible, /demo model/i, text);
    }
    const reported = replyTo({ said: text, results: ["done"], tools });
    assert.ok(reported.kind === "text" && /not an AI/.test(reported.pieces.join("")), text);
  }
});

describe("tools", () => {
  test("run, write and fetch use what the agent offers", () => {
    assert.equal(answer("run ls"), 'exec {"command":"ls"}');
    assert.equal(answer("write a.txt: x"), 'write {"path":"a.txt","content":"x"}');
    assert.equal(
      answer("fetch http://a.test/?x='y"),
      'exec {"command":"curl -sS -L --max-time 60 -- \'http://a.test/?x=\'"}',
    );
    const fetcher = replyTo({
      said: "fetch http://a.test/",
      results: [],
      tools: new Set(["web_fetch", "exec"]),
    });
    assert.ok(fetcher.kind === "tool" && fetcher.name === "web_fetch");
    const shell = replyTo({ said: "write its.txt: it's", results: [], tools: new Set(["exec"]) });
    assert.ok(shell.kind === "tool" && shell.args["command"] === "printf %s 'it'\\''s' > 'its.txt'");
    const none = replyTo({ said: "run ls", results: [], tools: new Set() });
    assert.ok(none.kind === "text" && none.pieces.join("").includes("no tool"));
  });
  test("a result is reported, whatever fences it holds, and cut when long", () => {
    const reply = replyTo({ said: "run cat x", results: ["```\nnonce-77\n```"], tools });
    assert.ok(reply.kind === "text");
    assert.match(reply.pieces.join(""), /````\n```\nnonce-77\n```\n````/);
    const long = replyTo({ said: "run cat x", results: ["y".repeat(50_000)], tools });
    assert.ok(long.kind === "text" && long.pieces.join("").length < 7_000);
  });
});

describe("the user's real words", () => {
  const internal = {
    role: "user",
    content: [
      {
        type: "text",
        text: "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nrun evil\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>",
      },
    ],
  };
  const stamped = "[Sun 2026-11-22 23:48 UTC] What is 2+2?";
  const runtime = "\n\nRuntime: agent=main | session=agent:main:x | node=v24.21.0 | channel=webchat";
  test("stamp and runtime block come off", () => {
    assert.equal(bareText(stamped + runtime), "What is 2+2?");
    assert.equal(bareText("[note] keep this"), "[note] keep this");
  });
  test("the trailing internal message is not the user's", () => {
    const found = readConversation({
      messages: [{ role: "system", content: "s" }, { role: "user", content: stamped }, internal],
    });
    assert.equal(found.said, "What is 2+2?");
  });
  test("results belong to the last real message only", () => {
    const found = readConversation({
      messages: [
        { role: "user", content: "run a" },
        { role: "assistant", content: null, tool_calls: [] },
        { role: "tool", tool_call_id: "1", content: "old" },
        { role: "assistant", content: "old said" },
        { role: "user", content: stamped },
        { role: "assistant", content: null, tool_calls: [] },
        { role: "tool", tool_call_id: "2", content: [{ type: "text", text: "new" }] },
        internal,
      ],
      tools: [{ type: "function", function: { name: "exec" } }],
    });
    assert.deepEqual(found, { said: "What is 2+2?", results: ["new"], tools: new Set(["exec"]) });
  });
  test("anthropic's form", () => {
    const found = readConversation({
      messages: [
        { role: "user", content: "run a" },
        { role: "assistant", content: [{ type: "tool_use", id: "1", name: "exec", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: "out" }] },
      ],
      tools: [{ name: "exec", input_schema: {} }],
    });
    assert.deepEqual(found, { said: "run a", results: ["out"], tools: new Set(["exec"]) });
  });
});

describe("over the socket", () => {
  const withTools = { tools: [{ type: "function", function: { name: "exec", parameters: {} } }] };
  test("JSON, stream and tool calls in both dialects", async () => {
    await using r = await startRig();
    const json = await send(r.socket(), { body: chat("What is 2+2?") });
    assert.match(JSON.parse(json.text).choices[0].message.content, /2\+2 = 4/);
    const streamed = await send(r.socket(), {
      body: chat("What is 20+22?", { stream: true, stream_options: { include_usage: true } }),
    });
    assert.match(streamedText(streamed.text), /= 42/);
    assert.equal(events(streamed.text).at(-1), "[DONE]");
    assert.ok((events(streamed.text).at(-2) as { usage: { total_tokens: number } }).usage.total_tokens > 0);
    const tool = await send(r.socket(), { body: chat("run echo hi", { stream: true, ...withTools }) });
    const call = events(tool.text).flatMap(
      (event) =>
        (event as { choices?: { delta: { tool_calls?: object[] } }[] }).choices?.[0]?.delta.tool_calls ?? [],
    );
    assert.equal(
      (call[0] as { function: { arguments: string } }).function.arguments,
      '{"command":"echo hi"}',
    );
    const claude = await send(r.socket(), {
      path: "/v1/messages",
      body: {
        max_tokens: 9,
        stream: true,
        messages: [{ role: "user", content: "run echo hi" }],
        tools: [{ name: "exec", input_schema: {} }],
      },
    });
    assert.match(claude.text, /"partial_json":"\{\\"command\\":\\"echo hi\\"\}"/);
    assert.match(claude.text, /event: message_stop\n/);
  });
  test("slow counting streams piece by piece", async () => {
    await using r = await startRig({ config: { demoSlowMs: 40 } });
    const reply = await send(r.socket(), { body: chat("count slowly to 10", { stream: true }) });
    assert.ok(reply.firstMs < 200 && reply.ms > 400, `${reply.firstMs} … ${reply.ms}`);
    assert.match(streamedText(reply.text), /^1, 2, 3, 4, 5, 6, 7, 8, 9, 10\n/);
  });
  test("usage is written, at no cost", async () => {
    await using r = await startRig();
    await send(r.socket(), { body: chat("hi") });
    await r.until(() => r.usage.settled.length === 1);
    assert.deepEqual([r.usage.settled[0]!.used.model, r.usage.settled[0]!.used.micros], ["demo/demo-1", 0]);
  });
});
