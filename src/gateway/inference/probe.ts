/**
 * Asks a vendor two things before it is put to use: which models it has, and whether it takes this key for one of them.
 * For the operator's commands; sandboxes never come here. Follows no redirect, reads at most 4 MB, keeps nothing.
 */
import { describeError } from "../../lib/errors.ts";
import { type Provider, providerOf } from "./providers.ts";

/** Whom to ask. */
export interface ProbeTarget {
  /** A row of the provider table. */
  name: string;
  /** Instead of the row's own. */
  baseUrl?: string | undefined;
  key?: string | undefined;
}

/** What became of it. `limited`: the key is taken, but its account has no credit or too many calls. */
export type Probe =
  | { kind: "ok"; models: string[] }
  | { kind: "refused" | "limited" | "odd"; status: number }
  | { kind: "unreachable"; why: string };

const LIST_MS = 10_000;
const TRY_MS = 45_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** Anthropic wants its API's version with every call. */
const ANTHROPIC_VERSION = "2023-06-01";

/** The vendor's models, by their ids. The built-in demo has its own. */
export async function listModels(target: ProbeTarget): Promise<Probe> {
  const provider = rowOf(target);
  if (provider.builtIn) return { kind: "ok", models: [provider.defaultModel] };
  const answer = await ask(target, provider, "/models", undefined, LIST_MS);
  if (answer.kind !== "ok") return answer;
  const data = (answer.body as { data?: unknown } | null)?.data;
  if (!Array.isArray(data)) return { kind: "odd", status: 200 };
  const ids = data.flatMap((one: unknown) => {
    const id = (one as { id?: unknown } | null)?.id;
    // Gemini writes models/NAME and takes NAME.
    return typeof id === "string" && id.length <= 128 ? [id.replace(/^models\//, "")] : [];
  });
  return { kind: "ok", models: [...new Set(ids)].sort() };
}

/** One short call of a model, as the router would make it: only that proves a key. */
export async function tryModel(target: ProbeTarget, model: string): Promise<Probe> {
  const provider = rowOf(target);
  if (provider.builtIn) return { kind: "ok", models: [model] };
  const dialect = provider.endpoints.openai ? "openai" : "anthropic";
  const endpoint = provider.endpoints[dialect];
  const cap = dialect === "openai" ? (provider.maxTokensField ?? "max_tokens") : "max_tokens";
  const body = { model, messages: [{ role: "user", content: "Say OK." }], [cap]: 16 };
  const answer = await ask(target, provider, endpoint?.path ?? "", body, TRY_MS);
  return answer.kind === "ok" ? { kind: "ok", models: [model] } : answer;
}

function rowOf({ name }: ProbeTarget): Provider {
  const provider = providerOf(name);
  if (!provider) throw new Error(`no provider ${name}`);
  return provider;
}

type Answer = { kind: "ok"; body: unknown } | Exclude<Probe, { kind: "ok" }>;

async function ask(
  { baseUrl, key }: ProbeTarget,
  provider: Provider,
  path: string,
  body: object | undefined,
  limitMs: number,
): Promise<Answer> {
  const base = (baseUrl ?? provider.baseUrl).replace(/\/+$/, "");
  const anthropic = provider.endpoints.anthropic?.auth === "x-api-key" && !path.startsWith("/chat/");
  const headers: Record<string, string> = {
    accept: "application/json",
    "user-agent": "nemoclaw-bridge",
    ...(body ? { "content-type": "application/json" } : {}),
    ...(anthropic ? { "anthropic-version": ANTHROPIC_VERSION } : {}),
    ...(key ? (anthropic ? { "x-api-key": key } : { authorization: `Bearer ${key}` }) : {}),
  };
  try {
    const response = await fetch(`${base}${path}`, {
      method: body ? "POST" : "GET",
      headers,
      redirect: "manual",
      signal: AbortSignal.timeout(limitMs),
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const { status } = response;
    const text = await limited(response);
    if (status === 401 || status === 403) return { kind: "refused", status };
    if (status === 402 || status === 429) return { kind: "limited", status };
    if (status !== 200) return { kind: "odd", status };
    return { kind: "ok", body: JSON.parse(text) as unknown };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (error instanceof SyntaxError) return { kind: "odd", status: 200 };
    const late = error instanceof Error && error.name === "TimeoutError";
    return {
      kind: "unreachable",
      why: late ? `no answer within ${limitMs / 1_000} s` : describeError(cause),
    };
  }
}

async function limited(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > MAX_BYTES) throw new SyntaxError("the answer is too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
