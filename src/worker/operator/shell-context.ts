/**
 * What the gateway knows of an operator's session: a turn without a message. While it lasts the sandbox may call its model
 * (on its owner's account), and what its programs want to reach is asked on the console and in `openshell term`.
 */
import { newId } from "../../lib/ids.ts";
import type { Logger } from "../../lib/logging.ts";
import { TIMEOUTS } from "../../lib/timeouts.ts";
import type { TurnContextPort } from "../../store/index.ts";

/** The console's chat that such questions belong to. */
const CHAT = "shell";

/** Begins it, renews it while `work` runs, and ends it. */
export async function inShellContext<T>(
  { contexts, log }: { contexts: TurnContextPort; log: Logger },
  sandboxId: string,
  work: () => Promise<T>,
): Promise<T> {
  const turnId = newId("t");
  const context = {
    ...{ turnId, kind: "turn" as const, scopeId: `${CHAT}:${turnId}` },
    ...{ conversation: `console.${CHAT}`, bridge: "console", deliver: { chat: CHAT } },
  };
  const begin = () => contexts.begin(sandboxId, context, TIMEOUTS.shellContext);
  await begin();
  const renew = () =>
    begin().catch((error: unknown) =>
      log.warn({ sandboxId, err: error }, "session's context was not renewed"),
    );
  const timer = setInterval(() => void renew(), TIMEOUTS.shellContext / 2);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await contexts.end(sandboxId, turnId).catch(() => {}); // it expires by itself
  }
}
