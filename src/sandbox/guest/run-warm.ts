/**
 * Runs turns on the warm gateway: `chat.send`, events back, `chat.abort`; a run that doesn't stop when asked has its
 * tools killed after 1 s and its agent after 3 s. Owns which run belongs to which turn.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Agent } from "./agent.ts";
import { type CommandAsk, readCommandAsk } from "./command-ask.ts";
import type { GatewayClient, GatewayEvent } from "./gateway-client.ts";
import { LIMITS } from "./limits.ts";
import { log, reason } from "./log.ts";
import { killTools, ticks } from "./processes.ts";
import type { CommandDecision } from "./protocol.ts";
import type { LastEvent, Turn } from "./turn.ts";
import { type Outcome, TurnMapper } from "./turn-mapper.ts";

/** A turn that was given to the agent. */
interface AgentLink {
  turn: Turn;
  mapper: TurnMapper;
  /** How the turn ends when its run is aborted or has to be killed. */
  aborted: LastEvent;
}

/** OpenClaw's key of our session: its own form `explicit:<id>`, lower case and short whatever the host's key is. */
export function agentSession(sessionKey: string): string {
  return `agent:main:explicit:c-${createHash("sha256").update(sessionKey).digest("hex").slice(0, 32)}`;
}

/** Runs of the warm gateway, by turnId. */
export class WarmRuns {
  readonly #agent: Agent;
  readonly #bootId: string;
  readonly #links = new Map<string, AgentLink>();
  /** Commands that wait for a person's word, by OpenClaw's id. */
  readonly #asks = new Map<string, Turn>();

  constructor(agent: Agent, bootId: string) {
    this.#agent = agent;
    this.#bootId = bootId;
  }

  /** Runs one turn to its end. Never rejects. */
  async run(turn: Turn): Promise<void> {
    let client: GatewayClient | undefined;
    try {
      client = await Promise.race([this.#agent.ensure(), turn.cancelAsked.then(() => undefined)]);
    } catch (error) {
      turn.end({ kind: "failed", code: "agent-start", message: reason(error), retryable: true });
    }
    if (!client) return turn.end({ kind: "cancelled" });

    const mapper = new TurnMapper((event) => turn.emit(event));
    const link: AgentLink = { turn, mapper, aborted: { kind: "cancelled" } };
    this.#links.set(turn.id, link);
    const began = ticks();
    const limit = setTimeout(() => {
      const message = `no answer within ${Math.round(turn.request.timeoutMs / 1000)} s`;
      if (!turn.cancelled) link.aborted = { kind: "failed", code: "turn-timeout", message, retryable: false };
      void this.#stopRun(client, link, began);
    }, turn.request.timeoutMs);
    void turn.cancelAsked.then(() => this.#stopRun(client, link, began));
    const sessionKey = agentSession(turn.request.sessionKey);
    client
      .request("chat.send", { message: turn.request.text, sessionKey, idempotencyKey: turn.id })
      .catch((error) => {
        if (turn.done || !this.#links.has(turn.id)) return;
        turn.end({ kind: "failed", code: "agent-refused", message: reason(error), retryable: true });
      });
    await turn.ended;
    clearTimeout(limit);
    this.#links.delete(turn.id);
  }

  /** Takes every event of the gateway; those of other runs are ignored. */
  event({ event, payload }: GatewayEvent): void {
    const ask = readCommandAsk({ event, payload });
    if (ask) this.#ask(ask);
    const link = ask ? undefined : this.#links.get(String(payload["runId"]));
    if (!link) return;
    if (event === "agent") link.mapper.agent(payload);
    const outcome = event === "chat" ? link.mapper.chat(payload) : undefined;
    if (outcome) this.#settle(link, outcome);
  }

  /** A person's word about a command. One that is over already, or isn't known any more, is no error. */
  async answer(ask: string, decision: CommandDecision): Promise<void> {
    if (!this.#asks.has(ask)) return;
    const client = await this.#agent.ensure();
    await client.request("exec.approval.resolve", { id: ask, decision }).catch((error) => {
      log("warn", "answer-refused", { err: reason(error) });
    });
  }

  /** The agent died: what ran on it is lost, once. Turns that still wait for it go on waiting. */
  lost(detail: string): void {
    for (const { turn, mapper } of this.#links.values()) {
      mapper.end();
      if (turn.cancelled) turn.end({ kind: "cancelled" });
      else turn.end({ kind: "failed", code: "agent-crashed", message: detail, retryable: true });
    }
  }

  #ask(ask: CommandAsk): void {
    if (ask.kind === "over") {
      this.#asks.get(ask.ask)?.emit({ kind: "ask-over", ask: ask.ask });
      this.#asks.delete(ask.ask);
      return;
    }
    const turn = this.#links.get(ask.runId)?.turn;
    if (!turn || turn.done) return;
    this.#asks.set(ask.event.ask, turn);
    turn.emit(ask.event);
    void turn.ended.then(() => this.#asks.delete(ask.event.ask));
  }

  #settle({ turn, mapper, aborted }: AgentLink, outcome: Outcome): void {
    mapper.end();
    if (outcome.kind === "final") turn.end({ kind: "final", text: outcome.text });
    else if (turn.cancelled || outcome.kind === "aborted") turn.end(aborted);
    else
      turn.end({
        kind: "failed",
        code: "agent-error",
        message: outcome.message,
        retryable: outcome.retryable,
      });
  }

  /** Asks, then kills the turn's tools, then the agent. */
  async #stopRun(client: GatewayClient, { turn, aborted }: AgentLink, began: number): Promise<void> {
    if (turn.done) return;
    const sessionKey = agentSession(turn.request.sessionKey);
    const abort = () =>
      client
        .request("chat.abort", { sessionKey, runId: turn.id })
        .catch((error) => log("warn", "abort-refused", { err: reason(error) }));
    void abort();
    if (await endsWithin(turn, LIMITS.cancelSoft)) return;
    // Again: the first may have come before the run was known there.
    void abort();
    const tools = killTools(this.#bootId, began);
    log("warn", "run-not-stopped", { turnId: turn.id, tools });
    if (await endsWithin(turn, LIMITS.cancelKill - LIMITS.cancelSoft)) return;
    log("error", "agent-killed", { turnId: turn.id });
    turn.end(aborted);
    this.#agent.kill();
  }
}

async function endsWithin(turn: Turn, ms: number): Promise<boolean> {
  await Promise.race([turn.ended, sleep(ms)]);
  return turn.done;
}
