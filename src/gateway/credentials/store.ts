/**
 * The credentials of this gateway: one file each in `secrets/gateway/credentials` (0600), read at the start and changed
 * only through here. Secrets stay in this process; what is listed, logged or written for a sandbox has none.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { OPERATOR_PRINCIPAL } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import { trustDirectory, writeForSandbox } from "../egress/inspect/trust-files.ts";
import { writePrivate } from "../private-file.ts";
import { judgeCredential, placeholderOf } from "./judge.ts";
import {
  type CompiledCredential,
  Credential,
  compileCredential,
  type PublicCredential,
  publicPart,
  variableOf,
} from "./model.ts";
import type { CredentialPort } from "./ports.ts";

/** What a sandbox is known as: its id, its name, `profile:NAME`. Asked again at each use. */
export type LabelsOf = (sandboxId: string) => readonly string[];

/** What the store is made of. */
export interface CredentialStoreOptions {
  /** `secrets/gateway/credentials`. */
  readonly dir: string;
  readonly logger: Logger;
  readonly labelsOf: LabelsOf;
}

/** One per gateway. */
export class CredentialStore {
  readonly #options: CredentialStoreOptions;
  readonly #known = new Map<string, CompiledCredential>();
  /** Egress directories by sandbox, for the placeholders. */
  readonly #dirs = new Map<string, string>();

  /** Reads what is there. A file that can't be used is reported and left out: its placeholder is unknown then. */
  constructor(options: CredentialStoreOptions) {
    this.#options = options;
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(options.dir)) {
      if (!file.endsWith(".json")) continue;
      const read = readCredential(join(options.dir, file));
      if (typeof read !== "string" && `${read.name}.json` === file)
        this.#known.set(read.name, compileCredential(read));
      else
        options.logger.error(
          { file, problem: typeof read === "string" ? read : "named otherwise" },
          "credential left out",
        );
    }
  }

  /** Adds a credential, or replaces the one of that name. Written before it counts. */
  add(credential: Credential): { replaced: boolean } {
    const replaced = this.#known.has(credential.name);
    writePrivate(this.#fileOf(credential.name), `${JSON.stringify(credential)}\n`);
    this.#known.set(credential.name, compileCredential(credential));
    this.#rewriteAll();
    return { replaced };
  }

  /** Removes one: its placeholder is refused from now on. */
  remove(name: string): void {
    if (!this.#known.delete(name))
      throw new Fault({
        code: "credential-unknown",
        message: `there is no credential named ${name}`,
        hint: "nemoclaw credentials list",
      });
    rmSync(this.#fileOf(name), { force: true });
    this.#rewriteAll();
  }

  /** All, without their secrets, by name. */
  list(): PublicCredential[] {
    const all = [...this.#known.values()].map(({ credential }) => publicPart(credential));
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** One sandbox's view, for its proxy. */
  forSandbox(sandboxId: string): CredentialPort {
    const labels = () => this.#options.labelsOf(sandboxId);
    return { judge: (use) => judgeCredential(use, (name) => this.#known.get(name), labels) };
  }

  /** Writes which placeholders the sandbox has: `credentials.env` in its `trust/`. No secret is in it. */
  prepare(sandboxId: string, egressDir: string): void {
    this.#dirs.set(sandboxId, egressDir);
    const labels = this.#options.labelsOf(sandboxId);
    const mine = this.list().filter((one) => one.for.some((label) => labels.includes(label)));
    const lines = mine.map(({ name }) => `${variableOf(name)}=${placeholderOf(name)}\n`);
    writeForSandbox(join(trustDirectory(egressDir), "credentials.env"), lines.join(""));
  }

  /** The sandbox is gone. */
  forget(sandboxId: string): void {
    this.#dirs.delete(sandboxId);
  }

  #rewriteAll(): void {
    for (const [sandboxId, dir] of this.#dirs) {
      try {
        this.prepare(sandboxId, dir);
      } catch (err) {
        this.#options.logger.warn({ err, sandboxId }, "placeholders of the sandbox not written");
      }
    }
  }

  #fileOf(name: string): string {
    return join(this.#options.dir, `${name}.json`);
  }
}

/** A credential, or what is wrong with the file; never with a piece of its text. */
function readCredential(file: string): Credential | string {
  try {
    if ((statSync(file).mode & 0o077) !== 0) return `others can read it: chmod 600 ${file}`;
    const parsed = Credential.safeParse(JSON.parse(readFileSync(file, "utf8")));
    return parsed.success
      ? parsed.data
      : `wrong: ${parsed.error.issues.map(({ path }) => path.join(".")).join(", ")}`;
  } catch {
    return "can't be read";
  }
}

/** What every sandbox is known as at least: its id, and the operator's own sandbox by its name. */
export const basicLabels: LabelsOf = (sandboxId) =>
  sandboxId === OPERATOR_PRINCIPAL ? [sandboxId, "my-agent"] : [sandboxId];
