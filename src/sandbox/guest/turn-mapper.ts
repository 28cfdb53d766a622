/**
 * Turns what OpenClaw's gateway says of one run (`agent` and `chat` events) into our turn events.
 * Knows no socket and no process. Emits exactly what is seen; the one who asks decides how a turn ends.
 */
import type { TurnEvent } from "./protocol.ts";

/** How a run ended, as the gateway tells it. */
export type Outcome =
  | { kind: "final"; text: string }
  | { kind: "aborted" }
  | { kind: "error"; message: string; retryable: boolean };

const SUMMARY = 200;
const DELTA_MS = 40;
const TOOL_UPDATE_MS = 500;
const MAX_MEDIA = 20;

type Data = Record<string, unknown>;

/** The mapper of one run. Call {@link TurnMapper.end} when the turn is over. */
export class TurnMapper {
  readonly #emit: (event: TurnEvent) => void;
  #text = "";
  #item: unknown;
  #pending = "";
  #timer: NodeJS.Timeout | undefined;
  #lastFlush = 0;
  #output = 0;
  /** Files that the answer names: OpenClaw takes their lines out of its text (docs: "Rich output protocol"). */
  readonly #media = new Set<string>();
  readonly #tools = new Map<string, { name: string; summary: string; updated: number }>();

  constructor(emit: (event: TurnEvent) => void) {
    this.#emit = emit;
  }

  /** An `agent` event of this run. */
  agent(payload: Data): void {
    const data = (payload["data"] ?? {}) as Data;
    if (payload["stream"] === "assistant") this.#assistant(data);
    else if (payload["stream"] === "tool") this.#tool(data);
    // Cumulative within a run; only output is told. The router counts both, this number is only shown.
    else if (payload["stream"] === "usage")
      this.#output = Math.max(this.#output, Number(data["outputTokens"] ?? 0));
  }

  /** A `chat` event of this run; returns the outcome when it is the last. */
  chat(payload: Data): Outcome | undefined {
    const state = payload["state"];
    if (state === "final") {
      const text = textOf(payload["message"]) || this.#text;
      return { kind: "final", text: withMedia(text, [...this.#media]) };
    }
    if (state === "aborted") return { kind: "aborted" };
    if (state !== "error") return undefined;
    const status = Number((payload["errorDetail"] as Data | undefined)?.["httpStatus"] ?? 0);
    const message = String(payload["errorMessage"] ?? "the agent gave no reason");
    return {
      kind: "error",
      message: oneLine(message, 500),
      retryable: status === 0 || status === 429 || status >= 500,
    };
  }

  /** Sends what is still held back. */
  end(): void {
    this.#flush();
    if (this.#output > 0) this.#emit({ kind: "usage", input: 0, output: this.#output });
    this.#output = 0;
  }

  #assistant(data: Data): void {
    for (const url of Array.isArray(data["mediaUrls"]) ? data["mediaUrls"] : [])
      if (typeof url === "string" && this.#media.size < MAX_MEDIA) this.#media.add(url);
    const text = String(data["text"] ?? "");
    const delta = String(data["delta"] ?? "");
    const sameMessage = this.#item === undefined || this.#item === data["itemId"];
    this.#item = data["itemId"];
    if (sameMessage && text === this.#text + delta) {
      this.#text = text;
      this.#pending += delta;
      this.#schedule();
      return;
    }
    // A new message after a tool, or a draft that was rewritten: it takes the place of what is shown.
    this.#flush();
    this.#text = text;
    this.#emit({ kind: "text", text });
  }

  /** The first words go out at once, later ones at most every 40 ms: a frame for each token would only heat the host. */
  #schedule(): void {
    const wait = this.#lastFlush + DELTA_MS - performance.now();
    if (wait <= 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), wait);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending === "") return;
    const text = this.#pending;
    this.#pending = "";
    this.#lastFlush = performance.now();
    this.#emit({ kind: "delta", text });
  }

  #tool(data: Data): void {
    const id = String(data["toolCallId"] ?? "").slice(0, 64);
    const phase = data["phase"];
    if (phase === "start") {
      const name = oneLine(String(data["name"] ?? "tool"), 64);
      const summary = summarize(name, (data["args"] ?? {}) as Data);
      this.#tools.set(id, { name, summary, updated: Number.NEGATIVE_INFINITY });
      this.#flush();
      this.#emit({ kind: "tool", phase: "start", id, name, summary });
      return;
    }
    const tool = this.#tools.get(id);
    if (!tool) return;
    if (phase === "update") {
      const line = lastLine(textOf(data["partialResult"]));
      const now = performance.now();
      if (line === "" || now - tool.updated < TOOL_UPDATE_MS) return;
      tool.updated = now;
      this.#emit({ kind: "tool", phase: "update", id, name: tool.name, summary: line });
    } else if (phase === "result") {
      this.#tools.delete(id);
      const details = ((data["result"] as Data | undefined)?.["details"] ?? {}) as Data;
      const ok = data["isError"] !== true && Number(details["exitCode"] ?? 0) === 0;
      this.#emit({ kind: "tool", phase: "end", id, name: tool.name, summary: tool.summary, ok });
    }
  }
}

/** The answer with its files named again, a line each; addresses are left out: nothing fetches them for the agent. */
export function withMedia(text: string, media: readonly string[]): string {
  const local = media
    .map((url) => url.replace(/^file:\/\/(?=\/)/, ""))
    .filter((url) => url !== "" && url.length <= 1_024 && !/^[a-z][a-z0-9+.-]*:|\n/i.test(url));
  const lines = local.map((path) => `MEDIA:${path}`).filter((line) => !text.split("\n").includes(line));
  return lines.length === 0 ? text : `${text}${text === "" ? "" : "\n\n"}${lines.join("\n")}`;
}

/** What a person wants to know of a tool call, in one line: the command, the file, the address. */
export function summarize(name: string, args: Data): string {
  // A deferred tool is called by the wrapper `tool_call {id, args}`.
  if (name === "tool_call" && typeof args["args"] === "object" && args["args"] !== null) {
    const inner = String(args["id"] ?? "");
    return oneLine(`${inner} ${summarize(inner, args["args"] as Data)}`, SUMMARY);
  }
  for (const key of ["command", "path", "file_path", "url", "query", "action", "id"]) {
    const value = args[key];
    if (typeof value === "string" && value !== "") return oneLine(value, SUMMARY);
  }
  return "";
}

/** Text of `{content: "…"}` or `{content: [{type: "text", text}]}`. */
function textOf(message: unknown): string {
  const content = (message as Data | undefined)?.["content"];
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as Data[])
    .map((part) => (part["type"] === "text" ? String(part["text"] ?? "") : ""))
    .join("");
}

function lastLine(text: string): string {
  return oneLine(text.trimEnd().split("\n").at(-1) ?? "", SUMMARY);
}

function oneLine(text: string, max: number): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return line.length <= max ? line : `${line.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
