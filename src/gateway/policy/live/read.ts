/**
 * What the operator reads of policies: revisions with their status, texts, what is in force as a whole, presets.
 */
import { formatNotices } from "../model.ts";
import { listPresets } from "../presets.ts";
import { DEFAULT_TARGET } from "./book.ts";
import { notLoading, type PolicyDesk } from "./desk.ts";
import { effectivePolicy } from "./effective.ts";
import { EMPTY_LAYER, loadLayer } from "./layer.ts";
import { renderPolicy } from "./render.ts";

/** A revision's life. */
export type PolicyStatus = "Loaded" | "Failed" | "Pending" | "Superseded";

/** One line of `policy list`. */
export interface PolicyRow {
  readonly version: number;
  readonly hash: string;
  readonly status: PolicyStatus;
  readonly createdAt: number;
  readonly by: string;
  readonly note: string;
  readonly presets: readonly string[];
  readonly rollbackOf?: number;
  readonly error: string;
}

/** `policy get`. */
export interface PolicyView extends PolicyRow {
  readonly target: string;
  /** When this gateway put it in force; 0 when it hasn't. */
  readonly loadedAt: number;
  /** Version that is in force here. */
  readonly active: number;
  readonly file: string;
  /** As it was given. */
  readonly text: string;
  /** All that holds for the sandbox, as a file. */
  readonly full?: string;
  /** Version of the default's policy that holds too. */
  readonly inherits?: number;
}

/** A revision, the newest by default. */
export async function getPolicy(
  desk: PolicyDesk,
  target: string,
  rev: number | undefined,
  full: boolean,
): Promise<PolicyView> {
  const revision = await desk.store.get(target, rev);
  if (rev !== undefined && !revision) throw await desk.unknownRevision(target, rev);
  const general = target === DEFAULT_TARGET;
  const base = desk.book.base;
  const source = revision ?? {
    ...(general ? base.source : EMPTY_LAYER.source),
    by: "",
    note: "",
    createdAt: 0,
  };
  const head = revision ? ((await desk.store.heads([target]))[0] ?? 0) : 0;
  const loaded = source.text === "" ? undefined : loadLayer(source);
  const error = loaded && !loaded.ok ? formatNotices(loaded.problems) : "";
  const state = desk.book.state(target);
  const status = statusOf(desk, target, source.number, head, error);
  const view = {
    target,
    version: source.number,
    hash: revision?.hash ?? (general ? base.hash : ""),
    status,
    createdAt: source.createdAt,
    loadedAt: status === "Loaded" ? (state?.loadedAt ?? 0) : 0,
    active: state?.layer?.source.number ?? (error ? 0 : source.number),
    by: source.by,
    note: source.note,
    presets: source.presets.map(({ name }) => name),
    ...(revision?.rollbackOf === undefined ? {} : { rollbackOf: revision.rollbackOf }),
    error,
    file: source.file,
    text: source.text,
    ...(general ? {} : { inherits: desk.book.general.source.number }),
  };
  if (!full) return view;
  if (error) throw notLoading(target, source.number);
  if (rev === undefined && !general)
    return { ...view, full: renderPolicy((await desk.effective(target)).model) };
  const layer = loaded?.ok ? loaded.value : EMPTY_LAYER;
  const { model } = general
    ? effectivePolicy(layer, EMPTY_LAYER, [], desk.book.fallback)
    : effectivePolicy(desk.book.general, layer, [], desk.book.fallback);
  const made = { ...desk.book.made, ...model.fixed };
  return { ...view, full: renderPolicy({ ...model, fixed: made }) };
}

/** Revisions that are kept, newest first. */
export async function listPolicy(desk: PolicyDesk, target: string): Promise<PolicyRow[]> {
  const infos = await desk.store.list(target);
  const head = infos[0]?.number ?? 0;
  const newest = await desk.store.get(target);
  const loaded = newest ? loadLayer(newest) : undefined;
  const error = loaded && !loaded.ok ? formatNotices(loaded.problems) : "";
  return infos.map(({ number, hash, createdAt, by, note, presets, rollbackOf }) => ({
    version: number,
    hash,
    status: statusOf(desk, target, number, head, number === head ? error : ""),
    createdAt,
    by,
    note,
    presets,
    ...(rollbackOf === undefined ? {} : { rollbackOf }),
    error: number === head ? error : "",
  }));
}

/** Every preset that could be in force, and whether it is. */
export async function presetsOf(desk: PolicyDesk, target: string) {
  const own = (await desk.store.get(target))?.presets ?? [];
  const general = target === DEFAULT_TARGET ? [] : desk.book.general.source.presets;
  const builtIn = listPresets().map((preset) => ({
    ...preset,
    applied: own.some(({ name }) => name === preset.name),
    inherited: general.some(({ name }) => name === preset.name),
  }));
  const others = [...own, ...general]
    .filter(({ name }) => builtIn.every((one) => one.name !== name))
    .map(({ name }) => ({
      name,
      description: "added from a file",
      letsDataOut: true,
      applied: own.some((one) => one.name === name),
      inherited: general.some((one) => one.name === name),
    }));
  return [...builtIn, ...others];
}

/** A target that isn't served here has no one to load it: what loads counts as loaded. */
function statusOf(
  desk: PolicyDesk,
  target: string,
  number: number,
  head: number,
  error: string,
): PolicyStatus {
  if (number < head) return "Superseded";
  const state = desk.book.state(target);
  if (error || (state?.head === number && state.trouble)) return "Failed";
  return !state || state.head === number ? "Loaded" : "Pending";
}
