/**
 * Server-sent events: each client gets what it missed of the transcript, then everything as it happens.
 * Must never let a slow client hold memory: one that doesn't read is cut off and resumes by its last event id.
 */
import type { ServerResponse } from "node:http";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import { parseMarkdown, pause, withoutMarkIn } from "../core/index.ts";
import type { ConsoleEvent } from "./events.ts";
import type { Transcript, TranscriptEntry } from "./transcript.ts";

/** Entries sent to a client that asks for nothing in particular. */
const REPLAYED = 100;
/** Bytes that may wait for a client. */
const MAX_BUFFERED = 4 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;

/** All streams of a console. */
export class EventStreams {
  private readonly transcript: Transcript;
  private readonly clients = new Map<ServerResponse, string | undefined>();
  private readonly heartbeat: NodeJS.Timeout;
  private readonly stopListening: () => void;
  private readonly present: () => Promise<ConsoleEvent[]>;

  /** `present`: what each new client is shown beside the transcript. */
  constructor(transcript: Transcript, present: () => Promise<ConsoleEvent[]> = async () => []) {
    this.transcript = transcript;
    this.present = present;
    this.stopListening = transcript.listen((entry) => this.send(messageEvent(entry), entry.chat));
    this.heartbeat = setInterval(() => {
      for (const client of this.clients.keys()) client.write(": still here\n\n");
    }, HEARTBEAT_MS);
  }

  /** Serves one client. `after`: a seq, `end` for only what is new, or undefined for the latest entries. */
  open(response: ServerResponse, chat: string | undefined, after: number | "end" | undefined): void {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    response.write("retry: 1000\n\n");
    const { transcript } = this;
    const from = after === "end" ? transcript.lastSeq : after;
    const missed = from === undefined ? transcript.after(0).slice(-REPLAYED) : transcript.after(from);
    response.write(encode({ event: "hello", data: { seq: transcript.lastSeq } }));
    for (const entry of missed) {
      if (chat === undefined || entry.chat === chat) response.write(encode(messageEvent(entry)));
    }
    this.clients.set(response, chat);
    response.on("close", () => this.clients.delete(response));
    void this.showPresent(response);
  }

  /** Tried again while the client stays: a card must not be missed because Redis was away just then. */
  private async showPresent(client: ServerResponse): Promise<void> {
    while (this.clients.has(client)) {
      const events = await this.present().catch(() => undefined);
      if (events) {
        for (const event of events) if (this.clients.has(client)) client.write(encode(event));
        return;
      }
      await pause(TIMEOUTS.sweep);
    }
  }

  /** Sends an event to every client of its chat, or to all. */
  send(event: ConsoleEvent, chat: string | undefined): void {
    const text = encode(event);
    for (const [client, wanted] of this.clients) {
      if (wanted !== undefined && chat !== undefined && wanted !== chat) continue;
      if (client.writableLength > MAX_BUFFERED) client.destroy();
      else client.write(text);
    }
  }

  /** Ends all streams. */
  close(): void {
    clearInterval(this.heartbeat);
    this.stopListening();
    for (const client of this.clients.keys()) client.end();
    this.clients.clear();
  }
}

function messageEvent(entry: TranscriptEntry): ConsoleEvent {
  return { event: "message", data: { ...entry, blocks: blocksOf(entry.markdown) } };
}

/** Markdown as a tree for clients; whatever an agent writes, it is no approval card. */
export function blocksOf(markdown: string): { type: string }[] {
  return withoutMarkIn(parseMarkdown(markdown)) as { type: string }[];
}

function encode(event: ConsoleEvent): string {
  const id = event.event === "message" ? `id: ${event.data.seq}\n` : "";
  return `${id}event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`;
}
