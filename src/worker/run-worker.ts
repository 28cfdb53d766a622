/**
 * Puts a worker together: host lease, control thread, sandboxes, doorbell, dispatcher; and takes it apart in order.
 * Everything comes in as parameters: nothing here reads the environment or opens a port.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describeError } from "../lib/errors.ts";
import { OPERATOR_PRINCIPAL } from "../lib/ids.ts";
import type { Logger } from "../lib/logging.ts";
import { ownerName } from "../lib/owner.ts";
import type { Paths } from "../lib/paths.ts";
import { TIMEOUTS } from "../lib/timeouts.ts";
import {
  type AccessReadPort,
  type ApprovalPort,
  type CommandAskPort,
  type DoorbellPort,
  type HomeAnswerPort,
  type HostPort,
  type IngressPort,
  type ProfilePort,
  ShutWatch,
  type TurnContextPort,
  type TurnPort,
  type WishPort,
} from "../store/index.ts";
import { Activity } from "./activity.ts";
import { ColdGate } from "./cold-gate.ts";
import type { WorkerConfig } from "./config.ts";
import { ControlHub } from "./control/hub.ts";
import type { ListenerCaps } from "./control/listener.ts";
import { Dispatcher } from "./dispatcher.ts";
import { FairSlots } from "./fair-slots.ts";
import { lookAtHome } from "./home-look.ts";
import { HostLease } from "./host-lease.ts";
import type { LauncherPort } from "./launcher-port.ts";
import { operatorMethods } from "./operator/methods.ts";
import { serveStreams } from "./operator/stream-server.ts";
import { sandboxSpec } from "./profile-spec.ts";
import { RunningLimits } from "./running-limits.ts";
import { Sandboxes } from "./sandboxes.ts";
import { isShut } from "./shut-turns.ts";
import { SwitchedOff } from "./switched-off.ts";
import { FILE_CAPS, type FileCaps, TurnFiles } from "./turn-files.ts";
import { TurnRun } from "./turn-runner.ts";
import { Wishes } from "./wishes.ts";

/** The parts of the store that a worker uses; `Store` fits. */
export interface WorkerStore {
  turns: TurnPort;
  doorbell: DoorbellPort;
  host: HostPort;
  contexts: TurnContextPort;
  approvals: Pick<ApprovalPort, "list" | "get">;
  commandAsks: CommandAskPort;
  profiles: ProfilePort;
  homeAnswers: HomeAnswerPort;
  wishes: WishPort;
  access: Pick<AccessReadPort, "shut" | "onChange">;
  ingress(bridge: string): Pick<IngressPort, "accept">;
}

/** What a worker needs. */
export interface WorkerOptions {
  paths: Paths;
  config: WorkerConfig;
  store: WorkerStore;
  launcher: LauncherPort;
  hostId: string;
  log: Logger;
  /** Caps of files in chats; default as in config.yaml. */
  files?: FileCaps;
  /** The worker can't go on; the process should end and be restarted. */
  onFatal: (error: Error) => void;
  /** Only for tests. */
  caps?: Partial<ListenerCaps>;
}

/** A worker that was started. */
export interface RunningWorker {
  /** Resolves when it acts for its host (a stand-by may wait long for that), or is closed. */
  ready: Promise<void>;
  /** True while this worker acts for its host. */
  acting(): boolean;
  /** Ends claims, finishes turns or leaves them to the next worker (after 30 s), closes. Agents go on. */
  drain(withinMs?: number): Promise<void>;
  /** Closes at once: running turns are left to the next worker. */
  close(): Promise<void>;
}

/** How often files that nobody took are looked for. */
const SWEEP_MS = 3_600_000;

/** Handlers of rings at once; a handler only claims, it doesn't wait for the turn. */
const RING_LANES = 64;

