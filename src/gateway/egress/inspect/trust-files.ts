/**
 * What a sandbox's programs are told to trust: `ca.pem` (this sandbox's CA alone) and `bundle.pem` (public roots, the
 * system's, the operator's, and that CA), in `trust/` of the sandbox's egress directory, which the guest sees read-only.
 * Holds certificates only, never a key.
 */
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { writePrivate } from "../../private-file.ts";

/** Where distributions keep their bundle; the first one counts. */
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** The folder's name in the egress directory: the agent may read it and nothing else there (stage.pl). */
export const TRUST_DIR = "trust";

/** The certificates of several PEM texts, each once, comments dropped. */
export function mergePem(...texts: readonly string[]): string {
  const seen = new Map<string, string>();
  for (const [pem] of texts.join("\n").matchAll(CERTIFICATE)) {
    const key = pem.replace(/\s/g, "");
    if (!seen.has(key)) seen.set(key, pem);
  }
  return [...seen.values()].map((pem) => `${pem}\n`).join("");
}

/** Node's own roots, the system's if it has a bundle, and what the operator adds. */
export function publicRoots(operatorPem = ""): string {
  return mergePem(rootCertificates.join("\n"), systemRoots(), operatorPem);
}

function systemRoots(): string {
  for (const file of SYSTEM_BUNDLES) {
    try {
      return readFileSync(file, "utf8");
    } catch {}
  }
  return "";
}

/** Makes `trust/` in an egress directory; readable for the sandbox's uid, which alone knows the way. */
export function trustDirectory(egressDir: string): string {
  const dir = join(egressDir, TRUST_DIR);
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o755);
  return dir;
}

/** Writes one file for the sandbox to read, unless it says so already. */
export function writeForSandbox(file: string, text: string): void {
  try {
    if (readFileSync(file, "utf8") === text) return;
  } catch {}
  writePrivate(file, text, 0o644);
}

/** Writes both files. */
export function writeTrust(egressDir: string, roots: string, certificates: string): void {
  const dir = trustDirectory(egressDir);
  writeForSandbox(join(dir, "bundle.pem"), roots + certificates);
  // Last: the guest looks for this one, so the bundle is there when it is.
  writeForSandbox(join(dir, "ca.pem"), certificates);
}
