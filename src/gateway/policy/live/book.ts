/**
 * The policies in force on this host: one {@link PolicyPort} per sandbox, kept in step with the store (hint, and a poll
 * within a second) and with what people approved. What doesn't load changes nothing and is reported; where nothing ever
 * loaded, everything is denied. Must never wait on a decision's way: a decision reads what was compiled before.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { describeError } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/logging.ts";
import { TIMEOUTS } from "../../../lib/timeouts.ts";
import type { PolicyRevision, PolicyStorePort } from "../../../store/index.ts";
import type { PolicyPort } from "../../egress/proxy/ports.ts";
import type { CompiledPolicy, Fallback } from "../compile.ts";
import type { Grant } from "../decide.ts";
import type { EndpointRule, Notice, PolicyModel, StaticSections } from "../model.ts";
import { DENY_ALL, effectivePolicy, rulesKey } from "./effective.ts";
import { EMPTY_LAYER, inOneLine, type Layer, loadLayer } from "./layer.ts";

/** Everybody's policy. */
export const DEFAULT_TARGET = "default";
/** Leaves time to load within the second (RELIABILITY §2). */
const POLL_MS = TIMEOUTS.sweep * 0.7;

/** What people allowed a sandbox, from approvals. */
export interface ApprovalView {
  grants(): readonly Grant[];
  rules(): readonly EndpointRule[];
  onChange(listener: () => void): () => void;
}

/** What a book is made of. */
export interface PolicyBookOptions {
  readonly store: PolicyStorePort;
  readonly logger: Logger;
  /** The blueprint's policy: the default's until one is set, and what sandboxes are made with. */
  readonly base: { readonly file: string; readonly text: string };
  readonly fallback: Exclude<Fallback, "allow">;
  /** Landlock as this host is configured for, where it isn't what the blueprint says. */
  readonly landlock?: "best_effort" | "hard_requirement";
  /** Approvals of a sandbox; absent: none ever. */
  readonly approvals?: (sandboxId: string) => ApprovalView;
}

/** A target as it was read last. */
interface Target {
  /** Number of the revision that was read last; -1: none yet. */
  head: number;
  /** The last one that loaded. */
  layer?: Layer;
  loadedAt: number;
  /** What is wrong with revision `head`; "" when it is in force. */
  trouble: string;
}

/** A sandbox that is served. */
interface Live {
  compiled: CompiledPolicy;
  rulesKey: string;
  readonly view: ApprovalView | undefined;
  readonly listeners: Set<() => void>;
  readonly port: PolicyPort;
  stop(): void;
  /** Hosts that bridges were told last. */
  shown?: string | undefined;
}

/** What an administrator sees of a target. */
export interface TargetState {
  readonly head: number;
  readonly layer: Layer | undefined;
  readonly loadedAt: number;
  readonly trouble: string;
}

/** See the module's header. */
export class PolicyBook {
  readonly #options: PolicyBookOptions;
  readonly #targets = new Map<string, Target>([[DEFAULT_TARGET, fresh()]]);
  readonly #live = new Map<string, Live>();
  readonly #base: Layer;
  readonly #polls: (() => Promise<void>)[] = [];
  #refreshing: Promise<void> | undefined;
  #again = false;
  #away = false;
  readonly #ended = new AbortController();
  #unsubscribe: (() => Promise<void>) | undefined;
  #closed = false;

  constructor(options: PolicyBookOptions) {
    this.#options = options;
    const base = loadLayer({ number: 0, ...options.base, presets: [] });
    // Ships with the product, and a test loads it.
    if (!base.ok) throw new Error(inOneLine(base.problems));
    const { landlock } = options;
    const fixed = { ...base.value.model.fixed, ...(landlock ? { landlock } : {}) };
    this.#base = { ...base.value, model: { ...base.value.model, fixed } };
  }

