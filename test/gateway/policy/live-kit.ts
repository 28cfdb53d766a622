/** Policies in force on a real Redis: one or more gateways' books, the operator's desk, approvals in memory. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import type { Grant } from "../../../src/gateway/policy/decide.ts";
import {
  type ApprovalView,
  PolicyBook,
  type PolicyBookOptions,
  PolicyDesk,
} from "../../../src/gateway/policy/live/index.ts";
import type { EndpointRule } from "../../../src/gateway/policy/model.ts";
import type { PolicyStorePort } from "../../../src/store/index.ts";
import type { TestRedis } from "../../helpers/redis.ts";

/** Sandboxes of the tests. */
export const ANN = "p_aaaaaaaaaaaaaaaaaaaa";
export const BOB = "p_bbbbbbbbbbbbbbbbbbbb";
/** The blueprint's policy, as far as tests care. */
export const BASE = `version: 1
filesystem_policy: { include_workdir: true, read_only: [/usr], read_write: [/home/sandbox, /tmp, /dev/null] }
landlock: { compatibility: hard_requirement }
process: { run_as_user: "1000" }
network_policies: {}
`;
/** A file that allows these hosts on 443. */
export const allowing = (...hosts: string[]): string =>
  `egress:\n  allowed:\n${hosts.map((host) => `    - { host: ${host}, port: 443 }\n`).join("")}`;

/** Approvals of a sandbox that a test changes. */
export class Approvals implements ApprovalView {
  readonly #listeners = new Set<() => void>();
  #grants: readonly Grant[] = [];
  #rules: readonly EndpointRule[] = [];

  grants(): readonly Grant[] {
    return this.#grants;
  }
  rules(): readonly EndpointRule[] {
    return this.#rules;
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  /** Replaces both. */
  put(grants: readonly Grant[], rules: readonly EndpointRule[]): void {
    [this.#grants, this.#rules] = [grants, rules];
    for (const listener of this.#listeners) listener();
  }
}

/** One gateway's part. */
export interface Gate {
  store: PolicyStorePort;
  book: PolicyBook;
  desk: PolicyDesk;
  /** Messages of its log. */
  log: string[];
}

/** Starts a gateway's book; the test closes it. */
export async function gate(
  redis: TestRedis,
  hostId = "host1",
  options: Partial<PolicyBookOptions> = {},
): Promise<Gate> {
  const opened = redis.store("gateway", { hostId });
  await opened.ready();
  const log: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void log.push(line) });
  const store = options.store ?? opened.policies;
  const book = new PolicyBook({
    store,
    logger,
    base: { file: "blueprint/policy.yaml", text: BASE },
    fallback: "ask",
    ...options,
  });
  await book.start();
  return { store, book, desk: new PolicyDesk(store, book), log };
}

/** A store whose hints never arrive: only the poll is left. */
export function deaf(store: PolicyStorePort): PolicyStorePort {
  return { ...store, onPolicyHint: async () => async () => {} };
}

/** Who changes policies in tests. */
export const AUTHOR = { by: "ann", note: "" };

/** Waits until it holds, at most `ms`; returns how long it took. */
export async function until(test: () => boolean, ms = 1_000): Promise<number> {
  const start = performance.now();
  while (!test()) {
    if (performance.now() - start > ms) throw new Error(`not within ${ms} ms`);
    await sleep(5);
  }
  return performance.now() - start;
}

/** A directory of the test's own. */
export function scratch(): { dir: string; file(name: string): string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), "ncp-"));
  return {
    dir,
    file: (name) => join(dir, name),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
