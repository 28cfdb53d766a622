/**
 * How people come in by themselves: an unknown person gets a code and an admin decides; the operator claims with a code
 * from the terminal. Pure, over a draft. Codes are only ever seen as hashes, count once, and guesses are counted.
 */
import { newId, OPERATOR_PRINCIPAL } from "../lib/ids.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { Identity, Person, Wish } from "../store/index.ts";
import type { Draft } from "./draft.ts";
import { forgetCodes, isAdmin, letIn, newPerson } from "./people.ts";

type WishOf<K extends Wish["kind"]> = Extract<Wish, { kind: K }>;

/** What becomes of a wish: a code of the catalogue and its parameters. */
export interface Outcome {
  kind: string;
  params?: Record<string, string>;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Codes for one person: at most so many an hour, so far apart. */
const PER_HOUR = 5;
const APART_MS = 30_000;
/** People who may wait for an admin at once; and how many of them admins are asked about by a message. */
const MOST_PENDING = 200;
const MOST_ASKED = 10;
/** New codes of everybody together, per minute. */
const PER_MINUTE = 60;
/** Wrong codes of one person within {@link TIMEOUTS.code} before none is looked at. */
const MOST_TRIES = 5;

/** Somebody unknown wrote: their code counts from now on, unless there were too many. */
export function knock(draft: Draft, wish: WishOf<"knock">): Outcome {
  const { by, name, bridge, deliver, code } = wish;
  const { now } = draft;
  const known = draft.people.get(by);
  if (known?.state === "allowed") return { kind: "allowed" };
  if (known?.state === "blocked" || (known?.request?.quietUntil ?? 0) > now) return { kind: "quiet" };
  const issued = (known?.request?.issued ?? []).filter((at) => at > now - HOUR_MS);
  if (issued.length >= PER_HOUR || (issued.at(-1) ?? 0) > now - APART_MS) return { kind: "quiet" };
  const pending = draft.people.values().filter(({ state }) => state === "pending");
  const lately = pending.flatMap(({ request }) => request?.issued ?? []).filter((at) => at > now - MINUTE_MS);
  if ((!known && pending.length >= MOST_PENDING) || lately.length >= PER_MINUTE) return { kind: "full" };
  const ref = known?.request?.ref ?? newId("q");
  const { replyTo: _, ...chat } = deliver;
  draft.people.set(by, {
    ...(known ?? newPerson(draft, by, name)),
    name,
    chat: { bridge, deliver: chat },
    request: { ref, expiresAt: now + TIMEOUTS.pairingRequest, issued: [...issued, now] },
  });
  forgetCodes(draft, by);
  draft.codes.set(code, { v: 1, kind: "pairing", identity: by, expiresAt: now + TIMEOUTS.code });
  if (!known && pending.length < MOST_ASKED)
    draft.tellAdmins({
      ...{ noteId: ref, ref, code: "access.ask-pairing", params: { id: by, name } },
      buttons: [
        { label: "button.let-in", verb: "y" },
        { label: "button.refuse", verb: "n" },
      ],
    });
  return { kind: "paired", params: { minutes: String(TIMEOUTS.code / MINUTE_MS) } };
}

/** The person whom a pairing code, or an identity, means; undefined when there is none that waits. */
export function waitingFor(
  draft: Draft,
  which: { hash?: string | undefined; identity?: Identity },
): Person | undefined {
  const code = which.hash === undefined ? undefined : draft.codes.get(which.hash);
  const live = code?.kind === "pairing" && code.expiresAt > draft.now ? code.identity : undefined;
  const person = draft.people.get(which.identity ?? live ?? "");
  return person?.state === "pending" && isWaiting(person, draft.now) ? person : undefined;
}

/** Whether an admin may still decide about them. */
export function isWaiting({ state, request }: Person, now: number): boolean {
  return state === "pending" && (request?.expiresAt ?? 0) > now && (request?.quietUntil ?? 0) <= now;
}

/** Lets somebody in who asked, tells them, and brings every admin's question up to date. */
export function approve(draft: Draft, person: Person, by: string): Person {
  const allowed = letIn(draft, person.identity, { source: "pairing", by });
  const { ref = "" } = person.request ?? {};
  draft.say(allowed.chat, { noteId: `${ref}.in`, code: "access.welcome" });
  answered(draft, person, "access.pairing-approved", by);
  return allowed;
}

/** Refuses somebody who asked. They aren't told, and aren't given another code for a day. */
export function reject(draft: Draft, person: Person, by: string): void {
  const { ref = "", issued = [] } = person.request ?? {};
  const request = { ref, issued, expiresAt: draft.now, quietUntil: draft.now + TIMEOUTS.pairingRequest };
  draft.people.set(person.identity, { ...person, request });
  forgetCodes(draft, person.identity);
  answered(draft, person, "access.pairing-rejected", by);
}

function answered(draft: Draft, person: Person, code: string, by: string): void {
  const { ref = "" } = person.request ?? {};
  const params = { id: person.identity, name: person.name, by };
  draft.tellAdmins({ noteId: `${ref}.done`, replaces: ref, code, params });
}

/** An admin's button under a question about somebody. */
export function pressPairing(draft: Draft, person: Person, by: Identity, verb: string): Outcome {
  if (!isAdmin(draft, by)) return { kind: "stranger" };
  if (!isWaiting(person, draft.now)) return { kind: "gone" };
  if (verb === "y") {
    approve(draft, person, by);
    return { kind: "approved" };
  }
  if (verb !== "n") return { kind: "gone" };
  reject(draft, person, by);
  return { kind: "rejected" };
}

/** A claim code from the terminal counts once, for an hour; an older one counts no more. */
export function newClaim(draft: Draft, hash: string): { expiresAt: number } {
  for (const [old, { kind }] of draft.codes.entries()) if (kind === "claim") draft.codes.delete(old);
  const expiresAt = draft.now + TIMEOUTS.claimCode;
  draft.codes.set(hash, { v: 1, kind: "claim", expiresAt });
  return { expiresAt };
}

/** Whoever brings the claim code is the operator: admin, and their private chat runs in the operator's own sandbox. */
export function claim(draft: Draft, wish: WishOf<"claim">): Outcome {
  const { by, name, bridge, deliver } = wish;
  if (draft.people.get(by)?.state === "blocked") return { kind: "wrong-code" };
  const spent = spendCode(draft, by, wish.code, "claim");
  if (spent.kind !== "spent") return { kind: spent.kind };
  const { replyTo: _, ...to } = deliver;
  const chat = { bridge, deliver: to };
  const person = letIn(draft, by, { source: "claim", by, name });
  draft.named.pop(); // The operator's sandbox has its name.
  const roles = [...new Set([...person.roles, "admin" as const])];
  const operator = { principal: OPERATOR_PRINCIPAL, own: OPERATOR_PRINCIPAL };
  draft.people.set(by, { ...person, ...operator, name, roles, chat });
  draft.chats.set(bridge, chat);
  return { kind: "claimed" };
}

/** Uses a code of that kind up, or counts a wrong one. */
export function spendCode(
  draft: Draft,
  by: Identity,
  hash: string,
  kind: "claim" | "link",
): { kind: "spent"; identity: Identity | undefined } | { kind: "wrong-code" | "too-many-tries" } {
  const { now } = draft;
  const tries = draft.tries.get(by);
  const wrong = tries && tries.until > now ? tries.wrong : 0;
  if (wrong >= MOST_TRIES) return { kind: "too-many-tries" };
  const code = draft.codes.get(hash);
  if (code?.kind !== kind || code.expiresAt <= now) {
    draft.tries.set(by, { v: 1, wrong: wrong + 1, until: now + TIMEOUTS.code });
    return { kind: "wrong-code" };
  }
  draft.codes.delete(hash);
  return { kind: "spent", identity: code.identity };
}
