/**
 * Changes of policies as the operator makes them: set, edit, presets, rollback. Everything is checked before anything is
 * stored: a file that doesn't load, or says what a sandbox can't keep, is refused and changes nothing.
 */
import { Fault } from "../../../lib/errors.ts";
import type { PolicyRevision, PolicyStorePort } from "../../../store/index.ts";
import type { Notice } from "../model.ts";
import { diffPolicies, type PolicyDiff } from "../revisions.ts";
import { DEFAULT_TARGET, type PolicyBook } from "./book.ts";
import { effectivePolicy } from "./effective.ts";
import { judgeFixed } from "./fixed.ts";
import { EMPTY_LAYER, type Layer, loadLayer, type PresetEntry } from "./layer.ts";

/** Who changes, and why. */
export interface Author {
  readonly by: string;
  readonly note: string;
}

/** A change before it is made. */
export interface Draft {
  readonly file: string;
  readonly text: string;
  readonly presets: readonly PresetEntry[];
  readonly rollbackOf?: number;
}

/** What became of a change. */
export type ChangeOutcome =
  | { readonly kind: "invalid"; readonly problems: readonly Notice[] }
  | {
      /** `checked`: a dry run. */
      readonly kind: "submitted" | "unchanged" | "checked";
      readonly target: string;
      readonly version: number;
      readonly hash: string;
      readonly warnings: readonly Notice[];
      readonly diff: PolicyDiff;
      /** Version of the default's policy that holds for the sandbox too; absent for the default itself. */
      readonly inherits?: number;
    };

/** What is in force for a target, or would be. */
export interface Present {
  /** Newest stored revision; undefined: nothing was ever set. */
  readonly revision: PolicyRevision | undefined;
  /** Undefined when the newest revision doesn't load. */
  readonly layer: Layer | undefined;
}

/** How a change is made. */
export interface ChangeOptions extends Author {
  readonly dryRun?: boolean;
  /** The change is refused unless this is the newest revision. */
  readonly expected?: number;
  readonly imported?: { readonly host: string; readonly digest: string };
}

/** See the module's header. */
export class PolicyDesk {
  readonly store: PolicyStorePort;
  readonly book: PolicyBook;

  constructor(store: PolicyStorePort, book: PolicyBook) {
    this.store = store;
    this.book = book;
  }

  /** Reads a target. */
  async present(target: string): Promise<Present> {
    const revision = await this.store.get(target);
    if (!revision) return { revision, layer: target === DEFAULT_TARGET ? this.book.base : EMPTY_LAYER };
    const loaded = loadLayer(revision);
    return { revision, layer: loaded.ok ? loaded.value : undefined };
  }

  /** Makes a change: `draft` gets what is there now. */
  async change(
    target: string,
    draft: (now: Present) => Draft,
    options: ChangeOptions,
  ): Promise<ChangeOutcome> {
    const now = await this.present(target);
    const number = now.revision?.number ?? 0;
    const wanted = draft(now);
    const loaded = loadLayer({ number: number + 1, ...wanted });
    if (!loaded.ok) return { kind: "invalid", problems: loaded.problems };
    const layer = loaded.value;
    const warnings = [...loaded.warnings, ...this.#refuseFixed(target, now, layer)];
    const before = now.layer ?? EMPTY_LAYER;
    const outcome = {
      target,
      warnings,
      diff: diffPolicies(wholeModel(before), wholeModel(layer)),
      ...(target === DEFAULT_TARGET ? {} : { inherits: this.book.general.source.number }),
    };
    const { by, note, imported } = options;
    const same = now.layer && now.revision ? now.layer.hash === layer.hash : false;
    if (options.dryRun || same) {
      const version = same ? number : number + 1;
      return { kind: same ? "unchanged" : "checked", version, hash: layer.hash, ...outcome };
    }
    const stored = await this.store.append(
      target,
      options.expected ?? number,
      {
        hash: layer.hash,
        by,
        note,
        ...wanted,
        presets: [...wanted.presets].map((preset) => ({ ...preset, registries: [...preset.registries] })),
      },
      imported,
    );
    await this.book.refresh();
    return { kind: "submitted", version: stored.number, hash: stored.hash, ...outcome };
  }

  /** A new policy file; presets stay. */
  set(target: string, file: { name: string; text: string }, options: ChangeOptions): Promise<ChangeOutcome> {
    return this.change(
      target,
      ({ revision }) => ({ file: file.name, text: file.text, presets: revision?.presets ?? [] }),
      options,
    );
  }

  /** Brings an old revision back, as a new one. */
  async rollback(target: string, number: number, options: ChangeOptions): Promise<ChangeOutcome> {
    const old = await this.store.get(target, number);
    if (!old) throw await this.unknownRevision(target, number);
    const { file, text, presets } = old;
    return this.change(target, () => ({ file, text, presets, rollbackOf: number }), options);
  }

  /** The policy as a sandbox gets it, standing approvals included where it is served here. */
  async effective(target: string) {
    const { layer, revision } =
      target === DEFAULT_TARGET ? { layer: EMPTY_LAYER } : await this.present(target);
    if (!layer) throw notLoading(target, revision?.number ?? 0);
    const view = target === DEFAULT_TARGET ? undefined : this.book.approvals(target);
    const general = this.book.general;
    return {
      ...effectivePolicy(general, layer, view?.rules() ?? [], this.book.fallback),
      grants: view?.grants() ?? [],
      general,
      own: layer,
    };
  }

  /** The Fault for a revision that isn't there. */
  async unknownRevision(target: string, number: number): Promise<Fault> {
    const kept = await this.store.list(target);
    const [newest, oldest] = [kept[0]?.number, kept.at(-1)?.number];
    return new Fault({
      code: "policy-revision-unknown",
      message: `the policy of ${target} has no version ${number}`,
      hint: newest === undefined ? "none was ever set" : `versions ${oldest} to ${newest} are kept`,
    });
  }

  #refuseFixed(target: string, now: Present, layer: Layer): Notice[] {
    const general = this.book.general;
    const inherited = target === DEFAULT_TARGET || general.source.number === 0 ? {} : general.model.fixed;
    const stated = { ...inherited, ...(now.revision ? (now.layer?.model.fixed ?? {}) : {}) };
    const { refused, warnings } = judgeFixed(this.book.made, stated, layer.model.fixed);
    if (refused.length > 0) {
      throw new Fault({
        code: "policy-fixed",
        message: refused.join("\n"),
        hint: "leave the section out to keep what the sandbox has",
      });
    }
    return warnings.map((message) => ({ at: layer.source.file, message }));
  }
}

/** A target whose newest revision doesn't load. */
export function notLoading(target: string, number: number): Fault {
  return new Fault({
    code: "policy-not-loading",
    message: `version ${number} of the policy of ${target} doesn't load`,
    hint: "openshell policy list shows why; set a new file or roll back",
  });
}

/** File and presets of a layer as one model, for differences. */
function wholeModel(layer: Layer) {
  return { ...layer.model, rules: [...layer.model.rules, ...layer.presets.flatMap(({ rules }) => rules)] };
}
