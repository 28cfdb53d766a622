/**
 * The inference route's front: which method and path exist, the life of a call (its id, its signal, its audit line).
 * Owns the process-wide parts (pools, keys, limits, settlements). Anything not listed here does not exist.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { newId } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { InferenceConfig } from "../config.ts";
import type { ProfilesPort, TurnsPort, UsagePort } from "../ports.ts";
import { serveCall } from "./call.ts";
import type { Call, CallDeps, CallEnd, CallTimeouts } from "./call-types.ts";
import { KeyRing } from "./keys.ts";
import { SandboxLimits } from "./limits.ts";
import type { Dialect } from "./providers.ts";
import { providerOf } from "./providers.ts";
import { sendError, sendJson } from "./reply.ts";
import { Settler } from "./settle.ts";
import { choicesOf } from "./targets.ts";
import { serveTranscription } from "./transcribe.ts";
import { VendorPools } from "./vendor-pools.ts";

/** What the router is made of. */
export interface RouterOptions {
  config: InferenceConfig;
  /** Directory of the key files. */
  keyDir: string;
  env?: NodeJS.ProcessEnv;
  usage: UsagePort;
  turns: TurnsPort;
  profiles: ProfilesPort;
  logger: Logger;
  /** Tests shorten them. */
  timeouts?: Partial<CallTimeouts & { modelConnect: number }>;
  /** Hears of each call that ended. */
  ended?(call: EndedCall): void;
}

/** A call that ended, without its content. */
export interface EndedCall extends Omit<CallEnd, "tokens"> {
  ref: string;
  sandboxId: string;
  turnId: string;
  ms: number;
  input?: number;
  output?: number;
  /** The vendor told no tokens. */
  estimated?: boolean;
}

/** How long `close` waits for usage to be written. */
const CLOSE_SETTLE_MS = 5_000;

/** What answers a path, in which dialect it errs, and how long it may take. */
interface CallKind {
  dialect: Dialect;
  serve(deps: CallDeps, call: Call): Promise<CallEnd>;
  total: "modelTotal" | "transcription";
}

const CALLS: Readonly<Record<string, CallKind>> = {
  "/v1/chat/completions": { dialect: "openai", serve: serveCall, total: "modelTotal" },
  "/v1/messages": { dialect: "anthropic", serve: serveCall, total: "modelTotal" },
  "/v1/audio/transcriptions": { dialect: "openai", serve: serveTranscription, total: "transcription" },
};

/** Serves requests to `inference.local`. */
export class InferenceRouter {
  readonly #deps: CallDeps;
  readonly #logger: Logger;
  readonly #running = new Map<Promise<void>, AbortController>();
  readonly #ended: RouterOptions["ended"];

  constructor(options: RouterOptions) {
    const { config, usage, turns, profiles, logger } = options;
    const timeouts = { ...TIMEOUTS, ...options.timeouts };
    this.#logger = logger;
    this.#ended = options.ended;
    this.#deps = {
      config,
      usage,
      turns,
      profiles,
      logger,
      timeouts,
      keys: new KeyRing(options.keyDir, options.env),
      pools: new VendorPools(timeouts.modelConnect),
      limits: new SandboxLimits(config.limits),
      settler: new Settler(usage, logger),
    };
  }

  /** Serves one request of a sandbox; `path` without host, query included. */
  handle(sandboxId: string, path: string, req: IncomingMessage, res: ServerResponse): void {
    const ref = newId("inf");
    const kind = Object.hasOwn(CALLS, path) ? CALLS[path] : undefined;
    const models = path === "/v1/models" || path.startsWith("/v1/models/");
    if (kind === undefined && !models) {
      sendError(res, { code: "not_found" }, "openai", ref);
    } else if (req.method !== (kind ? "POST" : "GET")) {
      sendError(res, { code: "method_not_allowed" }, kind?.dialect ?? "openai", ref);
    } else if (kind) {
      this.#call(sandboxId, kind, ref, req, res);
    } else {
      this.#models(sandboxId, path, res, ref).catch((err: unknown) => {
        this.#logger.error({ err, ref, sandboxId }, "model list failed");
        sendError(res, { code: "store_unreachable" }, "openai", ref);
      });
    }
  }

  /** Forgets a destroyed sandbox's counters. */
  forget(sandboxId: string): void {
    this.#deps.limits.forget(sandboxId);
  }

  /** Ends running calls and writes what they used. */
  async close(): Promise<void> {
    for (const controller of this.#running.values()) controller.abort("closing");
    await Promise.all(this.#running.keys());
    await this.#deps.settler.close(CLOSE_SETTLE_MS);
    await this.#deps.pools.close();
  }

  #call(sandboxId: string, kind: CallKind, ref: string, req: IncomingMessage, res: ServerResponse): void {
    const { dialect } = kind;
    const startedAt = performance.now();
    const controller = new AbortController();
    const total = setTimeout(() => controller.abort("total"), this.#deps.timeouts[kind.total]);
    res.on("close", () => {
      if (!res.writableFinished) controller.abort("client");
    });
    const call: Call = {
      sandboxId,
      dialect,
      ref,
      req,
      res,
      startedAt,
      signal: controller.signal,
      turnId: "",
    };
    const work = kind
      .serve(this.#deps, call)
      .catch((err: unknown): CallEnd => {
        this.#logger.error({ err, ref, sandboxId }, "inference call failed");
        sendError(res, { code: "internal" }, dialect, ref);
        return { verdict: "internal", attempts: 0 };
      })
      .then((end) => {
        clearTimeout(total);
        this.#running.delete(work);
        // A call that ended without an answer (gateway closing) must not leave its client waiting.
        if (!res.writableEnded) res.destroy();
        this.#audit(call, end);
      });
    this.#running.set(work, controller);
  }

  /** One line per call; never content. */
  #audit(call: Call, end: CallEnd): void {
    const { tokens, ...rest } = end;
    const { ref, sandboxId, turnId } = call;
    const ended = {
      ...{ ref, sandboxId, turnId, ms: Math.round(performance.now() - call.startedAt) },
      ...rest,
      ...tokens,
    };
    this.#logger.info({ audit: "inference", ...ended }, "inference call");
    this.#ended?.(ended);
  }

  /** The one model that this principal's calls will reach, under the name that configuration gives it. */
  async #models(sandboxId: string, path: string, res: ServerResponse, ref: string): Promise<void> {
    const profile = await this.#deps.profiles.get(sandboxId);
    const choice = choicesOf(this.#deps.config, profile)[0];
    const name = choice?.provider ?? "";
    const override = this.#deps.config.providers[name as keyof InferenceConfig["providers"]];
    const model = choice?.model ?? override?.model ?? providerOf(name)?.defaultModel ?? "";
    const entry = { id: `${name}/${model}`, object: "model", created: 0, owned_by: name };
    if (path === "/v1/models")
      return sendJson(res, 200, JSON.stringify({ object: "list", data: model ? [entry] : [] }));
    const wanted = path.slice("/v1/models/".length);
    if (model && (wanted === entry.id || wanted === encodeURIComponent(entry.id) || wanted === model)) {
      return sendJson(res, 200, JSON.stringify(entry));
    }
    sendError(res, { code: "not_found" }, "openai", ref);
  }
}
