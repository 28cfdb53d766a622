/**
 * One sandbox's certificate authority: its CAs on disk (`secrets/gateway/ca/<sandbox>.pem`, 0600), their renewal, and the
 * leaves that are made from them on demand. The key never leaves this process and is in no backup.
 *
 * Renewal has two steps, because programs read their trust once, when they start: the next CA is made and published half
 * a life ahead, and signs only when the old one is about to end. A program that started in between trusts both.
 */
import type { KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import { Fault } from "../../../lib/errors.ts";
import { writePrivate } from "../../private-file.ts";
import type { Authority } from "../guard/index.ts";
import { CA_MS, type Ca, keyPem, newCa, newKey, newLeaf, readCa } from "./certificate.ts";

const DAY = 24 * 3_600_000;
/** A CA stops signing this long before its end, and has a successor this long before it. */
const LAST_MS = DAY;
const NEXT_MS = CA_MS / 2;
/** Leaves kept; the oldest is made anew when it is asked for again. */
const MAX_LEAVES = 256;

/** The CAs in force now, oldest first; the first one signs, all are trusted. Makes what is missing. Pure but for keys. */
export function renewed(cas: readonly Ca[], now: number): readonly Ca[] {
  const left = cas.filter((ca) => ca.until - now > LAST_MS && ca.from <= now);
  const last = left.at(-1);
  return last && last.until - now > NEXT_MS ? left : [...left, newCa(now)];
}

interface Kept {
  readonly context: SecureContext;
  readonly ca: Ca;
  readonly renewAt: number;
}

/** The authority of one sandbox. */
export class SandboxAuthority {
  readonly #file: string;
  readonly #now: () => number;
  #cas: readonly Ca[];
  #leafKey: KeyObject | undefined;
  readonly #leaves = new Map<string, Kept>();

  /** Reads what is on disk, renews it if it is time, and writes it back. */
  constructor(dir: string, sandboxId: string, now: () => number = Date.now) {
    this.#file = fileOf(dir, sandboxId);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#now = now;
    this.#cas = readCas(this.#file);
    this.renew();
  }

  /** PEM of every CA in force. */
  get certificates(): string {
    return this.#cas.map((ca) => ca.certificate).join("");
  }

  /** Renews if it is time; true when `certificates` changed. */
  renew(): boolean {
    const now = renewed(this.#cas, this.#now());
    const known = this.#cas;
    if (now.length === known.length && now.every((ca, i) => ca === known[i])) return false;
    writePrivate(this.#file, now.map((ca) => keyPem(ca.key) + ca.certificate).join(""));
    this.#cas = now;
    return true;
  }

  /** Key and leaf for a host, from the cache or made now. */
  contextFor(host: Authority): SecureContext {
    const now = this.#now();
    const known = this.#leaves.get(host.host);
    const ca = this.#cas[0]!;
    if (known && known.ca === ca && now < known.renewAt) return known.context;
    this.#leafKey ??= newKey();
    const leaf = newLeaf(ca, this.#leafKey, host, now);
    const context = createSecureContext({
      key: keyPem(this.#leafKey),
      cert: leaf.certificate,
      minVersion: "TLSv1.2",
    });
    this.#leaves.delete(host.host);
    this.#leaves.set(host.host, { context, ca, renewAt: now + (leaf.until - now) / 2 });
    if (this.#leaves.size > MAX_LEAVES) this.#leaves.delete(this.#leaves.keys().next().value!);
    return context;
  }
}

/** Destroys a sandbox's keys, whether or not they are in use: the sandbox is gone. */
export function eraseAuthority(dir: string, sandboxId: string): void {
  rmSync(fileOf(dir, sandboxId), { force: true });
}

function fileOf(dir: string, sandboxId: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(sandboxId))
    throw new Fault({ code: "sandbox-id-bad", message: "a sandbox with this id can't have a CA" });
  return join(dir, `${sandboxId}.pem`);
}

/** What the file holds; nothing when it isn't there. What can't be read is replaced by a new CA, never half used. */
function readCas(file: string): readonly Ca[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const pairs = text.matchAll(
    /(-{5}BEGIN PRIVATE KEY-{5}[\s\S]*?-{5}END PRIVATE KEY-{5}\n)(-{5}BEGIN CERTIFICATE-{5}[\s\S]*?-{5}END CERTIFICATE-{5}\n)/g,
  );
  return [...pairs].flatMap(([, key, certificate]) => readCa(key!, certificate!) ?? []);
}
