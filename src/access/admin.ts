/**
 * What the operator's commands may ask about people and groups. Who reaches the socket is the operator. Codes come as
 * hashes: the terminal makes them, and nobody else ever sees one.
 */
import { z } from "zod";
import { type AdminMethods, adminMethod } from "../lib/admin/methods.ts";
import { Fault } from "../lib/errors.ts";
import {
  AccessRole,
  Identity,
  type Person,
  PlaceId,
  type Profile,
  type ProfilePort,
} from "../store/index.ts";
import type { AccessDesk } from "./desk.ts";
import type { Draft } from "./draft.ts";
import { allowGroup, nameApprovers, refuseGroup } from "./groups.ts";
import { approve, isWaiting, newClaim, reject, waitingFor } from "./pairing.ts";
import { block, letIn, mustKnow, setRole, unblock } from "./people.ts";

/** A person as the commands show them. */
export interface ListedPerson extends Person {
  sandbox: string;
  linked: boolean;
}

const OPERATOR = "operator";
/** `telegram:123`, or the number where only one platform knows it. */
const Who = z
  .string()
  .regex(/^([a-z]{2,16}:)?[0-9]{1,20}$/, "expected PLATFORM:NUMBER, e.g. telegram:12345678");
const CodeHash = z.string().regex(/^[0-9a-f]{64}$/);
const Amount = z.number().int().min(0).max(1e15).nullable();
const Few = (most: number) => z.number().int().min(1).max(most).nullable().optional();
const SandboxName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "expected lower-case letters, digits and dashes (RFC 1123)");

