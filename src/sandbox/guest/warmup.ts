/**
 * Answers the warm-up turn's model call inside the sandbox, so that waking costs no tokens and needs no gateway.
 * Lives only while the agent wakes, before any turn of a user; must never answer for a user's turn.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Interceptor } from "./forwarder.ts";

/** A model that says `OK`. */
export interface WarmupModel extends Interceptor {
  /** Closes every connection, so that the next model call dials the gateway. */
  close(): void;
}

/** Makes the model; it listens nowhere, connections are handed to it. */
export function warmupModel(): WarmupModel {
  const clients = new Set<Socket>();
  const inner = createServer(answer);
  const outer = createServer(answer);
  outer.on("connect", (_request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    if (head.length > 0) socket.unshift(head);
    adopt(inner, socket);
  });
  return {
    take(client) {
      clients.add(client);
      client.on("close", () => clients.delete(client));
      adopt(outer, client);
    },
    close() {
      for (const client of clients) client.destroy();
    },
  };
}

function adopt(server: Server, socket: Socket): void {
  server.emit("connection", socket);
  socket.resume();
}

/** A chat completion of one word, streamed as asked. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  request.on("end", () => {
    const chunk = (choices: object[], extra: object = {}) =>
      `data: ${JSON.stringify({ id: "warmup", object: "chat.completion.chunk", created: 0, model: "warmup", choices, ...extra })}\n\n`;
    response.writeHead(200, { "content-type": "text/event-stream", connection: "close" });
    response.write(chunk([{ index: 0, delta: { role: "assistant", content: "OK" }, finish_reason: null }]));
    response.write(chunk([{ index: 0, delta: {}, finish_reason: "stop" }]));
    response.write(chunk([], { usage: { prompt_tokens: 0, completion_tokens: 1, total_tokens: 1 } }));
    response.end("data: [DONE]\n\n");
  });
}
