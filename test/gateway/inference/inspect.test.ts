import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "../../../src/gateway/inference/inspect.ts";
import { chat } from "../harness.ts";

const NONE = new Set<string>();
const judge = (
  body: object,
  dialect: "openai" | "anthropic" = "openai",
  allows: ReadonlySet<string> = NONE,
) => inspect(Buffer.from(JSON.stringify(body)), dialect, () => allows);
const user = (...parts: object[]) => ({ messages: [{ role: "user", content: parts }] });
const big = "A".repeat(5_000);

describe("chat completions: a way out past the policy is refused by name", () => {
  const denied: [string, object, string][] = [
    ["web search", chat("x", { web_search_options: {} }), "web_search_options"],
    ["plugins", chat("x", { plugins: [{ id: "web" }] }), "plugins"],
    ["stored answers", chat("x", { store: true }), "store"],
    ["metadata", chat("x", { metadata: { a: "b" } }), "metadata"],
    ["earlier answers", chat("x", { previous_response_id: "r" }), "previous_response_id"],
    ["mcp servers", chat("x", { mcp_servers: [] }), "mcp_servers"],
    ["containers", chat("x", { container: "c" }), "container"],
    ["model lists", chat("x", { models: ["a"] }), "models"],
    ["routing", chat("x", { provider: { order: [] } }), "provider"],
    ["service tier", chat("x", { service_tier: "priority" }), "service_tier"],
    ["several answers", chat("x", { n: 5 }), "n"],
    ["legacy functions", chat("x", { functions: [] }), "functions"],
    ["audio out", chat("x", { audio: {} }), "audio"],
    ["user ids", chat("x", { user: "me" }), "user"],
    ["odd names are made printable", chat("x", { "evil\n\u202efield": 1 }), "evil????field"],
    ["vendor tools", chat("x", { tools: [{ type: "web_search" }] }), "tools[0].type"],
    ["custom tools", chat("x", { tools: [{ type: "custom", custom: {} }] }), "tools[0].type"],
    [
      "mcp tools",
      chat("x", {
        tools: [
          { type: "function", function: { name: "a" } },
          { type: "mcp", server_url: "u" },
        ],
      }),
      "tools[1].type",
    ],
    [
      "tool extras",
      chat("x", { tools: [{ type: "function", function: { name: "a" }, server_url: "u" }] }),
      "tools[0].server_url",
    ],
    ["tool choice", chat("x", { tool_choice: { type: "web_search" } }), "tool_choice"],
    [
      "image by URL",
      user({ type: "image_url", image_url: { url: "https://a.test/x.png" } }),
      "messages[0].content[0].image_url.url",
    ],
    [
      "image by long URL",
      user({ type: "image_url", image_url: { url: `https://a.test/${big}` } }),
      "messages[0].content[0].image_url.url",
    ],
    [
      "data URL without base64",
      user({ type: "image_url", image_url: { url: "data:text/html,<x>" } }),
      "messages[0].content[0].image_url.url",
    ],
    [
      "escaped scheme",
      user({ type: "image_url", image_url: { url: `\u0007data:image/png;base64,${big}` } }),
      "messages[0].content[0].image_url.url",
    ],
    ["file by id", user({ type: "file", file: { file_id: "f" } }), "messages[0].content[0].file"],
    [
      "file by URL",
      user({ type: "file", file: { file_data: "https://a.test/x.pdf" } }),
      "messages[0].content[0].file.file_data",
    ],
    ["audio by id", { messages: [{ role: "assistant", audio: { id: "a" } }] }, "messages[0].audio"],
    ["unknown part", user({ type: "input_url", url: "x" }), "messages[0].content[0].type"],
    ["unknown role", { messages: [{ role: "function", content: "x" }] }, "messages[0].role"],
    [
      "non-function call",
      { messages: [{ role: "assistant", tool_calls: [{ id: "1", type: "custom", custom: {} }] }] },
      "messages[0].tool_calls[0].type",
    ],
    ["long name", { messages: [{ role: "user", content: "x", name: big }] }, "messages[0].name"],
    ["schema by name only", chat("x", { response_format: { type: "grammar" } }), "response_format.type"],
  ];
  for (const [name, body, field] of denied) {
    test(name, () => {
      const result = judge(body);
      assert.equal(result.kind, "denied", JSON.stringify(result));
      assert.ok(
        result.kind === "denied" && result.field.startsWith(field),
        `${JSON.stringify(result)} names ${field}`,
      );
    });
  }
});

