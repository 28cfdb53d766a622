/**
 * One JSON file per sandbox, `sandboxes/<id>.json`: what a new launcher needs to adopt what runs.
 * Written before a sandbox is let go, so that no process of ours runs unrecorded.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { SandboxId, SandboxInfo } from "../driver.ts";
import { makeDirectory, writeAtomic } from "./files.ts";

const Stored = z.object({ v: z.literal(1), ...SandboxInfo.shape });

/** All records below one directory. */
export class Records {
  private readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
    makeDirectory(dir, 0o700);
  }

  /** Every readable record; `damaged` is told of the others, which are kept as they are. */
  all(damaged: (file: string, error: unknown) => void): SandboxInfo[] {
    return readdirSync(this.dir)
      .filter((name) => name.endsWith(".json") && SandboxId.safeParse(name.slice(0, -5)).success)
      .flatMap((name) => {
        try {
          const { v: _, ...info } = Stored.parse(JSON.parse(readFileSync(join(this.dir, name), "utf8")));
          return [info];
        } catch (error) {
          damaged(name, error);
          return [];
        }
      });
  }

  save(info: SandboxInfo): void {
    writeAtomic(join(this.dir, `${info.id}.json`), `${JSON.stringify({ v: 1, ...info }, null, 1)}\n`);
  }

  remove(id: SandboxId): void {
    rmSync(join(this.dir, `${id}.json`), { force: true });
  }
}
