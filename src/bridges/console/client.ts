/**
 * A small client of the console's unix socket, for the CLI.
 * Survives a restart of the bridge: sending is repeated under the same id, events resume after the last one seen.
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import { newId } from "../../lib/ids.ts";
import {
  CardEvent,
  type ConsoleEvent,
  DraftEvent,
  HelloEvent,
  MessageEvent,
  SendResponse,
  TapResponse,
  WorkingEvent,
} from "./events.ts";

/** How an answer ended. */
export interface AskResult {
  kind: "final" | "failure" | "notice";
  markdown: string;
}

/** What `ask` may report meanwhile. */
export interface AskOptions {
  chat?: string;
  timeoutMs?: number;
  signal?: AbortSignal;
  /** The answer so far, and a line about what the agent does (`waking` while it starts). */
  onDraft?(draft: { markdown: string; status: string }): void;
  /** An approval card of any chat appeared or changed. */
  onCard?(card: CardEvent): void;
}

/** The client. */
export interface ConsoleClient {
  send(text: string, options?: { id?: string; chat?: string }): Promise<SendResponse>;
  stop(chat?: string): Promise<SendResponse>;
  newSession(chat?: string): Promise<SendResponse>;
  /** Presses a button of a card. */
  tap(card: Pick<CardEvent, "chat" | "message">, data: string): Promise<TapResponse>;
  /** All events from now on (`after: "end"`), after a seq, or with the latest entries first. Ends with the signal. */
  events(options?: {
    chat?: string;
    after?: number | "end";
    signal?: AbortSignal;
  }): AsyncGenerator<ConsoleEvent>;
  /** Sends a text and waits for its answer. Fault `console-timeout` when none comes in time. */
  ask(text: string, options?: AskOptions): Promise<AskResult>;
}

const RETRY_FOR_MS = 10_000;

/** A client of the console that listens at `socketPath`. */
export function consoleClient(socketPath: string): ConsoleClient {
  const post = (path: string, body: Record<string, unknown>) =>
    postJson(socketPath, path, body, SendResponse);
  const events: ConsoleClient["events"] = (options = {}) => readEvents(socketPath, options);
  return {
    send: (text, options = {}) =>
      post("/api/messages", {
        text,
        id: options.id ?? newId("c"),
        ...(options.chat ? { chat: options.chat } : {}),
      }),
    stop: (chat = "main") => post("/api/stop", { id: newId("c"), chat }),
    newSession: (chat = "main") => post("/api/new", { id: newId("c"), chat }),
    tap: ({ chat, message }, data) =>
      postJson(socketPath, "/api/tap", { id: newId("c"), chat, message, data }, TapResponse),
    events,
    ask: (text, options = {}) => ask(text, options, events, post),
  };
}

async function ask(
  text: string,
  options: AskOptions,
  events: ConsoleClient["events"],
  post: (path: string, body: Record<string, unknown>) => Promise<SendResponse>,
): Promise<AskResult> {
  const id = newId("c");
  const chat = options.chat ?? "main";
  const end = new AbortController();
  const timeoutMs = options.timeoutMs ?? 900_000;
  const stop = AbortSignal.any([
    end.signal,
    AbortSignal.timeout(timeoutMs),
    ...(options.signal ? [options.signal] : []),
  ]);
  /** Where the messages of this chat stand in the transcript. */
  const asked = new Map<string, number>();
  let sending: Promise<unknown> | undefined;
  let failed: unknown;
  try {
    for await (const { event, data } of events({ chat, after: "end", signal: stop })) {
      // Not before the stream stands: the answer might come first.
      sending ??= post("/api/messages", { text, id, chat }).catch((error: unknown) => {
        failed = error;
        end.abort();
      });
      if (event === "card") options.onCard?.(data);
      if (event === "draft" && data.replyTo === id) options.onDraft?.(data);
      if (event !== "message") continue;
      if (data.role === "user") {
        asked.set(data.id, data.seq);
        continue;
      }
      // Turns are answered in order: one for a later message means that ours was merged into it.
      const own = asked.get(`u_${id}`) ?? Number.POSITIVE_INFINITY;
      const merged = data.turnId !== "" && (asked.get(`u_${data.replyTo}`) ?? 0) > own;
      if (data.replyTo === id || merged) return { kind: data.role, markdown: data.markdown };
    }
  } finally {
    end.abort();
    await sending;
  }
  if (failed !== undefined) throw failed;
  throw new Fault({
    code: "console-timeout",
    message: options.signal?.aborted
      ? "asking was given up"
      : `no answer within ${Math.round(timeoutMs / 1000)} s`,
    certain: false,
  });
}

