/**
 * The guest: what runs beside the agent in every sandbox (README.md). Wires forwarder, agent, turns and host link.
 * Plain Node, no packages. Stays outside the agent's Landlock domain and must never give the agent anything of its own.
 */
import type { Server, Socket } from "node:net";
import { Agent } from "./agent.ts";
import { handleCommand } from "./commands.ts";
import { Execs } from "./execs.ts";
import { startForwarder } from "./forwarder.ts";
import { Gate } from "./gate.ts";
import { HomeWatch } from "./home-watch.ts";
import { HostLink } from "./host-link.ts";
import { LIMITS } from "./limits.ts";
import { log, reason } from "./log.ts";
import { guestPaths, startConfig } from "./paths.ts";
import { type AgentState, CONTROL_VERSION } from "./protocol.ts";
import { runOneshot } from "./run-oneshot.ts";
import { WarmRuns } from "./run-warm.ts";
import type { Turn } from "./turn.ts";
import { Turns } from "./turns.ts";
import { type WarmupModel, warmupModel } from "./warmup.ts";

const paths = guestPaths(process.env);
const start = startConfig(paths);
const gate = new Gate();
let warmup: WarmupModel | undefined;

const agent = new Agent(start, paths, {
  onState(state, detail, ms) {
    log("info", "agent", { state, detail, ...(ms === undefined ? {} : { ms }) });
    tell(detail, ms);
  },
  onEvent: (event) => warm.event(event),
  onLost: (detail) => warm.lost(detail),
  onWarmup(active) {
    warmup?.close();
    warmup = active ? warmupModel() : undefined;
  },
});
const warm = new WarmRuns(agent, start.bootId);
const steer: WarmRuns["steer"] = (turn, id, text) => warm.steer(turn, id, text);
const answer: WarmRuns["answer"] = (ask, decision) => warm.answer(ask, decision);
const turns = new Turns(run, () => link.changed());
const link = new HostLink(paths.controlSocket, {
  hello: () => ({
    type: "hello",
    v: CONTROL_VERSION,
    sandbox: start.sandbox,
    bootId: start.bootId,
    agent: shown(),
    fence: turns.fence,
    turns: turns.describe(),
  }),
  command: (command) =>
    handleCommand(
      {
        home: paths.home,
        egressSocket: paths.egressSocket,
        turns,
        link,
        execs,
        warmUp,
        watchFiles,
        answer,
        steer,
        quiet,
        shutdown,
      },
      command,
    ),
  down: () => execs.closeAll(),
});
const execs: Execs = new Execs(start, paths, (frame) => link.send(frame));
const homeWatch = new HomeWatch(paths.home, (changes, more) => link.send({ type: "files", changes, more }));

/** Runs a turn the way it asks for. A one-shot run waits until the gateway is free, and has the agent for itself. */
async function run(turn: Turn): Promise<void> {
  const alone = turn.request.mode === "oneshot";
  const leave = await gate.enter(alone);
  try {
    if (turn.cancelled) turn.end({ kind: "cancelled" });
    else if (alone) {
      await agent.stop();
      await runOneshot(turn, start, paths);
    } else await warm.run(turn);
  } catch (error) {
    log("error", "turn-broke", { turnId: turn.id, err: reason(error) });
    turn.end({ kind: "failed", code: "guest-error", message: reason(error), retryable: true });
  } finally {
    leave();
    if (agent.state === "warm" && turns.running.length === 0) tell("idle");
  }
}

/** Starts the gateway unless it runs; not beside a one-shot run, which has the state directory for itself. */
async function warmUp(): Promise<void> {
  const leave = await gate.enter(false);
  try {
    await agent.ensure();
  } finally {
    leave();
  }
}

/** `busy` is warm with a turn. */
function shown(): AgentState {
  return agent.state === "warm" && turns.running.length > 0 ? "busy" : agent.state;
}

function tell(detail: string, ms?: number): void {
  link.send({ type: "agent", state: shown(), detail, ...(ms === undefined ? {} : { ms }) });
}

function watchFiles(ms: number): void {
  homeWatch.watch(ms);
}

/** Open connections would not survive a pause: the gateway's are cut, the host's is dialled anew a little later. */
function quiet(): void {
  homeWatch.close();
  for (const client of clients) client.destroy();
  link.rest(LIMITS.quiet);
}

let ending = false;
function shutdown(): void {
  if (ending) return;
  ending = true;
  log("info", "shutdown");
  link.close();
  execs.closeAll();
  void agent.stop().finally(() => process.exit(0));
}

process.on("SIGTERM", shutdown);
process.on("SIGINT", shutdown);
process.on("uncaughtException", (error) => {
  log("error", "guest-crash", { err: reason(error), stack: error.stack });
  process.exit(1);
});

const clients = new Set<Socket>();
const forwarder: Server = await startForwarder(paths.proxyPort, paths.egressSocket, () => warmup);
forwarder.on("connection", (client: Socket) => {
  clients.add(client);
  client.on("close", () => clients.delete(client));
});
link.dial();
warmUp().catch((error) => log("error", "agent-unavailable", { err: reason(error) }));
