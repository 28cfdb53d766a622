/**
 * Inspection for all sandboxes of this gateway: their authorities, what they are told to trust, and the trust in the
 * world outside. The one object that the gateway's process makes of this folder.
 */
import { readFileSync } from "node:fs";
import type { SecureContext } from "node:tls";
import { Fault } from "../../../lib/errors.ts";
import type { Logger } from "../../../lib/logging.ts";
import { eraseAuthority, SandboxAuthority } from "./authority.ts";
import type { Inspection } from "./ports.ts";
import { mergePem, publicRoots, writeTrust } from "./trust-files.ts";
import { secureUpstream, upstreamTrust } from "./upstream.ts";

/** What the inspector is made of. */
export interface InspectorOptions {
  /** `secrets/gateway/ca`: of the gateway alone. */
  readonly dir: string;
  readonly logger: Logger;
  /** PEM file of further authorities that upstreams may be signed by (a company's own). */
  readonly operatorCaFile?: string;
  readonly now?: () => number;
}

/** How often CAs are looked at. */
const RENEW_MS = 3_600_000;

/** One per gateway. */
export class Inspector {
  readonly #options: InspectorOptions;
  readonly #operatorPem: string;
  readonly #authorities = new Map<string, SandboxAuthority>();
  /** Egress directories by sandbox, to be written again after a renewal. */
  readonly #dirs = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;
  #roots: string | undefined;
  #trust: SecureContext | undefined;

  /** Fails when the operator's file can't be read or holds no certificate: half a trust would be found out late. */
  constructor(options: InspectorOptions) {
    this.#options = options;
    this.#operatorPem = options.operatorCaFile === undefined ? "" : readOperatorPem(options.operatorCaFile);
    this.#timer = setInterval(() => this.renew(), RENEW_MS);
    this.#timer.unref();
  }

  /** One sandbox's inspection, for its proxy. */
  forSandbox(sandboxId: string): Inspection {
    return {
      contextFor: (authority) => this.#authority(sandboxId).contextFor(authority),
      secure: (socket, authority, signal, timeoutMs) => {
        this.#trust ??= upstreamTrust(this.#operatorPem);
        return secureUpstream(socket, authority, this.#trust, signal, timeoutMs);
      },
    };
  }

  /** Writes what the sandbox's programs trust. To be called before its socket is handed over. */
  prepare(sandboxId: string, egressDir: string): void {
    this.#dirs.set(sandboxId, egressDir);
    this.#roots ??= publicRoots(this.#operatorPem);
    writeTrust(egressDir, this.#roots, this.#authority(sandboxId).certificates);
  }

  /** A destroyed sandbox's keys are destroyed. */
  forget(sandboxId: string): void {
    this.#dirs.delete(sandboxId);
    this.#authorities.delete(sandboxId);
    eraseAuthority(this.#options.dir, sandboxId);
  }

  /** Renews what is due, and tells the sandboxes. */
  renew(): void {
    for (const [sandboxId, dir] of this.#dirs) {
      try {
        if (this.#authority(sandboxId).renew()) this.prepare(sandboxId, dir);
      } catch (err) {
        this.#options.logger.error({ err, sandboxId }, "CA of the sandbox not renewed");
      }
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #authority(sandboxId: string): SandboxAuthority {
    let known = this.#authorities.get(sandboxId);
    if (!known) {
      known = new SandboxAuthority(this.#options.dir, sandboxId, this.#options.now);
      this.#authorities.set(sandboxId, known);
    }
    return known;
  }
}

function readOperatorPem(file: string): string {
  let pem: string;
  try {
    pem = mergePem(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new Fault({
      code: "ca-file-unreadable",
      message: `the file of additional authorities can't be read: ${file}`,
      hint: "the gateway's own user must be able to read it",
      cause,
    });
  }
  if (pem === "")
    throw new Fault({
      code: "ca-file-empty",
      message: `${file} holds no certificate`,
      hint: "PEM is expected",
    });
  return pem;
}
