/**
 * What Docker tells by itself: which sandbox ran out of memory. The stream is opened again whenever it breaks, from the
 * moment of the last event on; a daemon that is away is asked once a second.
 */
import type { Readable } from "node:stream";
import type { Logger } from "../../lib/logging.ts";
import { LABEL } from "./container.ts";
import type { Daemon } from "./daemon.ts";

const AGAIN_MS = 1_000;

/** Counts processes that the kernel killed for want of memory, by container id. */
export class OomCounter {
  private readonly daemon: Daemon;
  private readonly tag: string;
  private readonly logger: Logger;
  private readonly kills = new Map<string, number>();
  private stream: Readable | undefined;
  private timer: NodeJS.Timeout | undefined;
  private since = Math.floor(Date.now() / 1000);
  private closed = false;

  constructor(daemon: Daemon, tag: string, logger: Logger) {
    this.daemon = daemon;
    this.tag = tag;
    this.logger = logger;
    void this.listen();
  }

  /** So far, of the sandbox's present life. */
  of({ id }: { id: string }): number {
    return this.kills.get(id) ?? 0;
  }

  forget(sandboxId: string): void {
    this.kills.delete(sandboxId);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.stream?.destroy();
  }

  private async listen(): Promise<void> {
    const filters = { type: ["container" as const], event: ["oom"], label: [`${LABEL.home}=${this.tag}`] };
    try {
      const stream = (await this.daemon.docker.getEvents({ filters, since: this.since })) as Readable;
      if (this.closed) return void stream.destroy();
      this.stream = stream;
      let rest = "";
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line) this.hear(line);
      });
      stream.on("error", () => {}); // "close" follows
      stream.on("close", () => this.again());
    } catch (error) {
      this.logger.debug({ err: error }, "no events from docker");
      this.again();
    }
  }

  private again(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => void this.listen(), AGAIN_MS);
    this.timer.unref();
  }

  private hear(line: string): void {
    let event: { time?: number; Actor?: { Attributes?: Record<string, string> } };
    try {
      event = JSON.parse(line) as typeof event;
    } catch {
      return; // no event; throwing here would end the launcher
    }
    this.since = (event.time ?? this.since) + 1;
    const id = event.Actor?.Attributes?.[LABEL.sandbox];
    if (id) this.kills.set(id, this.of({ id }) + 1);
  }
}