/** The table of methods. */
export function accessMethods(desk: AccessDesk, profiles: ProfilePort): AdminMethods {
  const listed = async (people: Person[]): Promise<ListedPerson[]> =>
    Promise.all(
      people.map(async (person) => ({
        ...person,
        sandbox: (await profiles.get(person.principal))?.name ?? person.principal,
        linked: person.principal !== person.own,
      })),
    );
  const one = async (who: string) =>
    (await listed([mustKnow(await desk.look(), identityOf(await desk.look(), who))]))[0];
  const change = async (who: string, decision: (draft: Draft, identity: string) => unknown) => {
    const identity = await desk.decide((draft) => {
      const found = identityOf(draft, who);
      decision(draft, found);
      return found;
    });
    return one(identity);
  };
  const which = z.union([z.strictObject({ code: CodeHash }), z.strictObject({ who: Who })]);
  const waiting = (draft: Draft, asked: z.output<typeof which>) => {
    const person = waitingFor(
      draft,
      "code" in asked ? { hash: asked.code } : { identity: identityOf(draft, asked.who) },
    );
    if (person) return person;
    throw new Fault({
      code: "pairing-unknown",
      message: "nobody waits with that code",
      hint: "a code counts for 10 minutes and once; nemoclaw pairing list shows who waits, and their ids work too",
    });
  };
  return {
    "users.list": adminMethod(z.strictObject({}), async () => {
      const people = (await desk.look()).people.values().filter(({ state }) => state !== "pending");
      return { users: await listed(people.sort((a, b) => a.since - b.since)) };
    }),
    "users.show": adminMethod(z.strictObject({ who: Who }), async ({ who }) => {
      const user = await one(who);
      return { user, profile: (await profiles.get(user?.principal ?? "")) ?? null };
    }),
    "users.add": adminMethod(
      z.strictObject({ who: Identity, name: z.string().max(128).optional() }),
      ({ who, name }) =>
        change(who, (draft) => {
          if (draft.people.get(who)?.state === "blocked")
            throw new Fault({
              code: "person-blocked",
              message: `${who} is blocked`,
              hint: `nemoclaw users unblock ${who}`,
            });
          letIn(draft, who, { source: "operator", by: OPERATOR, ...(name === undefined ? {} : { name }) });
        }),
    ),
    "users.block": adminMethod(z.strictObject({ who: Who }), ({ who }) =>
      change(who, (draft, identity) => block(draft, identity, OPERATOR)),
    ),
    "users.unblock": adminMethod(z.strictObject({ who: Who }), ({ who }) =>
      change(who, (draft, identity) => unblock(draft, identity, OPERATOR)),
    ),
    "users.role": adminMethod(
      z.strictObject({ who: Who, role: AccessRole, on: z.boolean() }),
      ({ who, role, on }) => change(who, (draft, identity) => setRole(draft, identity, role, on)),
    ),
    "users.limits": adminMethod(
      z.strictObject({
        who: Who,
        dailyTokens: Amount.optional(),
        dailyMicros: Amount.optional(),
        messagesPerMinute: Few(10_000),
        runningTurns: Few(64),
        askCommands: z.boolean().nullable().optional(),
      }),
      async ({ who, ...choices }) => {
        const user = await one(who);
        const principal = user?.principal ?? "";
        const profile = await profiles.change(principal, (now) => {
          const changed: Profile & Record<string, unknown> = {
            ...{ v: 1, name: user?.sandbox ?? principal },
            ...now,
          };
          for (const [key, value] of Object.entries(choices))
            if (value === null) delete changed[key];
            else if (value !== undefined) changed[key] = value;
          return changed;
        });
        return { user, profile };
      },
    ),
    "users.rename": adminMethod(z.strictObject({ who: Who, name: SandboxName }), async ({ who, name }) => {
      const user = await one(who);
      const principal = user?.principal ?? "";
      const { people, groups } = await desk.look();
      const all = new Set([...people.values(), ...groups.values()].map((owner) => owner.principal));
      for (const other of all)
        if (other !== principal && (await profiles.get(other))?.name === name)
          throw new Fault({ code: "name-taken", message: `another sandbox is called ${name}` });
      await profiles.change(principal, (now) => ({ v: 1, ...now, name }));
      return one(who);
    }),
    "users.claim": adminMethod(z.strictObject({ code: CodeHash }), ({ code }) =>
      desk.decide((draft) => newClaim(draft, code)),
    ),
    "users.admins": adminMethod(z.strictObject({}), async () => ({
      admins: (await desk.look()).people
        .values()
        .filter(({ state, roles }) => state === "allowed" && roles.includes("admin"))
        .map(({ identity }) => identity),
    })),
    "pairing.list": adminMethod(z.strictObject({}), async () => {
      const draft = await desk.look();
      const requests = draft.people.values().filter((person) => isWaiting(person, draft.now));
      return { now: draft.now, requests: requests.sort((a, b) => a.since - b.since) };
    }),
    "pairing.approve": adminMethod(which, async (asked) =>
      one(await desk.decide((draft) => approve(draft, waiting(draft, asked), OPERATOR).identity)),
    ),
    "pairing.reject": adminMethod(which, (asked) =>
      desk.decide((draft) => {
        const person = waiting(draft, asked);
        reject(draft, person, OPERATOR);
        return person;
      }),
    ),
    "groups.list": adminMethod(z.strictObject({}), async () => {
      const groups = (await desk.look()).groups.values().sort((a, b) => a.since - b.since);
      return {
        groups: await Promise.all(
          groups.map(async (group) => ({
            ...group,
            sandbox: (await profiles.get(group.principal))?.name ?? group.principal,
          })),
        ),
      };
    }),
    "groups.allow": adminMethod(
      z.strictObject({
        place: PlaceId,
        name: z.string().max(128).optional(),
        guild: z.boolean().optional(),
        respond: z.enum(["addressed", "all"]).optional(),
        members: z.enum(["everyone", "known"]).optional(),
        approvers: z.array(Identity).max(50).default([]),
      }),
      ({ place, approvers, ...choice }) =>
        desk.decide((draft) => {
          allowGroup(draft, place, choice, OPERATOR);
          return nameApprovers(draft, place, { add: approvers });
        }),
    ),
    "groups.remove": adminMethod(z.strictObject({ place: PlaceId }), ({ place }) =>
      desk.decide((draft) => refuseGroup(draft, place, OPERATOR)),
    ),
    "groups.approvers": adminMethod(
      z.strictObject({
        place: PlaceId,
        add: z.array(Identity).max(50).default([]),
        remove: z.array(Identity).max(50).default([]),
      }),
      ({ place, add, remove }) => desk.decide((draft) => nameApprovers(draft, place, { add, remove })),
    ),
  };
}

/** @throws Fault when a bare number means nobody, or people of several platforms. */
function identityOf(draft: Draft, who: string): Identity {
  if (who.includes(":")) return who;
  const found = draft.people.values().filter(({ identity }) => identity.endsWith(`:${who}`));
  if (found.length === 1 && found[0]) return found[0].identity;
  throw new Fault({
    code: found.length === 0 ? "person-unknown" : "person-ambiguous",
    message:
      found.length === 0
        ? `nobody is known with the id ${who}`
        : `several people have the id ${who}: ${found.map(({ identity }) => identity).join(", ")}`,
    hint: "say PLATFORM:NUMBER; nemoclaw users list shows them",
  });
}