async function* readEvents(
  socketPath: string,
  options: { chat?: string; after?: number | "end"; signal?: AbortSignal },
): AsyncGenerator<ConsoleEvent> {
  let after = options.after;
  const aborted = () => options.signal?.aborted === true;
  while (!aborted()) {
    try {
      const query = new URLSearchParams({
        ...(options.chat ? { chat: options.chat } : {}),
        ...(after === undefined ? {} : { after: String(after) }),
      });
      const response = await open(socketPath, "GET", `/api/events?${query}`, undefined, options.signal);
      for await (const event of parseEvents(response)) {
        // From the first answer on, a reconnect resumes exactly after the last entry that was seen.
        if (event.event === "hello" && after === "end") after = event.data.seq;
        if (event.event === "message") after = event.data.seq;
        yield event;
      }
    } catch {
      // The bridge restarts, or isn't there yet.
    }
    if (!aborted())
      await sleep(250, undefined, options.signal ? { signal: options.signal } : {}).catch(() => {});
  }
}

const SCHEMAS = {
  message: MessageEvent,
  draft: DraftEvent,
  card: CardEvent,
  working: WorkingEvent,
  hello: HelloEvent,
} as const;

/** Splits a stream into events; unknown ones are skipped. */
async function* parseEvents(stream: AsyncIterable<Buffer>): AsyncGenerator<ConsoleEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const frame = text.slice(0, end);
      text = text.slice(end + 2);
      const name = /^event: (\w+)$/m.exec(frame)?.[1] as keyof typeof SCHEMAS | undefined;
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (name === undefined || data === undefined || !(name in SCHEMAS)) continue;
      const parsed = SCHEMAS[name].safeParse(JSON.parse(data));
      if (parsed.success) yield { event: name, data: parsed.data } as ConsoleEvent;
    }
  }
}

async function postJson<T>(
  socketPath: string,
  path: string,
  body: Record<string, unknown>,
  schema: { parse(value: unknown): T },
): Promise<T> {
  const until = Date.now() + RETRY_FOR_MS;
  for (;;) {
    try {
      const response = await open(socketPath, "POST", path, JSON.stringify(body));
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      return schema.parse(
        checked(response.statusCode ?? 0, JSON.parse(Buffer.concat(chunks).toString("utf8"))),
      );
    } catch (error) {
      if (error instanceof Fault && !error.retryable) throw error;
      // The id makes repeating harmless.
      if (Date.now() > until) throw unreachable(socketPath, error);
      await sleep(250);
    }
  }
}

function checked(status: number, value: unknown): unknown {
  if (status === 200) return value;
  const { error } = value as { error?: { code?: string; message?: string; retryable?: boolean } };
  const message = error?.message ?? `console answered ${status}`;
  throw new Fault({
    code: error?.code ?? "console-error",
    message,
    retryable: error?.retryable ?? status === 503,
  });
}

function unreachable(socketPath: string, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  return new Fault({
    code: "console-unreachable",
    message: `no console answers on ${socketPath}`,
    hint: "start the service with `npm start`",
    retryable: true,
    certain: false,
    cause,
  });
}

function open(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const request = httpRequest(
      { socketPath, method, path, headers, ...(signal ? { signal } : {}) },
      resolve,
    );
    request.on("error", reject);
    request.end(body);
  });
}