describe("messages: the same", () => {
  const base = (more: object) => ({ max_tokens: 5, messages: [{ role: "user", content: "x" }], ...more });
  const blocks = (...content: object[]) => ({ max_tokens: 5, messages: [{ role: "user", content }] });
  const denied: [string, object, string][] = [
    ["mcp", base({ mcp_servers: [] }), "mcp_servers"],
    ["container", base({ container: "c" }), "container"],
    ["metadata", base({ metadata: { user_id: "u" } }), "metadata"],
    ["server tool", base({ tools: [{ type: "web_search_20250305", name: "web_search" }] }), "tools[0]"],
    ["computer tool", base({ tools: [{ type: "bash_20250124", name: "bash" }] }), "tools[0]"],
    [
      "image by URL",
      blocks({ type: "image", source: { type: "url", url: "http://a" } }),
      "messages[0].content[0].source",
    ],
    [
      "image by file",
      blocks({ type: "image", source: { type: "file", file_id: "f" } }),
      "messages[0].content[0].source",
    ],
    [
      "document by URL",
      blocks({ type: "document", source: { type: "url", url: "http://a" } }),
      "messages[0].content[0].source.type",
    ],
    ["container upload", blocks({ type: "container_upload", file_id: "f" }), "messages[0].content[0].type"],
    [
      "image by URL in a result",
      blocks({
        type: "tool_result",
        tool_use_id: "t",
        content: [{ type: "image", source: { type: "url", url: "u" } }],
      }),
      "messages[0].content[0].content",
    ],
  ];
  for (const [name, body, field] of denied) {
    test(name, () => {
      const result = judge(body, "anthropic");
      assert.ok(
        result.kind === "denied" && result.field.startsWith(field),
        `${JSON.stringify(result)} names ${field}`,
      );
    });
  }
});

test("what real agents send passes", () => {
  const openclaw = {
    model: "demo-1",
    messages: [
      { role: "system", content: big },
      { role: "user", content: "[Sun 2026-11-22 23:48 UTC] hi" },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "exec", arguments: `{"command":"${big}"}` } },
        ],
      },
      { role: "tool", content: big, tool_call_id: "call_1" },
      {
        role: "assistant",
        content: "x",
        reasoning_content: big,
        reasoning_details: [{ type: "reasoning.encrypted", data: big }],
      },
      {
        role: "user",
        content: [
          {
            type: "text",
            text: "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>",
            cache_control: { type: "ephemeral" },
          },
          { type: "image_url", image_url: { url: `data:image/png;base64,${big}` } },
        ],
      },
    ],
    stream: true,
    stream_options: { include_usage: true },
    store: false,
    tools: [
      {
        type: "function",
        function: {
          name: "exec",
          description: big,
          strict: false,
          parameters: { type: "object", properties: { a: { $ref: "#/x" } } },
        },
      },
    ],
    tool_choice: "auto",
    max_completion_tokens: 8192,
    reasoning_effort: "high",
  };
  const result = judge(openclaw);
  assert.ok(result.kind === "ok", JSON.stringify(result));
  assert.deepEqual(
    { ...result.request, outline: undefined },
    {
      dialect: "openai",
      model: "demo-1",
      outline: undefined,
      stream: true,
      wantsUsage: true,
      maxOutput: 8192,
      extras: [],
    },
  );
  const claude = judge(
    {
      model: "x",
      max_tokens: 5,
      system: [{ type: "text", text: big, cache_control: { type: "ephemeral", ttl: "1h" } }],
      thinking: { type: "enabled", budget_tokens: 1024 },
      messages: [
        {
          role: "user",
          content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: big } }],
        },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: big, signature: big },
            { type: "tool_use", id: "t", name: "exec", input: { a: 1 } },
          ],
        },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: "t", content: "out", is_error: false }],
        },
      ],
      tools: [{ name: "exec", input_schema: { type: "object" } }],
    },
    "anthropic",
  );
  assert.equal(claude.kind, "ok", JSON.stringify(claude));
});

test("the operator may name further members, at the top level only", () => {
  const body = chat("x", { web_search_options: {}, plugins: [] });
  const half = judge(body, "openai", new Set(["web_search_options"]));
  assert.ok(half.kind === "denied" && half.field === "plugins");
  const both = judge(body, "openai", new Set(["web_search_options", "plugins", "absent", "tools"]));
  assert.ok(both.kind === "ok");
  assert.deepEqual(both.request.extras, ["web_search_options", "plugins"]);
  const tools = judge(chat("x", { tools: [{ type: "mcp" }] }), "openai", new Set(["tools"]));
  assert.equal(tools.kind, "denied");
});

test("a request that isn't one is called malformed", () => {
  for (const body of [{}, { model: "x" }]) {
    const result = judge(body);
    assert.ok(result.kind === "malformed" && result.why === "messages is missing", JSON.stringify(result));
  }
  assert.equal(judge(chat("x", { max_tokens: 1, max_completion_tokens: 1 })).kind, "malformed");
  assert.equal(judge(chat("x"), "anthropic").kind, "denied");
});
