/**
 * Turns a request body into a judged request: size of what it may cost, whether it streams, and the first thing in it
 * that isn't allowed. Pure. Names fields in refusals, never their contents.
 */
import { z } from "zod";
import { KnownValues, type Outline, outlineOf } from "./json-outline.ts";
import type { Dialect } from "./providers.ts";
import { ANTHROPIC_FIELDS } from "./request-anthropic.ts";
import { OPENAI_FIELDS } from "./request-openai.ts";

/** A request that may go to a vendor. */
export interface Inspected {
  dialect: Dialect;
  /** As the caller wrote it. */
  model: string;
  outline: Outline;
  stream: boolean;
  /** The caller asked for the usage chunk itself (OpenAI streams). */
  wantsUsage: boolean;
  /** Output tokens that the caller allows; undefined = the vendor's default. */
  maxOutput: number | undefined;
  /** Members that pass only because the operator's policy names them. */
  extras: string[];
}

/** A refusal: `denied` = a feature that policy doesn't name, `malformed` = not a request at all. */
export type InspectResult =
  | { kind: "ok"; request: Inspected }
  | { kind: "denied"; field: string; why: string }
  | { kind: "malformed"; why: string };

const SCHEMAS: Record<Dialect, z.ZodObject> = {
  openai: z.strictObject(OPENAI_FIELDS),
  anthropic: z.strictObject(ANTHROPIC_FIELDS),
};

/** Tools that passed before, by dialect: the schemas differ. */
const KNOWN_TOOLS: Record<Dialect, KnownValues> = {
  openai: new KnownValues("tools"),
  anthropic: new KnownValues("tools"),
};

/** Judges `body`; `operatorAllows`: top-level members that the operator's policy names in addition, for that model. */
export function inspect(
  body: Buffer,
  dialect: Dialect,
  operatorAllows: (model: string) => ReadonlySet<string>,
): InspectResult {
  const read = outlineOf(body, KNOWN_TOOLS[dialect]);
  if (!read.ok) return { kind: "malformed", why: read.reason };
  const { outline } = read;
  const schema = SCHEMAS[dialect];
  const model = String(outline.value["model"] ?? "");
  const extras = [...operatorAllows(model)].filter((key) => key in outline.value && !(key in schema.shape));
  const judged = { ...outline.value };
  for (const key of extras) delete judged[key];
  const parsed = schema.safeParse(judged);
  if (!parsed.success) return refusal(parsed.error);
  const value = judged as {
    stream?: boolean | null;
    stream_options?: { include_usage?: boolean } | null;
    max_tokens?: number | null;
    max_completion_tokens?: number | null;
  };
  if (value.max_tokens != null && value.max_completion_tokens != null) {
    return { kind: "malformed", why: "max_tokens and max_completion_tokens exclude each other" };
  }
  KNOWN_TOOLS[dialect].remember(body, outline);
  return {
    kind: "ok",
    request: {
      dialect,
      model,
      outline,
      stream: value.stream === true,
      wantsUsage: value.stream_options?.include_usage === true,
      maxOutput: value.max_completion_tokens ?? value.max_tokens ?? undefined,
      extras,
    },
  };
}

/** The first problem, as a path of printable characters. */
function refusal(error: z.ZodError): InspectResult {
  const issue = deepest(error.issues[0]);
  const path = issue ? issue.path : [];
  const extra = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const field = pathText(extra === undefined ? path : [...path, extra]);
  if (path.length === 1 && issue?.code === "invalid_type" && issue.message.endsWith("received undefined")) {
    return { kind: "malformed", why: `${field} is missing` };
  }
  return {
    kind: "denied",
    field,
    why: extra === undefined ? (issue?.message ?? "not allowed") : "is not allowed",
  };
}

/** In a union the branch that got furthest explains best. */
function deepest(issue: z.core.$ZodIssue | undefined): z.core.$ZodIssue | undefined {
  if (issue?.code !== "invalid_union") return issue;
  let best: z.core.$ZodIssue | undefined;
  for (const branch of issue.errors) {
    const candidate = deepest(branch[0]);
    if (candidate && (!best || candidate.path.length > best.path.length)) best = candidate;
  }
  return best && best.path.length > 0
    ? ({ ...best, path: [...issue.path, ...best.path] } as z.core.$ZodIssue)
    : issue;
}

function pathText(path: PropertyKey[]): string {
  let out = "";
  for (const step of path) out += typeof step === "number" ? `[${step}]` : `${out ? "." : ""}${String(step)}`;
  return out.replace(/[^\x21-\x7e]/g, "?").slice(0, 120);
}
