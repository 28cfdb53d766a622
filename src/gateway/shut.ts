/**
 * Sandboxes of people who were shut out: nothing leaves them, not even to the model, from the moment that is known; what
 * they were allowed for a while ends, and open questions with it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault } from "../lib/errors.ts";
import type { Logger } from "../lib/logging.ts";
import { type AccessReadPort, ShutWatch } from "../store/index.ts";
import type { PolicyPort } from "./egress/proxy/index.ts";
import type { InferenceHandler } from "./inference/server.ts";
import { compilePolicy } from "./policy/index.ts";

const SHUT = compilePolicy({
  hash: "shut",
  fallback: "deny",
  rules: [],
  denials: [{ name: "shut-out", ports: "any" }],
});

/** See the module's header. */
export class ShutSandboxes {
  readonly #watch: ShutWatch | undefined;

  /** `close`: ends what that sandbox was allowed, and its questions. Without `access` nobody is ever shut. */
  constructor(
    access: Pick<AccessReadPort, "shut" | "onChange"> | undefined,
    logger: Logger,
    close: (principal: string) => Promise<void>,
  ) {
    if (!access) return;
    this.#watch = new ShutWatch(access);
    this.#watch.onChange((principal, shut) => {
      logger.info({ principal, shut }, "sandbox shut or opened");
      if (shut)
        close(principal).catch((err: unknown) => logger.warn({ err, principal }, "grants not ended yet"));
    });
  }

  /** @throws Fault `redis-unreachable` while nobody can say who is shut: then nothing may leave at all. */
  async start(): Promise<void> {
    await this.#watch?.start();
    if (this.#watch?.known !== false) return;
    await this.#watch.close();
    throw new Fault({
      code: "redis-unreachable",
      message: "Redis didn't say which sandboxes are shut out",
      retryable: true,
    });
  }

  async close(): Promise<void> {
    await this.#watch?.close();
  }

  /** The same policy, or none at all while shut. */
  policy(principal: string, port: PolicyPort): PolicyPort {
    const watch = this.#watch;
    if (!watch) return port;
    return {
      current: () => (watch.has(principal) ? { policy: SHUT, grants: [] } : port.current()),
      onChange(listener) {
        const offs = [
          port.onChange(listener),
          watch.onChange((changed) => {
            if (changed === principal) listener();
          }),
        ];
        return () => {
          for (const off of offs) off();
        };
      },
    };
  }

  /** The model, or a refusal while shut. */
  inference(handler: InferenceHandler): InferenceHandler {
    const refuse = (res: ServerResponse) => {
      const body = JSON.stringify({ error: "shut_out", detail: "This sandbox was shut by the operator." });
      res.writeHead(403, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
      res.end(body);
    };
    return {
      handle: (sandboxId, path, req: IncomingMessage, res) =>
        this.#watch?.has(sandboxId) ? refuse(res) : handler.handle(sandboxId, path, req, res),
    };
  }
}
