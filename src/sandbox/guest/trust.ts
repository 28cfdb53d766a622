/**
 * What the agent's programs are told to trust and which placeholders they have, from the files that the gateway wrote
 * (read-only here). Without them nothing is set: programs then trust what they always do.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LIMITS } from "./limits.ts";
import type { GuestPaths } from "./paths.ts";

const PLACEHOLDER = /^(NEMOCLAW_CREDENTIAL_[A-Z0-9_]{1,48})=(nemoclaw-credential:[a-z0-9-]{1,48})$/;

/**
 * Waits for the gateway, which writes these files before it binds its socket: a new sandbox may be quicker. An agent that
 * starts without them can't speak inspected TLS until its next start, so a short wait is worth it; a long one isn't, as
 * everything else works without a gateway.
 */
export async function gatewayWasHere({ egressSocket }: Pick<GuestPaths, "egressSocket">): Promise<void> {
  const until = performance.now() + LIMITS.gatewayWait;
  while (!existsSync(egressSocket) && performance.now() < until) await sleep(20);
}

/** Additions to the agent's environment, as of now. */
export function trustEnv({ trust }: Pick<GuestPaths, "trust">): Record<string, string> {
  const ca = join(trust, "ca.pem");
  const bundle = join(trust, "bundle.pem");
  const trusting = existsSync(ca) && existsSync(bundle);
  return {
    ...(trusting
      ? {
          // Node adds it to its own roots (npm with it), so one certificate is enough: the whole bundle costs 15 ms more.
          NODE_EXTRA_CA_CERTS: ca,
          // These replace the roots.
          SSL_CERT_FILE: bundle,
          REQUESTS_CA_BUNDLE: bundle,
          CURL_CA_BUNDLE: bundle,
          GIT_SSL_CAINFO: bundle,
          // OpenClaw takes GIT_SSL_CAINFO out of its tools' environment; this says the same and passes.
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: "http.sslCAInfo",
          GIT_CONFIG_VALUE_0: bundle,
          PIP_CERT: bundle,
          // npm is Node, but a `cafile` in the machine's npmrc would replace what Node believes.
          npm_config_cafile: bundle,
        }
      : {}),
    ...Object.fromEntries(placeholders(join(trust, "credentials.env"))),
  };
}

function placeholders(file: string): [string, string][] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line): [string, string][] => {
    const match = PLACEHOLDER.exec(line);
    return match ? [[match[1]!, match[2]!]] : [];
  });
}
