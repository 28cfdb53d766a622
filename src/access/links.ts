/**
 * One person, two platforms, one sandbox: who asks first keeps theirs, the other's identity joins it once both sides
 * confirmed with both identities before their eyes. Pure, over a draft. Roles never travel; the other sandbox is kept
 * untouched and comes back with /unlink.
 */
import { newId } from "../lib/ids.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import type { Delivery, Identity, LinkRequest, Person, Wish } from "../store/index.ts";
import type { Draft } from "./draft.ts";
import { type Outcome, spendCode } from "./pairing.ts";
import { forgetCodes, partsOf } from "./people.ts";

type WishOf<K extends Wish["kind"]> = Extract<Wish, { kind: K }>;

/** Begins: the code counts for the person's other platform. */
export function beginLink(draft: Draft, wish: WishOf<"link">): Outcome {
  const person = present(draft, wish);
  if (!person) return { kind: "quiet" };
  forgetCodes(draft, wish.by, "link");
  const expiresAt = draft.now + TIMEOUTS.code;
  draft.codes.set(wish.code, { v: 1, kind: "link", identity: wish.by, expiresAt });
  return { kind: "link-begun", params: { minutes: String(TIMEOUTS.code / 60_000) } };
}

/** The code came by another platform: both sides are asked. */
export function joinLink(draft: Draft, wish: WishOf<"join">): Outcome {
  const to = present(draft, wish);
  if (!to) return { kind: "quiet" };
  const spent = spendCode(draft, wish.by, wish.code, "link");
  if (spent.kind !== "spent") return { kind: spent.kind };
  const from = draft.people.get(spent.identity ?? "");
  if (from?.state !== "allowed" || !from.chat) return { kind: "wrong-code" };
  if (partsOf(from.identity).platform === partsOf(to.identity).platform)
    return { kind: "link-same-platform" };
  if (from.principal === to.principal) return { kind: "link-already" };
  const ref = newId("q");
  const expiresAt = draft.now + TIMEOUTS.code;
  draft.links.set(ref, { v: 1, ref, from: from.identity, to: to.identity, confirmed: [], expiresAt });
  for (const [side, other] of [
    [from, to],
    [to, from],
  ] as const) {
    draft.say(side.chat, {
      ...{ noteId: ref, ref, code: side === from ? "access.ask-link-from" : "access.ask-link-to" },
      params: { mine: side.identity, other: other.identity, name: other.name },
      buttons: [
        { label: "button.link", verb: "y" },
        { label: "button.dont-link", verb: "n" },
      ],
    });
  }
  return { kind: "link-asked" };
}

/** A button under the question: only the two sides have one, and each only counts for itself. */
export function pressLink(draft: Draft, link: LinkRequest, by: Identity, verb: string): Outcome {
  const [from, to] = [draft.people.get(link.from), draft.people.get(link.to)];
  if (by !== link.from && by !== link.to) return { kind: "stranger" };
  if (from?.state !== "allowed" || to?.state !== "allowed" || link.expiresAt <= draft.now) {
    draft.links.delete(link.ref);
    return { kind: "gone" };
  }
  const tellBoth = (code: string) => {
    draft.links.delete(link.ref);
    const params = { from: link.from, to: link.to };
    for (const { chat } of [from, to])
      draft.say(chat, { noteId: `${link.ref}.done`, replaces: link.ref, code, params });
  };
  if (verb === "n") {
    tellBoth("access.link-refused");
    return { kind: "rejected" };
  }
  if (verb !== "y") return { kind: "gone" };
  const confirmed = [...new Set([...link.confirmed, by])];
  if (confirmed.length < 2) {
    draft.links.set(link.ref, { ...link, confirmed });
    return { kind: "link-waits" };
  }
  draft.people.set(to.identity, { ...to, principal: from.principal });
  tellBoth("access.linked");
  return { kind: "approved" };
}

/** Ends a person's links, from whichever side: who joined goes back to the sandbox of their own. */
export function unlink(draft: Draft, wish: WishOf<"unlink">): Outcome {
  const person = draft.people.get(wish.by);
  if (person?.state !== "allowed") return { kind: "quiet" };
  const joined = draft.people
    .values()
    .filter((one) => one.principal === person.principal && one.principal !== one.own)
    .filter((one) => one.identity === wish.by || person.principal === person.own);
  for (const one of joined) {
    draft.people.set(one.identity, { ...one, principal: one.own });
    draft.named.push({ principal: one.own, after: one.name });
  }
  return { kind: joined.length > 0 ? "unlinked" : "link-none" };
}

/** The person who speaks, with the private chat that they speak in. */
function present(draft: Draft, wish: { by: Identity; bridge: string; name: string; deliver: Delivery }) {
  const person = draft.people.get(wish.by);
  if (person?.state !== "allowed") return undefined;
  const { replyTo: _, ...deliver } = wish.deliver;
  const now: Person = { ...person, name: wish.name, chat: { bridge: wish.bridge, deliver } };
  draft.people.set(wish.by, now);
  return now;
}
