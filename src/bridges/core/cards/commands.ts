/**
 * /approvals and /rules, and what /new means for session grants. The same on every platform.
 * Must never decide anything: lists are read from the store, wishes go to the gateway as taps.
 */
import { derivedId } from "../../../lib/ids.ts";
import type { Logger } from "../../../lib/logging.ts";
import type { CardPort, Decider, Delivery } from "../../../store/index.ts";
import { wordsOf } from "../catalogue.ts";
import type { Content } from "../port.ts";
import { approvalsContents, noteContent, rulesContents } from "./lists.ts";
import { RULE_ID } from "./press.ts";
import { revokeText } from "./taps.ts";

/** The message that carried a command. */
export interface CommandMessage {
  conversation: string;
  bridge: string;
  updateKey: string;
  deliver: Delivery;
  sender: { id: string; name: string };
  /** Whose approvals and rules: the person's, or the group's. */
  principal: string;
}

/** What these commands need. */
export interface CardCommandDeps {
  cards: CardPort;
  /** Whether the platform shows buttons under a notice. */
  supportsButtons: boolean;
  /** Shows a message of our own, best effort. */
  show(to: Delivery, content: Content): Promise<void>;
  logger: Logger;
}

/** Lists what waits for the sender's decision. */
export async function answerApprovals(message: CommandMessage, deps: CardCommandDeps): Promise<void> {
  const records = await deps.cards.open(message.principal);
  await showAll(
    message,
    approvalsContents(records, message.conversation, deps.supportsButtons, wordsOf(message.deliver.language)),
    deps,
  );
}

/** Lists the sender's standing rules; `revoke <rule id>` takes one back, where there are no buttons. */
export async function answerRules(
  message: CommandMessage,
  args: string,
  deps: CardCommandDeps,
): Promise<void> {
  const { principal } = message;
  const ruleId = /^revoke\s+(\S+)$/i.exec(args)?.[1];
  if (ruleId === undefined) {
    const rules = await deps.cards.rules(principal);
    return await showAll(
      message,
      rulesContents(rules, deps.supportsButtons, wordsOf(message.deliver.language)),
      deps,
    );
  }
  const { bridge, conversation } = message;
  const outcome = !RULE_ID.test(ruleId)
    ? { kind: "gone" as const }
    : await deps.cards.tap(principal, {
        kind: "revoke",
        v: 1,
        tapId: tapIdOf(message),
        ruleId,
        by: deciderOf(message),
        bridge,
        conversation,
      });
  await showAll(message, [noteContent(revokeText(outcome, wordsOf(message.deliver.language)))], deps);
}

/** A fresh conversation inherits no session grants. Best effort, never awaited: /new itself is already stored. */
export function resetGrants(message: CommandMessage, deps: CardCommandDeps): void {
  const { conversation, principal } = message;
  deps.cards
    .tap(principal, {
      kind: "reset",
      v: 1,
      tapId: tapIdOf(message),
      conversation,
      by: deciderOf(message),
    })
    .catch((err: unknown) => deps.logger.warn({ conversation, err }, "session grants not ended by /new"));
}

async function showAll(message: CommandMessage, contents: Content[], deps: CardCommandDeps): Promise<void> {
  for (const content of contents) await deps.show(message.deliver, content);
}

function tapIdOf({ bridge, updateKey }: CommandMessage): string {
  return derivedId("k", bridge, updateKey);
}

function deciderOf({ bridge, sender }: CommandMessage): Decider {
  const [via = bridge] = bridge.split(".");
  return { via, identity: sender.id, name: sender.name.slice(0, 128).toWellFormed() };
}
