/**
 * How an agent names the model that its conversation's people have chosen, so that the gateway can tell calls of two
 * conversations apart that run at once. The agent learns no vendor's name by it, and the name gives no right: the gateway takes it
 * only for one of the sandbox's running turns. Pure.
 */
import { createHash } from "node:crypto";

/** Names that the agent knows (`sandbox/guest/agent-config.ts` has the same number; a test compares both). */
export const MODEL_ALIASES = 16;

/** The name of `<provider>/<model>`: the same each time. Two models may share one. */
export function modelAlias(model: string): string {
  const [first = 0] = createHash("sha256").update(model).digest();
  return `choice-${first % MODEL_ALIASES}`;
}
