/** Calls the model the way OpenClaw does: CONNECT to the base URL's host through the managed proxy, then a streamed completion. */
import { type ClientRequest, request } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A message of the conversation, in OpenAI's form. */
export interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}

/** A tool call that the model asks for. */
export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

/** What one call gave. */
export interface Completion {
  text: string;
  calls: ToolCall[];
  outputTokens: number;
}

/** Where the model is, from OpenClaw's configuration. */
export interface ModelConfig {
  baseUrl: string;
  apiKey: string;
  model: string;
}

const TOOLS = ["exec", "write", "read", "process", "edit", "ls"].map((name) => ({
  type: "function",
  function: { name, description: name, parameters: { type: "object", properties: {} } },
}));

/** Pauses between attempts: like OpenClaw, which repeats broken calls for about a minute and refusals (4xx) never. */
const RETRY_MS = [300, 600, 1_200, 2_400, 4_800, 8_000];

class Refused extends Error {}

/**
 * One completion; `onDelta` gets text as it comes, `onRetry` says that the text so far is void. Connection errors, cut
 * streams and 5xx are repeated. Rejects on 4xx, when all attempts failed, and when aborted.
 */
export async function complete(
  config: ModelConfig,
  messages: Message[],
  on: { delta(text: string): void; retry(): void },
  signal: AbortSignal,
): Promise<Completion> {
  for (const pause of [...RETRY_MS, undefined]) {
    try {
      return await attempt(config, messages, on.delta, signal);
    } catch (error) {
      if (error instanceof Refused || signal.aborted || pause === undefined) throw error;
      await sleep(pause, undefined, { signal });
      on.retry();
    }
  }
  throw new Error("unreachable");
}

async function attempt(
  config: ModelConfig,
  messages: Message[],
  onDelta: (text: string) => void,
  signal: AbortSignal,
): Promise<Completion> {
  const url = new URL(`${config.baseUrl}/chat/completions`);
  const socket = await tunnel(
    new URL(process.env["OPENCLAW_PROXY_URL"] ?? "http://127.0.0.1:3128"),
    `${url.hostname}:80`,
    signal,
  );
  const body = JSON.stringify({
    model: config.model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    tools: TOOLS,
    tool_choice: "auto",
    max_completion_tokens: 8192,
  });
  return new Promise((resolve, reject) => {
    const call: ClientRequest = request(
      {
        createConnection: () => socket,
        method: "POST",
        path: url.pathname,
        headers: {
          host: url.host,
          authorization: `Bearer ${config.apiKey}`,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          connection: "close",
        },
        signal,
      },
      (response) => {
        const done: Completion = { text: "", calls: [], outputTokens: 0 };
        let rest = "";
        let failed = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          if (response.statusCode !== 200) {
            failed += chunk;
            return;
          }
          const lines = (rest + chunk).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines)
            if (line.startsWith("data: {")) take(JSON.parse(line.slice(6)), done, onDelta);
        });
        response.on("end", () => {
          if (response.statusCode === 200) resolve(done);
          else {
            const Kind = (response.statusCode ?? 500) < 500 ? Refused : Error;
            reject(new Kind(`${response.statusCode} ${failed.slice(0, 300)}`));
          }
        });
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

function take(chunk: Record<string, unknown>, done: Completion, onDelta: (text: string) => void): void {
  const usage = chunk["usage"] as { completion_tokens?: number } | undefined;
  if (usage?.completion_tokens) done.outputTokens = usage.completion_tokens;
  const [choice] = (chunk["choices"] ?? []) as {
    delta?: { content?: string; tool_calls?: (ToolCall & { index: number })[] };
  }[];
  const delta = choice?.delta;
  if (delta?.content) {
    done.text += delta.content;
    onDelta(delta.content);
  }
  for (const part of delta?.tool_calls ?? []) {
    done.calls[part.index] ??= { id: part.id, type: "function", function: { name: "", arguments: "" } };
    const call = done.calls[part.index];
    if (!call) continue;
    call.function.name += part.function?.name ?? "";
    call.function.arguments += part.function?.arguments ?? "";
  }
}

function tunnel(proxy: URL, target: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const call = request({
      ...{ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: target, signal },
      // As undici does; Node's own would name the proxy.
      headers: { host: target },
    });
    call.on("connect", (response, socket, head) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        return reject(new Error(`proxy answered ${response.statusCode}`));
      }
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    call.on("response", (response) => reject(new Error(`proxy answered ${response.statusCode}`)));
    call.on("error", reject);
    call.end();
  });
}
