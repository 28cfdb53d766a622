/**
 * Decisions about groups, channels and guilds: allowed apart from people, with a sandbox and approvers of their own
 * (DESIGN §3). Pure, over a draft. A group is its platform's number; its title is only shown.
 */
import { Fault } from "../lib/errors.ts";
import { newId, principalOf } from "../lib/ids.ts";
import type { Group, Identity, PlaceId, Wish } from "../store/index.ts";
import type { Draft } from "./draft.ts";
import type { Outcome } from "./pairing.ts";
import { isAdmin, partsOf, requireCage } from "./people.ts";

type WishOf<K extends Wish["kind"]> = Extract<Wish, { kind: K }>;

/** Groups that wait for a decision; the oldest makes room. */
const MOST_PENDING = 200;
/** Channels of one guild that may have a sandbox each. */
const MOST_CHANNELS = 500;

/** The sandbox of a group that never moved. */
export function placePrincipal(place: PlaceId): string {
  const { platform, id } = partsOf(place);
  return principalOf(`${platform}-group`, id);
}

/** What the operator may choose for a group. */
export interface GroupChoice {
  name?: string | undefined;
  guild?: boolean | undefined;
  respond?: Group["respond"] | undefined;
  members?: Group["members"] | undefined;
}

/** A group that nobody decided about. */
function newGroup(draft: Draft, place: PlaceId, name: string, guild: boolean): Group {
  return {
    ...{ v: 1, place, name, kind: guild ? "guild" : "group", state: "pending" },
    ...{ principal: placePrincipal(place), approvers: [], respond: "addressed", members: "everyone" },
    since: draft.now,
  } as Group;
}

/** @throws Fault `group-unknown` */
export function mustKnowGroup(draft: Draft, place: PlaceId): Group {
  const group = draft.groups.get(place);
  if (group) return group;
  throw new Fault({
    code: "group-unknown",
    message: `no group is known as ${place}`,
    hint: "nemoclaw groups list shows them; an id is PLATFORM:NUMBER, as the platform gives it",
  });
}

/** Answers the members of a group from now on. */
export function allowGroup(draft: Draft, place: PlaceId, choice: GroupChoice, by: string): Group {
  requireCage(draft);
  const known = draft.groups.get(place) ?? newGroup(draft, place, choice.name ?? "", choice.guild === true);
  const group: Group = {
    ...known,
    name: choice.name ?? known.name,
    kind: choice.guild === undefined ? known.kind : choice.guild ? "guild" : "group",
    respond: choice.respond ?? known.respond,
    members: choice.members ?? known.members,
    ...{ state: "allowed", since: draft.now, by },
  };
  draft.groups.set(place, group);
  if (group.kind === "group") draft.named.push({ principal: group.principal, after: group.name || "group" });
  answered(draft, known, "access.group-allowed", by);
  return group;
}

/** Answers nobody there any more; its sandbox keeps its files and is shut. */
export function refuseGroup(draft: Draft, place: PlaceId, by: string): Group {
  const known = mustKnowGroup(draft, place);
  const group: Group = { ...known, state: "refused", since: draft.now, by };
  draft.groups.set(place, group);
  answered(draft, known, "access.group-refused", by);
  return group;
}

/** Names or un-names persons who decide for a group (of a guild: in all its channels). */
export function nameApprovers(
  draft: Draft,
  place: PlaceId,
  { add = [], remove = [] }: { add?: readonly Identity[]; remove?: readonly Identity[] },
): Group {
  const known = mustKnowGroup(draft, place);
  const blocked = add.find((identity) => draft.people.get(identity)?.state === "blocked");
  if (blocked !== undefined)
    throw new Fault({ code: "person-blocked", message: `${blocked} is blocked`, hint: "unblock them first" });
  const approvers = [...new Set([...known.approvers, ...add])].filter((one) => !remove.includes(one));
  const group = { ...known, approvers };
  draft.groups.set(place, group);
  return group;
}

/** The bot was added somewhere. Asks admins only when one of them did it: strangers can't make them look. */
export function added(draft: Draft, wish: WishOf<"added">): Outcome {
  const { by, place, title, guild } = wish;
  const known = draft.groups.get(place);
  if (known?.state === "allowed") return { kind: "group-known" };
  const asked = isAdmin(draft, by);
  if (known?.state === "refused" && !asked) return { kind: "quiet" };
  const pending = draft.groups
    .values()
    .filter(({ state }) => state === "pending")
    .sort((a, b) => a.since - b.since);
  if (!known && pending.length >= MOST_PENDING && pending[0]) draft.groups.delete(pending[0].place);
  const ref = newId("q");
  draft.groups.set(place, {
    ...(known ?? newGroup(draft, place, title, guild)),
    ...{ name: title, state: "pending", addedBy: by, ref, since: draft.now },
  });
  if (!asked) return { kind: "quiet" };
  draft.tellAdmins({
    ...{ noteId: ref, ref, code: "access.ask-group", params: { id: place, name: title, by } },
    buttons: [
      { label: "button.allow-group", verb: "y" },
      { label: "button.allow-group-decide", verb: "a" },
      { label: "button.refuse", verb: "n" },
    ],
  });
  return { kind: "group-asked" };
}

/** An admin's button under a question about a group. */
export function pressGroup(draft: Draft, group: Group, by: Identity, verb: string): Outcome {
  if (!isAdmin(draft, by)) return { kind: "stranger" };
  if (group.state !== "pending") return { kind: "gone" };
  if (verb === "n") {
    refuseGroup(draft, group.place, by);
    return { kind: "rejected" };
  }
  if (verb !== "y" && verb !== "a") return { kind: "gone" };
  allowGroup(draft, group.place, {}, by);
  if (verb === "a") nameApprovers(draft, group.place, { add: [by] });
  return { kind: "approved" };
}

/** First word in a channel of a guild: with the guild it is allowed, with a sandbox of its own. */
export function openChannel(draft: Draft, wish: WishOf<"channel">): Outcome {
  const { place, within, title } = wish;
  const guild = draft.groups.get(within);
  if (guild?.kind !== "guild" || guild.state !== "allowed") return { kind: "quiet" };
  const known = draft.groups.get(place);
  if (known) return { kind: known.state === "allowed" ? "group-known" : "quiet" };
  const channels = draft.groups.values().filter((group) => group.within === within);
  if (channels.length >= MOST_CHANNELS) return { kind: "full" };
  const { respond, members } = guild;
  const group: Group = {
    ...newGroup(draft, place, title, false),
    respond,
    members,
    within,
    state: "allowed",
  };
  draft.groups.set(place, group);
  draft.named.push({ principal: group.principal, after: title || "channel" });
  return { kind: "group-known" };
}

/**
 * The platform gave a group another id: everything moves with it at once, and its conversations keep their names (so
 * session, waiting messages and grants are the same afterwards).
 */
export function moveGroup(draft: Draft, wish: WishOf<"moved">): Outcome {
  const { from, to } = wish;
  const known = draft.groups.get(from);
  if (!known || from === to) return { kind: "gone" };
  draft.groups.delete(from);
  draft.groups.set(to, { ...known, place: to, formerly: known.formerly ?? partsOf(from).id });
  return { kind: "group-moved" };
}

function answered(draft: Draft, { ref, place, name }: Group, code: string, by: string): void {
  if (ref === undefined) return;
  draft.tellAdmins({ noteId: `${ref}.done`, replaces: ref, code, params: { id: place, name, by } });
}
