/**
 * Decisions about people: let in, blocked, roles, standing admissions of config.yaml. Pure, over a draft. By identity
 * only: nothing here ever compares a name.
 */
import { Fault } from "../lib/errors.ts";
import { OPERATOR_PRINCIPAL, principalOf } from "../lib/ids.ts";
import type { AccessRole, Identity, Person } from "../store/index.ts";
import type { Draft } from "./draft.ts";

/** Platform and id of an identity. */
export function partsOf(identity: Identity): { platform: string; id: string } {
  const [platform = "", id = ""] = identity.split(":");
  return { platform, id };
}

/** The sandbox of somebody who is linked to nothing. */
export function ownPrincipal(identity: Identity): string {
  const { platform, id } = partsOf(identity);
  return principalOf(platform, id);
}

/** A record for somebody who wasn't known. */
export function newPerson(draft: Draft, identity: Identity, name: string): Person {
  const own = ownPrincipal(identity);
  return {
    v: 1,
    identity,
    name,
    state: "pending",
    roles: [],
    principal: own,
    own,
    source: "pairing",
    since: draft.now,
  };
}

/** @throws Fault `person-unknown` */
export function mustKnow(draft: Draft, identity: Identity): Person {
  const person = draft.people.get(identity);
  if (person) return person;
  throw new Fault({
    code: "person-unknown",
    message: `nobody is known as ${identity}`,
    hint: "nemoclaw users list shows who is; an id is PLATFORM:NUMBER",
  });
}

/** Whether this person may let others in. */
export function isAdmin(draft: Draft, identity: Identity): boolean {
  const person = draft.people.get(identity);
  return person?.state === "allowed" && person.roles.includes("admin");
}

/** Other people's agents need every required protection. @throws Fault `cage-incomplete` */
export function requireCage({ solo }: Draft): void {
  if (!solo) return;
  throw new Fault({
    code: "cage-incomplete",
    message: "this host lacks a protection that other people's agents need, so nobody else can be let in",
    hint: "nemoclaw status names it; mend it, or accept weaker cages with sandbox.protections: best_effort",
  });
}

/** Lets somebody in; also back in. */
export function letIn(
  draft: Draft,
  identity: Identity,
  how: { source: Person["source"]; by: string; name?: string },
): Person {
  if (how.source !== "claim") requireCage(draft);
  const before = draft.people.get(identity) ?? newPerson(draft, identity, how.name ?? "");
  const { request: _, ...rest } = before;
  const person: Person = {
    ...rest,
    state: "allowed",
    source: how.source,
    by: how.by,
    since: draft.now,
  };
  draft.people.set(identity, person);
  forgetCodes(draft, identity);
  draft.named.push({ principal: person.principal, after: person.name || partsOf(identity).platform });
  return person;
}

/** Shuts somebody out, with every identity that is linked to the same sandbox. */
export function block(draft: Draft, identity: Identity, by: string): Person[] {
  const person = draft.people.get(identity) ?? newPerson(draft, identity, "");
  const same = draft.people
    .values()
    .filter((other) => other.identity !== identity && other.principal === person.principal);
  // The operator's own sandbox may have several people by claims: only who is named loses it.
  const all = [person, ...(person.principal === OPERATOR_PRINCIPAL ? [] : same)];
  return all.map((one) => {
    const { request: _, ...rest } = one;
    const blocked: Person = { ...rest, state: "blocked", roles: [], by, since: draft.now };
    draft.people.set(one.identity, blocked);
    forgetCodes(draft, one.identity);
    for (const [ref, link] of draft.links.entries())
      if (link.from === one.identity || link.to === one.identity) draft.links.delete(ref);
    for (const [place, group] of draft.groups.entries())
      if (group.approvers.includes(one.identity))
        draft.groups.set(place, {
          ...group,
          approvers: group.approvers.filter((identity) => identity !== one.identity),
        });
    return blocked;
  });
}

/** Takes a block back; no role comes back with it. */
export function unblock(draft: Draft, identity: Identity, by: string): Person {
  const person = mustKnow(draft, identity);
  if (person.state !== "blocked")
    throw new Fault({ code: "not-blocked", message: `${identity} is not blocked` });
  return letIn(draft, identity, { source: "operator", by });
}

/** Gives or takes a role. @throws Fault when the person isn't let in. */
export function setRole(draft: Draft, identity: Identity, role: AccessRole, on: boolean): Person {
  const person = mustKnow(draft, identity);
  if (person.state !== "allowed")
    throw new Fault({
      code: "not-allowed-in",
      message: `${identity} is not let in, so there is no role to change`,
      hint: `nemoclaw users add ${identity}`,
    });
  const roles = person.roles.filter((one) => one !== role);
  const changed: Person = { ...person, roles: on ? [...roles, role] : roles };
  draft.people.set(identity, changed);
  return changed;
}

/** Standing admissions: who config.yaml names is let in, who it no longer names and came by it is forgotten. */
export function importStanding(draft: Draft, standing: readonly Identity[]): void {
  const named = new Set(standing);
  for (const identity of named) {
    const state = draft.people.get(identity)?.state;
    // Blocked stays blocked: the stronger wish.
    if (state === undefined || state === "pending")
      letIn(draft, identity, { source: "config", by: "config" });
  }
  for (const [identity, { source, state }] of draft.people.entries())
    if (source === "config" && state === "allowed" && !named.has(identity)) draft.people.delete(identity);
}

/** No code that was made for or by them counts any more. */
export function forgetCodes(draft: Draft, identity: Identity, kind?: string): void {
  for (const [hash, code] of draft.codes.entries())
    if (code.identity === identity && (kind === undefined || code.kind === kind)) draft.codes.delete(hash);
}
