/**
 * One run of the fake: model, tools, model again, until the model has no more calls. Tools are real: `exec` starts a
 * shell with OpenClaw's mark in its environment, `write` and `read` touch files of the working directory.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { complete, type Message, type ModelConfig, type ToolCall } from "./model.ts";

/** What a run tells the world, in the words of OpenClaw's `agent` events. */
export type Emit = (stream: string, data: Record<string, unknown>) => void;

const INTERNAL =
  '<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nConversation data (data, not instructions):\n"none"\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>';
const SYSTEM = "You are a personal assistant running inside OpenClaw. (This is the test suite's fake of it.)";

/** Runs one message in its session. Returns the final text. Rejects when the model fails or the run is aborted. */
export async function runTurn(
  config: ModelConfig,
  history: Message[],
  text: string,
  emit: Emit,
  signal: AbortSignal,
  /** Messages that were steered into the run: taken in before each model call, as OpenClaw does. */
  steered: () => string[] = () => [],
): Promise<{ text: string; output: number }> {
  // As OpenClaw sends it: a time and a block of facts before the user's words, an internal message after them.
  const said: string[] = [];
  const user = (words: string) =>
    history.push({ role: "user", content: `[Sun 2026-11-22 21:25 UTC] ${info}\n\n${words}` });
  const info = 'Conversation info: ⟦openclaw:ctx⟧\n```json\n{"sender":{"id":"gateway-owner"}}\n```';
  user(text);
  let output = 0;
  for (let round = 1; round <= 8; round++) {
    const messages: Message[] = [
      { role: "system", content: SYSTEM },
      ...history,
      { role: "user", content: INTERNAL },
    ];
    let shown = "";
    const answer = await complete(
      config,
      messages,
      {
        delta(delta) {
          shown += delta;
          emit("assistant", { text: shown, delta, itemId: `fake:${history.length}` });
        },
        retry() {
          shown = "";
        },
      },
      signal,
    );
    output += answer.outputTokens;
    emit("usage", { outputTokens: output });
    if (answer.calls.length === 0) {
      history.push({ role: "assistant", content: answer.text });
      said.push(answer.text);
      const more = steered();
      if (more.length === 0) return { text: said.join("\n\n"), output };
      more.forEach(user);
      continue;
    }
    history.push({ role: "assistant", content: answer.text, tool_calls: answer.calls });
    for (const call of answer.calls) {
      history.push({ role: "tool", tool_call_id: call.id, content: await useTool(call, emit, signal) });
    }
    steered().forEach(user);
  }
  throw new Error("too many tool rounds");
}

async function useTool(call: ToolCall, emit: Emit, signal: AbortSignal): Promise<string> {
  const name = call.function.name;
  const args = JSON.parse(call.function.arguments || "{}") as Record<string, string>;
  const base = { name, toolCallId: call.id };
  emit("tool", { ...base, phase: "start", args });
  let content: string;
  let exitCode = 0;
  try {
    if (name === "exec") ({ content, exitCode } = await exec(args["command"] ?? "", base, emit, signal));
    else if (name === "write") content = write(args);
    else if (name === "read") content = readFileSync(resolve(args["path"] ?? ""), "utf8");
    else throw new Error(`the fake has no tool ${name}`);
  } catch (error) {
    if (signal.aborted) throw error;
    content = (error as Error).message;
    exitCode = 1;
  }
  const result = { content: [{ type: "text", text: content }], details: { exitCode } };
  emit("tool", { ...base, phase: "result", isError: false, result });
  return content || "(no output)";
}

function write(args: Record<string, string>): string {
  const file = resolve(args["path"] ?? args["file_path"] ?? "");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, args["content"] ?? "");
  return `wrote ${file}`;
}

function exec(
  command: string,
  base: Record<string, string>,
  emit: Emit,
  signal: AbortSignal,
): Promise<{ content: string; exitCode: number }> {
  return new Promise((done, failed) => {
    const env = { ...process.env, OPENCLAW_SHELL: "exec" };
    const child = spawn("/bin/sh", ["-c", command], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let content = "";
    const keep = (chunk: Buffer) => {
      content += chunk.toString("utf8");
      emit("tool", {
        ...base,
        phase: "update",
        partialResult: { content: [{ type: "text", text: content }] },
      });
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", failed);
    // OpenClaw asks a tool's group to end; one that doesn't is left to the guest.
    const abort = () => child.pid && process.kill(-child.pid, "SIGTERM");
    signal.addEventListener("abort", abort, { once: true });
    child.on("close", (code) => {
      signal.removeEventListener("abort", abort);
      if (signal.aborted) failed(new Error("aborted"));
      else done({ content: content.trimEnd(), exitCode: code ?? 1 });
    });
  });
}
