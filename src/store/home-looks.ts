/**
 * A bridge's question which files a sandbox has, and the worker's answer: pub/sub both ways, never stored, answered within
 * seconds or not at all. What comes back are the sandbox's words: names to be shown, never paths to be opened.
 */
import { z } from "zod";
import { newId } from "../lib/ids.ts";
import type { Connection } from "./connection.ts";
import { parsed, toJson } from "./json.ts";
import { channels } from "./keys.ts";
import { BridgeId, PrincipalId } from "./records.ts";

/** A sandbox that is awake answers in milliseconds. */
const ANSWER_MS = 4_000;

const Row = z.object({ name: z.string().max(1_024), size: z.number().min(0) });
/** A file as it is listed. */
export type HomeFile = z.infer<typeof Row>;

const Answer = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("files"),
    inbox: z.array(Row).max(1_000),
    outbox: z.array(Row).max(1_000),
  }),
  /** Nobody is disturbed for a list: its agent may be waking now. */
  z.object({ kind: z.literal("asleep") }),
]);
/** What is known of a home. */
export type HomeLook = z.infer<typeof Answer>;

const Question = z.object({ v: z.number(), id: z.string(), bridge: BridgeId, principal: PrincipalId });
const Reply = z.object({ v: z.number(), id: z.string(), answer: Answer });

/** Bridge side. */
export interface HomeLookPort {
  /** Undefined when no worker answers. */
  files(principal: string): Promise<HomeLook | undefined>;
}

/** Worker side. */
export interface HomeAnswerPort {
  /** Answers questions of this host's bridges until the result is called. */
  answer(look: (principal: string) => Promise<HomeLook>): Promise<() => Promise<void>>;
}

/** Questions of one bridge. */
export function homeLooks(connection: Connection, host: string, bridge: string): HomeLookPort {
  const open = new Map<string, (answer: HomeLook) => void>();
  let listening: Promise<unknown> | undefined;
  const listen = () =>
    connection.subscribe(channels.looked(bridge), (json) => {
      const { id, answer } = parsed(Reply, json, "answer about a home");
      open.get(id)?.(answer);
    });
  return {
    async files(principal) {
      listening ??= listen().catch((error: unknown) => {
        listening = undefined;
        throw error;
      });
      await listening;
      const id = newId("l");
      const { promise, resolve } = Promise.withResolvers<HomeLook | undefined>();
      open.set(id, resolve);
      const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
      connection.publish(channels.looks(host), toJson({ v: 1, id, bridge, principal }));
      try {
        return await promise;
      } finally {
        clearTimeout(timer);
        open.delete(id);
      }
    },
  };
}

/** Answers of one host's worker. */
export function homeAnswers(connection: Connection, host: string): HomeAnswerPort {
  return {
    answer: (look) =>
      connection.subscribe(channels.looks(host), (json) => {
        const { id, bridge, principal } = parsed(Question, json, "question about a home");
        look(principal).then(
          (answer) => connection.publish(channels.looked(bridge), toJson({ v: 1, id, answer })),
          // Its asker waits for seconds only.
          () => {},
        );
      }),
  };
}
