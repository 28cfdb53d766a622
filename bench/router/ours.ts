/**
 * The real gateway as a process: real proxy, router, audit log (to a file), limits and accounting; store ports in
 * memory, since the store's own speed has its own bench. Prints `{"socket"}`; ends with its stdin.
 */
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { InferenceConfig, runGateway } from "../../src/gateway/index.ts";
import { createLogger } from "../../src/lib/logging.ts";
import { pathsOf } from "../../src/lib/paths.ts";

const [home = "", origin = "", key = ""] = process.argv.slice(2);
const paths = pathsOf(home);
mkdirSync(paths.secrets("gateway"), { recursive: true, mode: 0o700 });
writeFileSync(join(paths.secrets("gateway"), "compatible.key"), key, { mode: 0o600 });
const sandbox = { id: "p_aaaaaaaaaaaaaaaaaaaa", runName: "bench-run" };
const held = new Map<string, number>();
const turn = { turnId: "t_aaaaaaaaaaaaaaaaaaaa", kind: "turn", scopeId: "s" } as const;

await runGateway({
  paths,
  config: InferenceConfig.parse({
    default: { provider: "compatible", model: "fake-1" },
    providers: { compatible: { baseUrl: `${origin}/v1` } },
    limits: { concurrent: 1_000, perMinute: 1_000_000 },
  }),
  logger: createLogger({
    process: "gateway",
    destination: pino.destination({ fd: openSync(join(home, "gateway.log"), "a"), sync: true }),
  }),
  turns: { current: async () => [turn] },
  profiles: { get: async () => undefined },
  usage: {
    async reserve(_principal, { id, tokens }) {
      held.set(id, tokens);
      return { kind: "ok" };
    },
    async settle(_principal, id) {
      held.delete(id);
    },
  },
  launcher: {
    async watch(listener) {
      listener(sandbox.id, sandbox);
    },
    async handOver() {},
    async programOf() {
      return undefined;
    },
    close() {},
  },
});
console.log(JSON.stringify({ socket: paths.egressSocket(sandbox.runName) }));
process.stdin.resume().on("end", () => process.exit(0));