  /** Loads the default policy and begins to watch. A store that is away is tried again. */
  async start(): Promise<void> {
    const { store } = this.#options;
    this.#unsubscribe = await store.onPolicyHint((target) => {
      if (this.#targets.has(target)) void this.refresh();
    });
    await this.refresh();
    void this.#watch();
  }

  /** Runs with every poll, after the store was read. */
  alsoPoll(poll: () => Promise<void>): void {
    this.#polls.push(poll);
  }

  /** The policy of a sandbox, from now on kept up to date. Until its own layer is read, nothing leaves. */
  open(sandboxId: string): PolicyPort {
    const known = this.#live.get(sandboxId);
    if (known) return known.port;
    const view = this.#options.approvals?.(sandboxId);
    const listeners = new Set<() => void>();
    const live: Live = {
      compiled: DENY_ALL,
      rulesKey: "",
      view,
      listeners,
      port: {
        current: () => ({ policy: live.compiled, grants: view?.grants() ?? [] }),
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      stop: () => {},
    };
    live.stop = view?.onChange(() => this.#approved(sandboxId, live)) ?? live.stop;
    this.#live.set(sandboxId, live);
    this.#targets.set(sandboxId, fresh());
    void this.refresh();
    return live.port;
  }

  /** A sandbox is gone. */
  forget(sandboxId: string): void {
    this.#live.get(sandboxId)?.stop();
    this.#live.delete(sandboxId);
    if (sandboxId !== DEFAULT_TARGET) this.#targets.delete(sandboxId);
  }

  /** Resolves once the sandbox's policy was read, or after `ms`. */
  async loaded(sandboxId: string, ms: number = TIMEOUTS.sweep): Promise<void> {
    this.open(sandboxId);
    const late = sleep(ms, undefined, { ref: false });
    const read = async () => {
      while (this.#targets.get(sandboxId)?.head === -1 && !this.#closed) {
        await this.refresh();
        await sleep(20, undefined, { ref: false });
      }
    };
    await Promise.race([read(), late]);
  }

  /** Reads what changed, at once. Never rejects; one at a time, and once more when asked meanwhile. */
  refresh(): Promise<void> {
    if (this.#refreshing) {
      this.#again = true;
      return this.#refreshing;
    }
    this.#refreshing = this.#refresh();
    return this.#refreshing;
  }

  /** What a target is at, for administrators; undefined where it isn't followed here. */
  state(target: string): TargetState | undefined {
    const known = this.#targets.get(target);
    return known && { ...known, layer: known.layer };
  }

  /** The default's layer, the blueprint's until another was read. */
  get general(): Layer {
    return this.#targets.get(DEFAULT_TARGET)?.layer ?? this.#base;
  }

  /** What sandboxes are made with. */
  get base(): Layer {
    return this.#base;
  }

  get fallback(): Exclude<Fallback, "allow"> {
    return this.#options.fallback;
  }

  /** What the sandbox's people approved; undefined for one that isn't served. */
  approvals(sandboxId: string): ApprovalView | undefined {
    return this.#live.get(sandboxId)?.view;
  }

  /** Sections that sandboxes are made with. */
  get made(): StaticSections {
    return this.#base.model.fixed;
  }

  /** Everything that an operator should know, one line per target. */
  troubles(): string[] {
    return [...this.#targets].flatMap(([target, { head, trouble }]) =>
      trouble ? [`policy of ${target}, version ${head}, is not in force: ${trouble}`] : [],
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ended.abort();
    for (const id of [...this.#live.keys()]) this.forget(id);
    await this.#unsubscribe?.();
    await this.#refreshing;
  }

  /** One look after the other until closed. */
  async #watch(): Promise<void> {
    while (!this.#closed) {
      await sleep(POLL_MS, undefined, { ref: false, signal: this.#ended.signal }).catch(() => {});
      if (this.#closed) return;
      await this.refresh();
      for (const poll of this.#polls) await poll();
    }
  }

  async #refresh(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#read();
        if (this.#away) this.#options.logger.info("policies are read again");
        this.#away = false;
      } catch (err) {
        // What was loaded stays in force (RELIABILITY §2: the poll heals it).
        if (!this.#away) this.#options.logger.warn({ err }, "policies can't be read");
        this.#away = true;
      }
    } while (this.#again && !this.#closed);
    // In the same step as the look at `#again`: nobody may join a round that has ended.
    this.#refreshing = undefined;
  }

  async #read(): Promise<void> {
    const { store } = this.#options;
    const names = [...this.#targets.keys()];
    const heads = await store.heads(names);
    const changed: string[] = [];
    for (const [i, name] of names.entries()) {
      const target = this.#targets.get(name);
      if (!target || target.head === heads[i]) continue;
      const revision = heads[i] === 0 ? undefined : await store.get(name).catch(unreadable);
      this.#take(name, target, heads[i]!, revision);
      changed.push(name);
    }
    if (changed.includes(DEFAULT_TARGET)) for (const id of this.#live.keys()) this.#rebuild(id);
    else for (const id of changed) this.#rebuild(id);
  }

  /** A revision was read: it replaces what was in force, or changes nothing. */
  #take(
    name: string,
    target: Target,
    head: number,
    revision: PolicyRevision | { problem: string } | undefined,
  ): void {
    const { logger } = this.#options;
    target.head = revision && "number" in revision ? revision.number : head;
    const loaded = !revision
      ? { ok: true as const, value: name === DEFAULT_TARGET ? this.#base : EMPTY_LAYER }
      : "number" in revision
        ? loadLayer(revision)
        : { ok: false as const, problems: [{ at: name, message: revision.problem }] };
    if (loaded.ok) {
      target.layer = loaded.value;
      target.loadedAt = Date.now();
      target.trouble = "";
      if (target.head > 0)
        logger.info({ target: name, version: target.head, hash: loaded.value.hash }, "policy loaded");
    } else {
      target.trouble = inOneLine(loaded.problems as Notice[]);
      logger.error({ target: name, version: target.head, trouble: target.trouble }, "policy doesn't load");
    }
  }

  #approved(sandboxId: string, live: Live): void {
    const { view } = live;
    if (view && rulesKey(view.rules()) !== live.rulesKey) this.#rebuild(sandboxId);
    else tell(live, this.#options.logger);
  }

  /** Best effort: bridges show links as text where they know nothing. */
  #show(sandboxId: string, live: Live, hosts: string[]): void {
    const shown = hosts.join(" ");
    if (live.shown === shown) return;
    live.shown = shown;
    this.#options.store.showHosts(sandboxId, hosts).catch((err: unknown) => {
      live.shown = undefined;
      this.#options.logger.debug({ err, sandboxId }, "allowed hosts not told to bridges");
    });
  }

  #rebuild(sandboxId: string): void {
    const live = this.#live.get(sandboxId);
    if (!live) return;
    const general = this.#targets.get(DEFAULT_TARGET)?.layer;
    const own = this.#targets.get(sandboxId)?.layer;
    const rules = live.view?.rules() ?? [];
    try {
      const before = live.compiled;
      const effective = general && own ? effectivePolicy(general, own, rules, this.fallback) : undefined;
      live.compiled = effective?.compiled ?? DENY_ALL;
      live.rulesKey = rulesKey(rules);
      if (live.compiled !== before) tell(live, this.#options.logger);
      if (effective) this.#show(sandboxId, live, allowedHosts(effective.model));
    } catch (err) {
      this.#options.logger.error({ err, sandboxId }, "policy can't be compiled; what was in force stays");
    }
  }
}

/** Host patterns that something is allowed to, and nothing is denied. */
function allowedHosts({ rules, denials }: PolicyModel): string[] {
  const denied = new Set(denials.map(({ host }) => host));
  const hosts = rules.flatMap(({ host }) => (host === undefined || denied.has(host) ? [] : [host]));
  return [...new Set(hosts)].sort();
}

function fresh(): Target {
  return { head: -1, loadedAt: 0, trouble: "" };
}

/** A record that this version can't read is like a file that doesn't load; a store that is away is tried again. */
function unreadable(error: unknown): { problem: string } {
  if ((error as { code?: string }).code === "store-record") return { problem: describeError(error) };
  throw error;
}

function tell({ listeners }: Live, logger: Logger): void {
  for (const listener of [...listeners]) {
    try {
      listener();
    } catch (err) {
      logger.error({ err }, "policy listener failed");
    }
  }
}
