/** How each principal's agent is to be run. Written by the operator and the access component only (ACL). */
import type { Connection } from "./connection.ts";
import { checked, parsed, toJson } from "./json.ts";
import { keys } from "./keys.ts";
import type { ProfilePort } from "./ports.ts";
import { Profile } from "./records.ts";

/** Profiles of all principals. */
export function profiles(connection: Connection): ProfilePort {
  const key = keys.principal.profile;
  return {
    async get(principal) {
      const json = await connection.command((r) => r.get(key(principal)));
      return json === null ? undefined : parsed(Profile, json, "profile");
    },
    async set(principal, profile) {
      await connection.command((r) => r.set(key(principal), toJson(checked(Profile, profile, "profile"))));
    },
  };
}
