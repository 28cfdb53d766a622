/**
 * What the gateway needs from others, as narrow as it is used. The store's ports of the same names (src/store) and
 * the launcher's client fit as they are; tests bring in-memory ones. No implementation lives here.
 */

import type { Delivery } from "../store/index.ts";

/** A running turn of a sandbox as the gateway may know it (RELIABILITY §5): opaque ids. */
export interface RunningTurn {
  turnId: string;
  kind: "turn" | "warmup";
  scopeId: string;
  /** `<provider>/<model>` that the conversation's people chose: a wish, checked against the configuration. */
  model?: string | undefined;
  /** Where a card about it goes: opaque, copied into the card unread. Absent: nobody can be asked. */
  conversation?: string | undefined;
  bridge?: string | undefined;
  deliver?: Delivery | undefined;
}

/** Which turns a principal has now. Must leave out expired ones and put the newest first. */
export interface TurnsPort {
  current(principal: string): Promise<RunningTurn[]>;
}

/** Model choice and budgets of a principal; undefined = the configuration's defaults. */
export interface ProfilesPort {
  get(principal: string): Promise<
    | {
        provider?: string | undefined;
        model?: string | undefined;
        dailyTokens?: number | undefined;
        dailyMicros?: number | undefined;
      }
    | undefined
  >;
}

/** Budget accounting. Reservations must survive a gateway crash and count until settled. */
export interface UsagePort {
  reserve(
    principal: string,
    reservation: { id: string; tokens: number; micros: number },
    budget: { tokens?: number; micros?: number },
  ): Promise<{ kind: "ok" } | { kind: "denied"; reason: "tokens" | "micros"; used: number; limit: number }>;
  /** Must be repeatable: it is retried until it succeeds. */
  settle(
    principal: string,
    reservationId: string,
    used: {
      model: string;
      input: number;
      output: number;
      micros: number;
      estimated: boolean;
      turnId: string;
    },
  ): Promise<void>;
}

/** A sandbox as far as its socket is concerned. */
export interface SandboxSocket {
  id: string;
  runName: string;
}

/** The launcher as the gateway sees it (`launcher/protocol.ts`, role gateway). */
export interface LauncherPort {
  /**
   * Calls back for every sandbox, first all, then each change; `null` = destroyed. Must reconnect by itself and then
   * report all again.
   */
  watch(listener: (sandboxId: string, info: SandboxSocket | null) => void): Promise<void>;
  /** Gives the egress socket of that sandbox to its uid, mode 0600. */
  handOver(sandboxId: string): Promise<unknown>;
  /** Program of that sandbox whose connection to the proxy has this source port; undefined when unknown. May reject. */
  programOf(sandboxId: string, port: number): Promise<string | undefined>;
  close(): Promise<void> | void;
}
