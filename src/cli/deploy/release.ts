/** This copy as a release archive (`npm pack`): from a clone it is built first, an installed release is packed as it is. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { PROJECT_ROOT } from "../project.ts";

/** An archive on this machine. */
export interface Release {
  readonly file: string;
  /** Of its bytes; the same files give the same one. */
  readonly sha256: string;
  /** Removes it. */
  remove(): void;
}

/** An archive that somebody packed before. @throws Fault `usage` when it isn't there */
export function givenRelease(file: string): Release {
  if (!existsSync(file)) throw new Fault({ code: "usage", message: `there is no file ${file}` });
  return { file, sha256: digestOf(file), remove: () => {} };
}

const digestOf = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** @throws Fault `release` with npm's words */
export async function packRelease(): Promise<Release> {
  const dir = mkdtempSync(join(tmpdir(), "nc-rel-"));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  const isClone = existsSync(join(PROJECT_ROOT, "src", "cli"));
  const args = [
    "pack",
    "--silent",
    "--pack-destination",
    dir,
    ...(isClone ? [] : ["--ignore-scripts"]),
    PROJECT_ROOT,
  ];
  const { status, err } = await npm(args, dir);
  const name = readdirSync(dir).find((file) => file.endsWith(".tgz"));
  if (status !== 0 || !name) {
    remove();
    throw new Fault({
      code: "release",
      message: `this copy can't be packed: ${err.trim().split("\n").at(-1) || `npm ended with ${status}`}`,
      hint: isClone ? "run npm ci here, then again" : "install it anew",
    });
  }
  const file = join(dir, name);
  return { file, sha256: digestOf(file), remove };
}

function npm(args: string[], cwd: string): Promise<{ status: number; err: string }> {
  return new Promise((resolve) => {
    const child = spawn("npm", args, { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let err = "";
    child.stderr.on("data", (chunk) => (err = (err + String(chunk)).slice(-2_000)));
    child.once("error", (error) => resolve({ status: -1, err: error.message }));
    child.once("close", (code) => resolve({ status: code ?? -1, err }));
  });
}
