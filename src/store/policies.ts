/**
 * Revisions of policies, per target: numbered, kept for a while, never changed. Two writers who start from the same
 * revision can't both win. Written by the gateway's user only (acl.ts); the hint is best effort, readers poll.
 */
import { z } from "zod";
import { Fault } from "../lib/errors.ts";
import type { Connection } from "./connection.ts";
import { checked, parsed, toJson } from "./json.ts";
import { channels, keys } from "./keys.ts";
import {
  type NewPolicyRevision,
  POLICY_KEEP,
  PolicyBody,
  PolicyPreset,
  type PolicyRevision,
  PolicyRevisionInfo,
} from "./policy-records.ts";
import type { PolicyStorePort } from "./ports.ts";

const Appended = z.union([
  z.tuple([z.literal("added"), z.number(), z.number()]),
  z.tuple([z.literal("conflict"), z.number()]),
]);
/** Host patterns of one sandbox that bridges are told. */
const MOST_HOSTS = 2_000;
const key = keys.principal.policy;

/** Policies of all targets. */
export function policies(connection: Connection): PolicyStorePort {
  const numberOf = (reply: string | null | undefined) => Number(reply ?? 0);

  async function infos(target: string, numbers: readonly number[]): Promise<PolicyRevisionInfo[]> {
    if (numbers.length === 0) return [];
    const fields = numbers.flatMap((number) => [`${number}`, `${number}:at`]);
    const replies = await connection.command((r) => r.hmget(key(target), ...fields));
    return numbers.flatMap((_, i) => {
      const [json, at] = [replies[2 * i], replies[2 * i + 1]];
      // Dropped between the two reads.
      if (json === null || json === undefined) return [];
      const stored = parsed(PolicyRevisionInfo.omit({ createdAt: true }), json, "policy revision");
      return [{ ...stored, createdAt: Number(at) }];
    });
  }

  async function head(target: string): Promise<number> {
    return numberOf(await connection.command((r) => r.hget(key(target), "head")));
  }

  return {
    async heads(targets) {
      return Promise.all(targets.map(head));
    },

    async get(target, wanted) {
      const number = wanted ?? (await head(target));
      if (number === 0) return undefined;
      const [[info], body] = await Promise.all([
        infos(target, [number]),
        connection.command((r) => r.hget(key(target), `${number}:body`)),
      ]);
      return info && body ? { ...info, ...parsed(PolicyBody, body, "policy") } : undefined;
    },

    async list(target) {
      const newest = await head(target);
      const numbers = Array.from({ length: Math.min(newest, POLICY_KEEP) }, (_, i) => newest - i);
      return infos(target, numbers);
    },

    async append(target, expected, revision, imported) {
      const { file, text } = revision;
      const presets = revision.presets.map((preset) => checked(PolicyPreset, preset, "preset"));
      const info = infoOf(expected + 1, revision);
      const reply = await connection.run(
        "policy_append",
        [key(target)],
        [
          expected,
          toJson(info),
          toJson({ file, text, presets }),
          POLICY_KEEP,
          imported?.host ?? "",
          imported?.digest ?? "",
        ],
      );
      const [kind, number, at] = checked(Appended, reply, "policy revision");
      if (kind === "conflict") {
        throw new Fault({
          code: "policy-conflict",
          message: `somebody else changed the policy of ${target}: it is at version ${number}, not ${expected}`,
          hint: "look at it (openshell policy get) and try again",
          retryable: true,
        });
      }
      connection.publish(channels.policy, target);
      const stored: PolicyRevision = { ...info, file, text, presets, createdAt: at ?? 0 };
      return stored;
    },

    async imported(target, host) {
      return (await connection.command((r) => r.hget(key(target), `file:${host}`))) ?? undefined;
    },

    async setImported(target, host, digest) {
      await connection.command((r) => r.hset(key(target), `file:${host}`, digest));
    },

    async showHosts(target, hosts) {
      const json = toJson(hosts.slice(0, MOST_HOSTS));
      await connection.command((r) => r.hset(keys.principal.hosts(target), { shown: json }));
    },

    onPolicyHint: (listener) => connection.subscribe(channels.policy, listener),
  };
}

function infoOf(number: number, revision: NewPolicyRevision) {
  const { hash, by, note, rollbackOf, presets } = revision;
  return {
    v: 1,
    number,
    hash,
    by: by.slice(0, 128),
    note: note.slice(0, 256),
    presets: presets.map(({ name }) => name),
    ...(rollbackOf === undefined ? {} : { rollbackOf }),
  };
}
