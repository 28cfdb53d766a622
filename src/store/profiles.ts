/**
 * How each principal's agent is to be run. Written by the operator and the access component only (ACL), each changing its
 * own part: a write that lost a race against another's is made anew from what is there now.
 */
import { Fault } from "../lib/errors.ts";
import type { Connection } from "./connection.ts";
import { checked, parsed, toJson } from "./json.ts";
import { keys } from "./keys.ts";
import type { ProfilePort } from "./ports.ts";
import { Profile } from "./records.ts";

/** Writers are a few commands of people; more losses in a row are a defect. */
const MOST_TRIES = 20;

/** Profiles of all principals. */
export function profiles(connection: Connection): ProfilePort {
  const key = keys.principal.profile;
  const read = async (principal: string) => (await connection.command((r) => r.get(key(principal)))) ?? "";
  const profileOf = (json: string) => (json === "" ? undefined : parsed(Profile, json, "profile"));
  return {
    async get(principal) {
      return profileOf(await read(principal));
    },
    async change(principal, decide) {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        const before = await read(principal);
        const profile = checked(Profile, decide(profileOf(before)), "profile");
        const written = await connection.run("profile", [key(principal)], [before, toJson(profile)]);
        if (written === 1) return profile;
      }
      throw new Fault({ code: "profile-busy", message: "too many changes at once", retryable: true });
    },
  };
}
