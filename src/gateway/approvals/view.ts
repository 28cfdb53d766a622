/**
 * What a sandbox's people have allowed so far, as policy reads it: grants in force and standing rules. Kept fresh by
 * hints and by a look each second; the last known stays while the store is away, and ends by its own clock.
 */
import type { ApprovalPort, GrantRecord, RuleRecord } from "../../store/index.ts";
import type { EndpointRule, Grant } from "../policy/index.ts";
import type { RunningTurn } from "../ports.ts";
import { ruleOf } from "./facts.ts";

/** The live view of one sandbox. */
export class ApprovalView {
  readonly #principal: string;
  readonly #store: ApprovalPort;
  readonly #listeners = new Set<() => void>();
  #records: readonly GrantRecord[] = [];
  #grants: readonly Grant[] = [];
  #rules: readonly EndpointRule[] = [];
  #ruleRecords: readonly RuleRecord[] = [];
  #seen = "";
  #reading: Promise<void> | undefined;

  constructor(principal: string, store: ApprovalPort) {
    this.#principal = principal;
    this.#store = store;
  }

  /** Grants in force. */
  grants(): readonly Grant[] {
    return this.#grants;
  }

  /** Standing rules, origin `approval`. */
  rules(): readonly EndpointRule[] {
    return this.#rules;
  }

  /** The same as they are stored. */
  ruleRecords(): readonly RuleRecord[] {
    return this.#ruleRecords;
  }

  /** Grants as they are stored. */
  grantRecords(): readonly GrantRecord[] {
    return this.#records;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads again; calls that come meanwhile share the next reading. Rejects when the store does. */
  async refresh(): Promise<void> {
    await this.#reading?.catch(() => {});
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    try {
      this.#take(
        ...(await Promise.all([this.#store.grants(this.#principal), this.#store.rules(this.#principal)])),
      );
    } catch (error) {
      const now = Date.now();
      this.#take(
        this.#records.filter((grant) => grant.expiresAt > now),
        this.#ruleRecords,
      );
      throw error;
    }
  }

  #take(grants: readonly GrantRecord[], rules: readonly RuleRecord[]): void {
    const seen = JSON.stringify([grants, rules]);
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#records = grants;
    this.#grants = grants.map(grantOf);
    this.#ruleRecords = rules;
    this.#rules = rules.map(ruleOf);
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Session grants that a conversation has outlived: it has another session now. */
export function outlived(grants: readonly GrantRecord[], turns: readonly RunningTurn[]): string[] {
  return grants
    .filter((grant) => grant.scope === "session")
    .filter((grant) => {
      const newest = turns.find((turn) => turn.kind === "turn" && turn.conversation === grant.conversation);
      return newest !== undefined && newest.scopeId !== grant.scopeId;
    })
    .map((grant) => grant.grantId);
}

function grantOf({ grantId, scope, host, port, binary, method, path }: GrantRecord): Grant {
  return {
    id: grantId,
    scope,
    host,
    port,
    ...(binary === undefined ? {} : { binary }),
    ...(method === undefined ? {} : { method }),
    ...(path === undefined ? {} : { path }),
  };
}
