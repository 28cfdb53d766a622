/**
 * Presets that were chosen while the gateway wasn't there to take them: `pending.json` of the home, put in force by the
 * supervisor once the gateway answers, then removed. Repeating it is harmless.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { adminCall } from "../../lib/admin/client.ts";
import { describeError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/logging.ts";
import type { Paths } from "../../lib/paths.ts";
import { PolicyPreset } from "../../store/index.ts";

const Pending = z.strictObject({
  v: z.literal(1),
  presets: z.array(z.strictObject({ target: z.string(), preset: PolicyPreset })),
});

/** One preset for one sandbox's policy, or for everybody's (`default`). */
export type PendingPreset = z.infer<typeof Pending>["presets"][number];

const fileOf = (paths: Paths) => join(paths.home, "pending.json");

/** Leaves them for the supervisor. */
export function leavePending(paths: Paths, presets: PendingPreset[]): void {
  if (presets.length === 0) return;
  writeFileSync(`${fileOf(paths)}.new`, JSON.stringify({ v: 1, presets }), { mode: 0o600 });
  renameSync(`${fileOf(paths)}.new`, fileOf(paths));
}

/** Puts them in force. What the gateway refuses is logged and not tried again. */
export async function applyPending(paths: Paths, logger: Logger): Promise<void> {
  if (!existsSync(fileOf(paths))) return;
  try {
    const { presets } = Pending.parse(JSON.parse(readFileSync(fileOf(paths), "utf8")));
    for (const { target, preset } of presets) {
      const outcome = await adminCall<{ kind: string; problems?: unknown }>(
        paths.adminSocket,
        "policy.preset.add",
        { target, preset, by: "onboarding", note: "chosen at onboarding" },
      );
      logger.info({ target, preset: preset.name, outcome: outcome.kind }, "preset of the onboarding");
    }
  } catch (error) {
    logger.error({ reason: describeError(error) }, "presets of the onboarding could not be put in force");
    return;
  }
  rmSync(fileOf(paths), { force: true });
}
