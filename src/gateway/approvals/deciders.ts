/**
 * Who may decide for a sandbox, judged when the tap comes, from what the access component wrote: a person's own identities,
 * or the persons named for a group. By numeric platform id; nobody decides for what is shut.
 */
import { OPERATOR_PRINCIPAL, principalOf } from "../../lib/ids.ts";
import type { AccessReadPort, Decider } from "../../store/index.ts";

/** Judges deciders. Rejects when the store does: then nothing is decided. */
export interface Deciders {
  mayDecide(principal: string, by: Decider): Promise<boolean>;
  /** Whether anybody could decide: a group has nobody until persons are named. */
  anybody(principal: string): Promise<boolean>;
}

/** By the book of the access component. */
export function decidersOf(access: Pick<AccessReadPort, "person" | "principal" | "shut">): Deciders {
  return {
    async mayDecide(principal, by) {
      if (by.via === "console") return ownerOnly(principal, by);
      if (!/^[a-z]{2,16}$/.test(by.via) || !/^[0-9]{1,20}$/.test(by.identity)) return false;
      const identity = `${by.via}:${by.identity}`;
      const [known, person, shut] = await Promise.all([
        access.principal(principal),
        access.person(identity),
        access.shut(),
      ]);
      if (shut.has(principal) || person?.state === "blocked") return false;
      // Who isn't written down decides nothing: config.yaml may have let them in once and name them no more.
      return known?.deciders.includes(identity) ?? false;
    },
    async anybody(principal) {
      const known = await access.principal(principal);
      return known?.kind !== "group" || known.deciders.length > 0;
    },
  };
}

/** A personal sandbox's owner, and nobody else. */
export function ownerOnly(principal: string, by: Decider): boolean {
  if (by.via === "console") return principal === OPERATOR_PRINCIPAL && by.identity === "operator";
  return /^[0-9]{1,20}$/.test(by.identity) && principalOf(by.via, by.identity) === principal;
}