/** See the module's header. */
export function runWorker(options: WorkerOptions): RunningWorker {
  const { log, config, store, launcher, hostId, paths } = options;
  // Sockets and directories of this process are for nobody else unless it says so.
  process.umask(0o077);
  const owner = ownerName(hostId);
  const slots = new FairSlots(config.concurrency);
  const gate = new ColdGate(config.coldStarts);
  const activity = new Activity();
  // The supervisor has made them, with their owners. Where it didn't: ours.
  for (const dir of Object.values(paths.spool)) mkdirSync(dir, { recursive: true });
  const files = new TurnFiles({ spool: paths.spool, caps: options.files ?? FILE_CAPS, log });
  const off = new SwitchedOff(join(dirname(paths.workerSocket), "off.json"));
  const ready = Promise.withResolvers<void>();
  let acting: Acting | undefined;
  let closing = false;
  let transition: Promise<void> = Promise.resolve();

  const lease = new HostLease({
    port: store.host,
    owner,
    hostId,
    log,
    changed: (now) => {
      transition = transition
        .then(() => (now ? begin() : end()))
        .catch((error: unknown) => {
          options.onFatal(error as Error);
        });
    },
  });
  const wishes = new Wishes({
    ...{ log, wishes: store.wishes, turns: store.turns },
    ingress: (bridge) => store.ingress(bridge),
    acting: () => lease.held(),
  });
  const limits = new RunningLimits(store.profiles, config.runningTurns);
  const mostRunning = (principal: string) => limits.of(principal);
  store.turns.limitRunning(mostRunning);
  const shutOut = new ShutWatch(store.access);
  const dispatcher = new Dispatcher({
    log,
    turns: store.turns,
    owner,
    hostId,
    maxClaimed: config.maxClaimed,
    acting: () => lease.held(),
    paused: () => wishes.paused,
    shut: (turn) => isShut(turn, (principal) => shutOut.has(principal)),
    run: (turn, askedAt, fresh) => {
      const sandbox = acting?.sandboxes.of(turn.principal);
      if (!sandbox) throw new Error("claimed while standing by");
      const deps = {
        log,
        turns: store.turns,
        contexts: store.contexts,
        approvals: store.approvals,
        asks: store.commandAsks,
        launcher,
        slots,
        files,
        activity,
      };
      return new TurnRun(deps, sandbox, turn, askedAt, fresh);
    },
    mostRunning,
    warmLife: (principal) => (slots.hasFree ? (acting?.sandboxes.of(principal)?.warmLife ?? "") : ""),
  });

  async function begin(): Promise<void> {
    if (closing) return;
    off.load();
    const hub = new ControlHub({
      log,
      handOver: (id) => launcher.handOver(id),
      onDeath: options.onFatal,
      ...(options.caps ? { caps: options.caps } : {}),
    });
    const specOf = async (principal: string) =>
      sandboxSpec(principal, await store.profiles.get(principal), config.profile);
    const sandboxes = new Sandboxes(
      {
        ...{ activity, log, paths, hub, launcher, gate, specOf, mode: config.mode, contexts: store.contexts },
        isOff: (id) => off.has(id) || shutOut.has(id),
      },
      config,
    );
    await sandboxes.start();
    const isKnown = async (id: string) =>
      id === OPERATOR_PRINCIPAL || (await store.profiles.get(id)) !== undefined;
    const operator = { log, launcher, sandboxes, off, isKnown, contexts: store.contexts };
    const streams = await serveStreams(paths.workerSocket, operator);
    acting = { hub, sandboxes, undo: [() => streams.close()] };
    await activity.serve({
      path: paths.workerAdminSocket,
      logger: log,
      methods: operatorMethods(operator),
      now: () => sandboxes.now(),
      looked: () => sandboxes.watchFiles(),
    });
    await shutOut.start();
    const unlisten = shutOut.onChange((principal, shut) => {
      if (shut) shutDown(principal, sandboxes);
    });
    acting.undo.push(async () => {
      unlisten();
      await shutOut.close();
    });
    await wishes.first();
    wishes.start();
    const swept = setInterval(() => void sweep(), SWEEP_MS);
    acting.undo.push(async () => clearInterval(swept));
    void sweep();
    dispatcher.open();
    acting.undo.push(
      await store.turns.onCancelHint((conversation) => dispatcher.cancelHint(conversation)),
      await store.turns.onWakeHint((principal) => sandboxes.predict(principal)),
      await store.homeAnswers.answer((principal) =>
        lookAtHome(sandboxes.of(principal), () => sandboxes.predict(principal)),
      ),
    );
    const bell = await store.doorbell.listen((conversation) => dispatcher.ring(conversation), RING_LANES);
    acting.undo.push(() => bell.close());
    ready.resolve();
    log.info("worker is ready");
  }

  /** Its turns, in groups too, end at once, as if stopped; what runs on in its sandbox ends with that. */
  function shutDown(principal: string, sandboxes: Sandboxes): void {
    log.info({ principal }, "shut out");
    dispatcher.cancelShut();
    const end = async () => {
      if (shutOut.has(principal) && (await launcher.inspect(principal)))
        await sandboxes.of(principal).end("shut out", "agent-stopped");
    };
    const failed = (error: unknown) => log.warn({ principal, err: error }, "sandbox could not be stopped");
    setTimeout(() => void end().catch(failed), TIMEOUTS.cancelKill + 1_000).unref();
  }

  const sweep = () =>
    files.sweep().catch((error: unknown) => log.warn({ err: error }, "the spool could not be swept"));

  async function end(): Promise<void> {
    if (!acting) return;
    const { hub, sandboxes, undo } = acting;
    acting = undefined;
    wishes.stop();
    dispatcher.stopClaims();
    dispatcher.detachAll();
    await activity.close();
    sandboxes.close();
    await hub.close();
    for (const one of undo)
      await one().catch((error: unknown) => log.debug({ reason: describeError(error) }, "closing"));
  }

  async function shut(): Promise<void> {
    closing = true;
    await transition;
    await end();
    // Last of all, so that a stand-by finds a host at rest.
    await lease.release();
    ready.resolve();
  }

  lease.start();
  return {
    ready: ready.promise,
    acting: () => acting !== undefined && lease.held(),
    async drain(withinMs = TIMEOUTS.drainTurns) {
      dispatcher.stopClaims();
      await dispatcher.finishOrDetach(withinMs);
      await shut();
    },
    close: shut,
  };
}

interface Acting {
  hub: ControlHub;
  sandboxes: Sandboxes;
  undo: (() => Promise<void>)[];
}
