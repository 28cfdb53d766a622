/**
 * A request body of the size and shape of OpenClaw's: a system prompt that makes most of the bytes, a dozen tools, a
 * short conversation, the internal-context message at the end. The text is made here, deterministically.
 */

const WORDS =
  "agent tool file path command result user session workspace message policy never always when before after write read run “quoted” — step".split(
    " ",
  );
const TOOLS = [
  "apply_patch",
  "edit",
  "exec",
  "ls",
  "process",
  "read",
  "sessions_yield",
  "tool_call",
  "tool_describe",
  "tool_search",
  "write",
  "openclaw",
];

/** Pseudo-random prose of about `bytes` bytes. */
function prose(bytes: number, seed: number): string {
  let state = seed;
  let out = "";
  while (Buffer.byteLength(out) < bytes) {
    let line = "";
    for (let i = 0; i < 14; i++) {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      line += `${WORDS[state % WORDS.length]} `;
    }
    out += `- ${line.trim()}.\n`;
  }
  return out;
}

/** The body, `bytes` long give or take a line. */
export function openclawBody(bytes: number, stream: boolean): string {
  const tools = TOOLS.map((name, i) => ({
    type: "function",
    function: {
      name,
      description: prose(600, i),
      parameters: {
        type: "object",
        required: ["input"],
        properties: Object.fromEntries(
          ["input", "workdir", "title", "timeoutSeconds", "background"].map((key) => [
            key,
            { type: "string", description: prose(60, i) },
          ]),
        ),
      },
    },
  }));
  const build = (system: string) =>
    JSON.stringify({
      model: "demo-1",
      messages: [
        { role: "system", content: system },
        { role: "user", content: "[Sun 2026-11-22 23:48 UTC] Hello there" },
        { role: "assistant", content: prose(900, 5) },
        { role: "user", content: "[Sun 2026-11-22 23:49 UTC] What is 2+2?" },
        {
          role: "user",
          content: [
            {
              type: "text",
              text: "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nnone\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>",
            },
          ],
        },
      ],
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
      tools,
      tool_choice: "auto",
      max_completion_tokens: 8192,
    });
  return build(prose(bytes - Buffer.byteLength(build("")) - 40, 42));
}
