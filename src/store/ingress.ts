/**
 * Ingress: a platform's event becomes a mailbox entry or an effect at its seq, exactly once (RELIABILITY §1).
 * The order is script → mark → ring. The platform may be acknowledged when `accept` resolves: script and mark are in,
 * fsynced. A crash before that is healed by redelivery, since a duplicate repeats the marks.
 * The mark itself rings whoever listens; the BullMQ ring follows if nobody did, or didn't answer soon. (A BullMQ job
 * costs five fsyncs of the same Redis: on the way of every message they would double the time to dispatch.)
 */
import { z } from "zod";
import { Fault } from "../lib/errors.ts";
import { failpoint } from "../lib/failpoints.ts";
import type { Call, Connection } from "./connection.ts";
import { checked, parsed, toJson } from "./json.ts";
import { channels, keys, ringChannel } from "./keys.ts";
import { markCall, type WakeSet } from "./marks.ts";
import type { AcceptResult, DoorbellPort, IngressPort } from "./ports.ts";
import { IngressEvent, MAX_TEXT_BYTES, MAX_WAITING, type OrderCommand } from "./records.ts";

/** How long an update is remembered: longer than any platform redelivers. */
const SEEN_MS = 72 * 3_600_000;

/** A message that still waits after this time is rung through BullMQ too. */
const ANSWER_MS = 50;

const Reply = z.tuple([z.number(), z.string()]);
const n = z.number().int().nonnegative();
const Outcome = z.discriminatedUnion("kind", [
  z.object({
    ...{ kind: z.literal("accepted"), seq: n, session: n, ahead: n },
    interrupts: z.string().optional(),
    steers: z.string().optional(),
  }),
  z.object({ kind: z.literal("full"), waiting: n }),
  z.object({ kind: z.literal("session"), seq: n, session: n }),
  z.object({ kind: z.literal("set"), seq: n }),
  z.object({ kind: z.literal("stop"), seq: n, running: z.string(), discarded: n }),
]);

/** The wake set of a host's conversations; its hint is the direct ring. */
export const hostWake = (host: string): WakeSet => ({
  set: keys.host.dirty(host),
  counter: keys.host.marks(host),
  hint: ringChannel(host),
});

/** The wake set of a bridge's undelivered answers. */
export const bridgeWake = (bridge: string): WakeSet => ({
  set: keys.bridge.out(bridge),
  counter: keys.bridge.marks(bridge),
  hint: channels.outbox(bridge),
});

/** Bridge side of mailboxes. */
export function ingress(
  connection: Connection,
  doorbell: DoorbellPort,
  host: string,
  bridge: string,
): IngressPort {
  const unanswered = new Set<string>();
  /** Best effort: the conversation is marked, so a sweeper finds what this misses. */
  function ring(conversation: string, afterMs: number): void {
    if (unanswered.has(conversation)) return;
    unanswered.add(conversation);
    const attempt = async () => {
      unanswered.delete(conversation);
      const waiting = await connection.command((r) => r.zcard(keys.conversation.accepted(conversation)));
      if (waiting > 0) await doorbell.ring(conversation);
    };
    setTimeout(() => attempt().catch(() => {}), afterMs).unref();
  }

  return {
    async accept(input: IngressEvent): Promise<AcceptResult> {
      const event = checkedEvent(input, bridge);
      const id = event.conversation;
      const c = keys.conversation;
      failpoint("ingress.before-script");
      const accept = [
        "accept",
        [
          c.state(id),
          c.accepted(id),
          c.entries(id),
          c.seen(id, event.updateKey),
          c.outbox(id),
          c.answers(id),
        ],
        [
          kindOf(event.command),
          id,
          event.principal,
          bridge,
          event.updateKey,
          toJson(event.deliver),
          toJson(event.sender),
          toJson(event.text ?? ""),
          MAX_WAITING,
          SEEN_MS,
          event.attachments ? toJson(event.attachments) : "",
          ...orderOf(event.command),
          (event.quietMs ?? 0) * (event.quietIfAhead ? -1 : 1),
          event.join === undefined ? "" : toJson(event.join),
          toldTogether(event),
        ],
      ] as const;

      // Script and mark travel together: Redis runs them in order, with one fsync, and both replies are awaited.
      const mark = markCall(event.command ? bridgeWake(bridge) : hostWake(host), id);
      const counted = event.perMinute === undefined ? [] : [rateCall(event.principal, event.perMinute)];
      const [reply, heard, left] = await connection.runAll([accept, mark, ...counted]);
      failpoint("ingress.after-script");
      const [duplicate, json] = checked(Reply, reply, "ingress reply");
      const outcome = parsed(Outcome, json, "ingress outcome");
      if (outcome.kind === "full") await connection.run(...markCall(bridgeWake(bridge), id));
      failpoint("ingress.after-mark");
      // Whoever runs the turn looks at once; without the hint at its next renewal.
      const touches = outcome.kind === "accepted" && (outcome.interrupts ?? outcome.steers) !== undefined;
      if (outcome.kind === "stop" || touches) connection.publish(channels.cancel(host), id);
      if (outcome.kind === "accepted") ring(id, heard === 0 ? 0 : ANSWER_MS);
      const counts = outcome.kind === "accepted" && typeof left === "number" ? { left: left / 1_000 } : {};
      return { ...outcome, ...counts, duplicate: duplicate === 1 };
    },

    async wakeHint(principal) {
      connection.publish(channels.wake(host), principal);
    },
  };
}

/** Refused messages of one person at one place are told in one notice: the answer to the last of them. */
function toldTogether({ sender, deliver: { replyTo: _, ...place } }: IngressEvent): string {
  return toJson([sender.id, place]);
}

function rateCall(principal: string, perMinute: number): Call {
  return ["rate", [keys.principal.rate(principal)], [perMinute]];
}

function kindOf(command: OrderCommand | undefined): string {
  if (!command) return "text";
  return command.name === "model" || command.name === "queue" ? "set" : command.name;
}

/** The last three arguments of `accept`: field, value and notice of a choice; or the turn that is to be stopped. */
function orderOf(command: OrderCommand | undefined): [string, string, string] {
  if (command?.name === "model") return ["model", command.model, "model-set"];
  if (command?.name === "queue") return ["mode", command.mode, `queue-set-${command.mode}`];
  return ["", "", command?.name === "stop" ? (command.turn ?? "") : ""];
}

/** The event, or a Fault that says why it can't be one. */
function checkedEvent(input: IngressEvent, bridge: string): IngressEvent {
  const event = IngressEvent.safeParse(input);
  const problem = !event.success
    ? event.error.issues.map((i) => `${i.path.join(".")} ${i.message}`).join("; ")
    : event.data.bridge !== bridge
      ? `bridge ${event.data.bridge} is not ${bridge}`
      : (event.data.text === undefined) === (event.data.command === undefined)
        ? "exactly one of text and command"
        : event.data.attachments && event.data.command
          ? "a command has no attachments"
          : undefined;
  if (problem !== undefined || !event.success) {
    throw new Fault({ code: "bad-event", message: `event refused: ${problem}` });
  }
  if (Buffer.byteLength(event.data.text ?? "") > MAX_TEXT_BYTES) {
    throw new Fault({
      code: "text-too-long",
      message: `text of ${Buffer.byteLength(event.data.text ?? "")} bytes`,
      userMessage: "This message is too long (64 KB at most). Please send it as a file or in parts.",
    });
  }
  return event.data;
}
