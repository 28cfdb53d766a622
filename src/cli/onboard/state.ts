/**
 * What an interrupted onboarding had been told, in `onboard.json` of the home: `--resume` goes on from there. Holds no
 * secret: keys and tokens are asked for again.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Paths } from "../../lib/paths.ts";

const Answers = z.strictObject({
  v: z.literal(1),
  name: z.string().optional(),
  provider: z.string().optional(),
  baseUrl: z.string().optional(),
  model: z.string().optional(),
  policy: z.enum(["strict", "closed"]).optional(),
  presets: z.array(z.string()).optional(),
  telegramUsers: z.array(z.string()).optional(),
  discordUsers: z.array(z.string()).optional(),
});
/** Answers so far. */
export type Answers = z.infer<typeof Answers>;

const fileOf = (paths: Paths) => join(paths.home, "onboard.json");

/** The answers of an onboarding that didn't end; undefined when there is none. */
export function loadAnswers(paths: Paths): Answers | undefined {
  try {
    return Answers.parse(JSON.parse(readFileSync(fileOf(paths), "utf8")));
  } catch {
    return undefined; // None, or cut short: then everything is asked again.
  }
}

/** Keeps them. */
export function saveAnswers(paths: Paths, answers: Answers): void {
  writeFileSync(`${fileOf(paths)}.new`, `${JSON.stringify(answers, null, 1)}\n`, { mode: 0o600 });
  renameSync(`${fileOf(paths)}.new`, fileOf(paths));
}

/** Onboarding is complete. */
export function forgetAnswers(paths: Paths): void {
  rmSync(fileOf(paths), { force: true });
}
