/**
 * What follows from people and groups, computed anew with each decision: who decides for which sandbox, and which
 * sandboxes are shut (nothing of them may run or leave), in which chats admins are asked. Also forgets what is over. Pure.
 */
import { OPERATOR_PRINCIPAL } from "../lib/ids.ts";
import type { Group, Person, PrincipalAccess } from "../store/index.ts";
import type { Draft } from "./draft.ts";

/** Brings everything derived up to date. */
export function derive(draft: Draft): void {
  forgetOver(draft);
  const wanted = new Map<string, PrincipalAccess>();
  const closed = new Set<string>();
  const people = draft.people.values();
  keepAdminChats(draft, people);
  for (const { identity, state, principal, own } of people) {
    if (state === "blocked") {
      closed.add(principal);
      closed.add(own);
    }
    if (state !== "allowed") continue;
    // Let in while this host could still cage others: their agents wait until it can again.
    if (draft.solo && principal !== OPERATOR_PRINCIPAL) {
      closed.add(principal);
      continue;
    }
    const known = wanted.get(principal)?.deciders ?? [];
    wanted.set(principal, { v: 1, kind: "person", deciders: [...known, identity].sort() });
  }
  // Whoever is let in still keeps a shared sandbox open; the operator's console is never shut out.
  for (const principal of wanted.keys()) closed.delete(principal);
  closed.delete(OPERATOR_PRINCIPAL);
  const everywhere = people
    .filter(({ state, roles }) => state === "allowed" && roles.includes("approver"))
    .map(({ identity }) => identity);
  for (const group of draft.groups.values()) {
    if (group.kind === "guild") continue;
    const guild = group.within === undefined ? undefined : draft.groups.get(group.within);
    if (isOpen(group, guild) && draft.solo) closed.add(group.principal);
    else if (isOpen(group, guild)) {
      const named = [...everywhere, ...group.approvers, ...(guild?.approvers ?? [])];
      const deciders = [...new Set(named)].filter((id) => draft.people.get(id)?.state !== "blocked").sort();
      wanted.set(group.principal, { v: 1, kind: "group", deciders });
    } else if (group.state === "refused" || guild?.state === "refused") closed.add(group.principal);
  }
  replace(draft.principals, wanted);
  replace(draft.shut, new Map([...closed].map((id) => [id, draft.shut.get(id) ?? draft.now])));
}

/** Whether a group's members are answered: it is allowed, and so is the guild that it is in. */
export function isOpen(group: Group, guild: Group | undefined): boolean {
  return group.state === "allowed" && (group.within === undefined || guild?.state === "allowed");
}

/** Questions to admins go to one who still is one; to another when who got them is none any more. */
function keepAdminChats({ chats }: Draft, people: readonly Person[]): void {
  const admins = people.filter(({ state, roles }) => state === "allowed" && roles.includes("admin"));
  const own = admins.flatMap(({ chat }) => chat ?? []);
  for (const [bridge, { deliver }] of chats.entries())
    if (!own.some((chat) => chat.bridge === bridge && chat.deliver.chat === deliver.chat))
      chats.delete(bridge);
  for (const chat of own) if (!chats.get(chat.bridge)) chats.set(chat.bridge, chat);
}

function replace<T>(
  table: { entries(): [string, T][]; set(key: string, value: T): void; delete(key: string): void },
  wanted: Map<string, T>,
): void {
  for (const [key] of table.entries()) if (!wanted.has(key)) table.delete(key);
  for (const [key, value] of wanted) table.set(key, value);
}

function forgetOver(draft: Draft): void {
  const { now, codes, tries, links, people } = draft;
  for (const [hash, { expiresAt }] of codes.entries()) if (expiresAt <= now) codes.delete(hash);
  for (const [identity, { until }] of tries.entries()) if (until <= now) tries.delete(identity);
  for (const [ref, { expiresAt }] of links.entries()) if (expiresAt <= now) links.delete(ref);
  for (const [identity, { state, request }] of people.entries()) {
    const until = Math.max(request?.expiresAt ?? 0, request?.quietUntil ?? 0);
    if (state === "pending" && until <= now) people.delete(identity);
  }
}
