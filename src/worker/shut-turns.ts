/** Which turns end when people are shut out. Pure. */
import { principalOf } from "../lib/ids.ts";
import type { TurnRecord } from "../store/index.ts";

/**
 * The sandbox is shut, or everybody who sent the turn's messages is: in a group the sandbox goes on for the others. Who is
 * blocked is shut by the principal of their own identity, whatever sandbox they speak to (access/derive.ts).
 */
export function isShut(turn: TurnRecord, shut: (principal: string) => boolean): boolean {
  if (shut(turn.principal)) return true;
  const [platform = turn.bridge] = turn.bridge.split(".");
  const senders = [...(turn.senders ?? []), ...(turn.steered ?? []).map(({ sender }) => sender)];
  return turn.senders !== undefined && senders.every((id) => shut(principalOf(platform, id)));
}
