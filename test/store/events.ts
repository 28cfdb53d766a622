/** Short ways to make events and to drive a turn, for the store's tests. */
import { principalOf } from "../../src/lib/ids.ts";
import type { IngressEvent, Store, TurnRecord } from "../../src/store/index.ts";

/** A principal's id from a number. */
export const principal = (n = 0): string => `p_${String(n).padStart(20, "a")}`;

let counter = 0;

/** A message of the console conversation `console.<chat>`; each chat is a principal of its own. */
export function message(chat: string, text: string, more: Partial<IngressEvent> = {}): IngressEvent {
  counter += 1;
  return {
    conversation: `console.${chat}`,
    bridge: "console",
    principal: principalOf("console", chat),
    updateKey: `u${counter}`,
    deliver: { chat },
    sender: { id: "1", name: "Ann" },
    text,
    ...more,
  };
}

/** /new or /stop in that conversation. */
export function command(chat: string, name: "new" | "stop", more: Partial<IngressEvent> = {}): IngressEvent {
  const { text: _, ...event } = message(chat, "", more);
  return { ...event, command: { name } };
}

/** Claims and expects a turn of that kind. */
export async function claimed(store: Store, conversation: string, owner = "w1"): Promise<TurnRecord> {
  const result = await store.turns.claim(conversation, owner);
  if (result.kind !== "run" && result.kind !== "recover")
    throw new Error(`expected a turn, got ${result.kind}`);
  return result.turn;
}

/** An answer's body. */
export const final = (markdown: string) => ({ kind: "final" as const, markdown });
