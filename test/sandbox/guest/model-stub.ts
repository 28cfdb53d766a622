/**
 * An OpenAI chat-completions endpoint on a unix socket, in the place of the gateway's `egress.sock`.
 * Takes the forwarder's line, origin-form, absolute-form and CONNECT to port 80, like the real one. Answers by what the user said:
 * `run CMD` → a tool call of `exec`, `status N` → that error, `flood N` → N × 500 words at once, `slow N` → N words one per 100 ms, `hang` → never, else an echo.
 * Records every request, so that a test can say what the agent really sent.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createRaw, type Socket } from "node:net";
import { takeSourceLine } from "./source-line.ts";

/** One request as the stub saw it. */
export interface SeenRequest {
  url: string;
  host: string;
  bytes: number;
  via: "origin" | "absolute" | "connect";
  user: string;
  model: string;
  /** How many messages of user, assistant and tool. */
  messages: number;
  tools: string[];
  authorization: string;
}

/** A running stub. */
export interface ModelStub {
  seen: SeenRequest[];
  /** `host:port` of CONNECTs that were refused. */
  refused: string[];
  /** Requests whose client went away before the answer's end. */
  aborted: number;
  close(): Promise<void>;
}

interface Message {
  role: string;
  content: string | { type: string; text?: string }[] | null;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const textOf = (m: Message) =>
  typeof m.content === "string" ? m.content : (m.content ?? []).map((p) => p.text ?? "").join("");
const internal = (text: string) => text.startsWith("<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>");

/**
 * The user's own words. OpenClaw puts `[time]` and a block headed `Conversation info: ⟦openclaw:ctx⟧` before them, and
 * in a session's first message a line `Runtime: …` after them.
 */
export function bare(text: string): string {
  return text
    .replace(/^\[[^\]]*\]\s*/, "")
    .replace(/^[^\n]*⟦openclaw:ctx⟧\n```json\n.*?\n```\n\n/s, "")
    .replace(/\n\nRuntime: agent=.*$/s, "");
}

/** What the user said last, and whether a tool has answered since. OpenClaw appends an internal message of role user. */
export function lastUserTurn(messages: Message[]): { text: string; toolResult: string | undefined } {
  const visible = messages.filter((m) => !(m.role === "user" && internal(textOf(m))));
  const at = visible.findLastIndex((m) => m.role === "user");
  const user = visible[at];
  const tool = visible.slice(at + 1).findLast((m) => m.role === "tool");
  const text = user ? bare(textOf(user)) : "";
  return { text, toolResult: tool && textOf(tool) };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  via: SeenRequest["via"],
  stub: ModelStub,
) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const raw = Buffer.concat(chunks);
  const body = JSON.parse(raw.toString() || "{}") as {
    model?: string;
    messages?: Message[];
    tools?: { function: { name: string } }[];
  };
  const { text, toolResult } = lastUserTurn(body.messages ?? []);
  stub.seen.push({
    url: request.url ?? "",
    host: request.headers.host ?? "",
    bytes: raw.length,
    via,
    user: text,
    model: body.model ?? "",
    messages: (body.messages ?? []).filter((m) => m.role !== "system").length,
    tools: (body.tools ?? []).map((t) => t.function.name),
    authorization: request.headers.authorization ?? "",
  });
  let gone = false;
  response.on("close", () => {
    if (!response.writableFinished) {
      gone = true;
      stub.aborted += 1;
    }
  });
  const status = Number(/^status (\d+)/.exec(text)?.[1] ?? 0);
  if (status) {
    response
      .writeHead(status, { "content-type": "application/json" })
      .end('{"error":{"message":"as asked"}}');
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (delta: object, finish: string | null = null, usage?: object) =>
    response.write(
      `data: ${JSON.stringify({
        id: "stub",
        object: "chat.completion.chunk",
        created: 1,
        model: "stub",
        choices: usage ? [] : [{ index: 0, delta, finish_reason: finish }],
        ...(usage ? { usage } : {}),
      })}\n\n`,
    );
  const end = (finish: string) => {
    send({}, finish);
    send({}, null, { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 });
    response.end("data: [DONE]\n\n");
  };
  const command = /^run (.*)$/s.exec(text)?.[1];
  if (command && toolResult === undefined) {
    const call = { name: "exec", arguments: JSON.stringify({ command }) };
    send({
      role: "assistant",
      tool_calls: [{ index: 0, id: `call_${stub.seen.length}`, type: "function", function: call }],
    });
    return end("tool_calls");
  }
  if (text.startsWith("hang")) {
    send({ role: "assistant", content: "wait" });
    while (!gone) await sleep(50);
    return;
  }
  const flood = Number(/^flood (\d+)/.exec(text)?.[1] ?? 0);
  for (let i = 0; i < flood * 500 && !gone; i++) {
    // Each word a chunk of its own; now and then the other side gets to run.
    if (!send({ content: `word${i} ` }) || i % 500 === 0) await sleep(1);
  }
  if (flood) return end("stop");
  const slow = Number(/^slow (\d+)/.exec(text)?.[1] ?? 0);
  const words = slow
    ? Array.from({ length: slow }, (_, i) => `word${i} `)
    : (toolResult === undefined ? `echo: ${text}` : `tool said: ${toolResult}`).match(/\S+\s*/g)!;
  send({ role: "assistant", content: "" });
  for (const word of words) {
    if (gone) return;
    if (slow) await sleep(100);
    send({ content: word });
  }
  end("stop");
}

/** Listens on `path`. */
export async function startModelStub(path: string): Promise<ModelStub> {
  const sockets = new Set<Socket>();
  const make = (via: (r: IncomingMessage) => SeenRequest["via"]): Server =>
    createServer((request, response) => {
      const host = (request.url ?? "").startsWith("http") ? new URL(request.url!).host : undefined;
      if (host && host !== "inference.local") {
        stub.refused.push(host);
        response.writeHead(403).end("denied");
        return;
      }
      answer(request, response, via(request), stub).catch(() => response.destroy());
    });
  const inner = make(() => "connect");
  const outer = make((r) => ((r.url ?? "").startsWith("http") ? "absolute" : "origin"));
  const front = createRaw({ allowHalfOpen: true }, async (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    await takeSourceLine(socket);
    outer.emit("connection", socket);
    socket.resume();
  });
  outer.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (request.url !== "inference.local:80") {
      stub.refused.push(request.url ?? "");
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    if (head.length) socket.unshift(head);
    inner.emit("connection", socket);
  });
  const stub: ModelStub = {
    seen: [],
    refused: [],
    aborted: 0,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        front.close(() => resolve());
      }),
  };
  await new Promise<void>((resolve) => front.listen(path, resolve));
  return stub;
}
