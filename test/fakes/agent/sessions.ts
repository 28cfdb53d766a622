/** Sessions on disk, as OpenClaw keeps its own: what was said survives the agent (`~/.openclaw/agents/…/*.jsonl` there). */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Message } from "./model.ts";

const DIR = join(homedir(), ".fake-openclaw", "sessions");
const fileOf = (key: string) =>
  join(DIR, `${createHash("sha256").update(key).digest("hex").slice(0, 16)}.json`);

/** What was said in this session before. */
export function loadSession(key: string): Message[] {
  try {
    return JSON.parse(readFileSync(fileOf(key), "utf8")) as Message[];
  } catch {
    return [];
  }
}

/** A run of this session begins; only its end takes the mark away. */
export function markRunning(key: string, text: string): void {
  mkdirSync(DIR, { recursive: true });
  writeFileSync(`${fileOf(key)}.running`, JSON.stringify({ key, text }));
}

/** It ended, somehow. */
export function markEnded(key: string): void {
  rmSync(`${fileOf(key)}.running`, { force: true });
}

/** What an agent before this one began and never ended. */
export function brokenRuns(): { key: string; text: string }[] {
  mkdirSync(DIR, { recursive: true });
  return readdirSync(DIR)
    .filter((name) => name.endsWith(".running"))
    .map((name) => JSON.parse(readFileSync(join(DIR, name), "utf8")));
}

/** Keeps it. */
export function saveSession(key: string, history: Message[]): void {
  mkdirSync(DIR, { recursive: true });
  writeFileSync(`${fileOf(key)}.new`, JSON.stringify(history));
  renameSync(`${fileOf(key)}.new`, fileOf(key));
}
