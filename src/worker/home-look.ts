/**
 * What lies in an inbox and an outbox, for /files. Only of a sandbox that is awake: a list wakes nobody by itself, but says
 * so, and its agent wakes for the next try.
 */
import type { HomeLook } from "../store/index.ts";
import type { AgentClient } from "./agent-client.ts";

/** Files of each folder that are listed. */
const MOST = 50;

/** What it needs of a sandbox. */
export interface LookedAt {
  readonly phase: string;
  readonly client: Pick<AgentClient, "connected" | "listFiles">;
}

/** Looks once. Rejects when the sandbox breaks off. */
export async function lookAtHome(sandbox: LookedAt, wake: () => void): Promise<HomeLook> {
  if (!sandbox.client.connected || sandbox.phase === "parked") {
    wake();
    return { kind: "asleep" };
  }
  const [inbox, outbox] = await Promise.all(["inbox", "outbox"].map((path) => names(sandbox, path)));
  return { kind: "files", inbox: inbox ?? [], outbox: outbox ?? [] };
}

async function names({ client }: LookedAt, path: string): Promise<{ name: string; size: number }[]> {
  // A folder that isn't there has no files.
  const { files } = await client.listFiles(path, false, "").catch(() => ({ files: [] }));
  const plain = files.filter(({ kind }) => kind === "file").slice(0, MOST);
  return plain.map(({ path: name, size }) => ({ name: name.slice(0, 255), size }));
}
