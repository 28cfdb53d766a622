/**
 * Runs turns on the warm gateway: `chat.send`, events back, `chat.abort`; a run that doesn't stop when asked has its
 * tools killed after 1 s and its agent after 3 s. Owns which run belongs to which turn.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Agent } from "./agent.ts";
import { PROVIDER } from "./agent-config.ts";
import { type CommandAsk, readCommandAsk } from "./command-ask.ts";
import { type GatewayClient, type GatewayEvent, GatewayRefusal } from "./gateway-client.ts";
import { LIMITS } from "./limits.ts";
import { log, reason } from "./log.ts";
import { killTools, ticks } from "./processes.ts";
import { type CommandDecision, MODEL_ALIAS } from "./protocol.ts";
import type { LastEvent, Turn } from "./turn.ts";
import { TurnRuns } from "./turn-runs.ts";
import { TurnRefused } from "./turns.ts";

/** A turn that was given to the agent. */
interface AgentLink {
  turn: Turn;
  client: GatewayClient;
  /** Resolves when OpenClaw has the turn's own message. */
  sent: Promise<unknown>;
  /** Its own run, and one for each message that was steered into it. It ends when all have. */
  runs: TurnRuns;
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

    const runs = new TurnRuns((event) => turn.emit(event));
    const link: AgentLink = { turn, client, runs, sent: Promise.resolve(), aborted: { kind: "cancelled" } };
    runs.add(turn.id);
    this.#links.set(turn.id, link);
    const began = ticks();
    const limit = setTimeout(() => {
      const message = `no answer within ${Math.round(turn.request.timeoutMs / 1000)} s`;
      if (!turn.cancelled) link.aborted = { kind: "failed", code: "turn-timeout", message, retryable: false };
      void this.#stopRun(client, link, began);
    }, turn.request.timeoutMs);
    void turn.cancelAsked.then(() => this.#stopRun(client, link, began));
    const sessionKey = agentSession(turn.request.sessionKey);
    link.sent = this.#send(client, turn, sessionKey).catch((error) => {
      if (turn.done || !this.#links.has(turn.id)) return;
      turn.end({ kind: "failed", code: "agent-refused", message: reason(error), retryable: true });
    });
    await turn.ended;
    clearTimeout(limit);
    for (const id of runs.ids) this.#links.delete(id);
  }

  /** Where a model was chosen for the conversation, its session calls it by that name from now on. */
  async #send(client: GatewayClient, turn: Turn, sessionKey: string): Promise<unknown> {
    const { text, model } = turn.request;
    if (model !== undefined && MODEL_ALIAS.test(model))
      await client
        .request("sessions.patch", { key: sessionKey, model: `${PROVIDER}/${model}` })
        .catch((error) => log("warn", "model-not-chosen", { turnId: turn.id, err: reason(error) }));
    if (turn.cancelled) return turn.end({ kind: "cancelled" });
    return client.request("chat.send", { message: text, sessionKey, idempotencyKey: turn.id });
  }

  /**
   * Puts a message before the agent of a running turn. OpenClaw gives it a run of its own: that ends without a word when
   * the running one takes the message in at its next step, and answers by itself when that had ended already.
   */
  steer(turn: Turn, steer: number, text: string): void {
    const runId = `${turn.id}.${steer}`;
    const link = this.#links.get(turn.id);
    if (link?.runs.ids.includes(runId)) return;
    if (!link || turn.done || turn.cancelled || typeof text !== "string" || !Number.isInteger(steer))
      throw new TurnRefused("not-steerable", "the turn takes no more messages");
    // Said before it is sent: whoever comes after a crash must not send it again.
    turn.emit({ kind: "steer", steer, taken: true });
    link.runs.add(runId);
    this.#links.set(runId, link);
    const sessionKey = agentSession(turn.request.sessionKey);
    const message = { message: text, sessionKey, idempotencyKey: runId, queueMode: "steer" };
    link.sent
      .then(() => link.client.request("chat.send", message))
      .catch((error) => {
        if (!(error instanceof GatewayRefusal) || turn.done) return;
        log("warn", "steer-refused", { turnId: turn.id, err: reason(error) });
        turn.emit({ kind: "steer", steer, taken: false });
        link.runs.drop(runId);
        this.#settle(link);
      });
  }

  /** Takes every event of the gateway; those of other runs are ignored. */
  event({ event, payload }: GatewayEvent): void {
    const ask = readCommandAsk({ event, payload });
    if (ask) this.#ask(ask);
    const runId = String(payload["runId"]);
    const link = ask ? undefined : this.#links.get(runId);
    if (link?.runs.event(runId, event, payload)) this.#settle(link);
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
    for (const { turn, runs } of this.#links.values()) {
      runs.end();
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

  /** Ends the turn when all its runs have. */
  #settle({ turn, runs, aborted }: AgentLink): void {
    const outcome = runs.outcome;
    if (!outcome || turn.done) return;
    runs.end();
    if (outcome.kind === "final" && !turn.cancelled) turn.end({ kind: "final", text: outcome.text });
    else if (turn.cancelled || outcome.kind === "aborted") turn.end(aborted);
    else if (outcome.kind === "error")
      turn.end({
        kind: "failed",
        code: "agent-error",
        message: outcome.message,
        retryable: outcome.retryable,
      });
  }

  /** Asks, then kills the turn's tools, then the agent. */
  async #stopRun(client: GatewayClient, { turn, runs, aborted }: AgentLink, began: number): Promise<void> {
    if (turn.done) return;
    const sessionKey = agentSession(turn.request.sessionKey);
    const abort = () =>
      client
        // With messages steered into it, all of the session: one that still waits would run by itself.
        .request("chat.abort", { sessionKey, ...(runs.ids.length > 1 ? {} : { runId: turn.id }) })
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
