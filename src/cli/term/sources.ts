/**
 * Where the news come from: the gateway's and the worker's feeds (waited for), the launcher's list, open approvals. Each
 * goes on by itself when its process or Redis is away, says so, and comes back by itself. Reads and decides; never writes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { adminCall, type GatewayActivity } from "../../gateway/index.ts";
import { describeError, Fault } from "../../lib/errors.ts";
import type { FeedPage } from "../../lib/feed.ts";
import type { Paths } from "../../lib/paths.ts";
import { LauncherClient } from "../../sandbox/index.ts";
import type { ApprovalRecord } from "../../store/index.ts";
import type { SandboxNow, WorkerActivity } from "../../worker/index.ts";
import { approvalLine } from "../approvals/lines.ts";
import { knownSandboxes } from "../names/registry.ts";
import type { Effect } from "./keys.ts";
import type { News, SourceName } from "./state.ts";

/** How long a feed is waited for; sandboxes' states come with the worker's, so it is asked more often. */
const GATEWAY_WAIT_MS = 10_000;
const WORKER_WAIT_MS = 2_000;
/** A page at most this often: a busy host is shown in steps. */
const PAGE_GAP_MS = 100;
/** A process that is away is asked again after this. */
const AGAIN_MS = 700;
/** The whole list of approvals, besides the changes that the feed tells. */
const APPROVALS_MS = 5_000;
const LAUNCHER_MS = 3_000;
const ANSWER_MS = 5_000;

type Decision = Extract<Effect, { do: "decide" }>;

/** The running sources. */
export interface Sources {
  /** Decides a card; what became of it comes as news. */
  decide(decision: Decision): void;
  close(): void;
}

/** Starts them. `tell` is called with all news, one after the other. */
export function startSources(paths: Paths, tell: (news: News) => void): Sources {
  const end = new AbortController();
  const { signal } = end;
  const launcher = new LauncherClient({ socket: paths.launcher.operatorSocket, timeoutMs: ANSWER_MS });
  const say = (news: News) => {
    if (!signal.aborted) tell(news);
  };

  /** Repeats `ask` for ever; a failure is told, and the next try comes a little later. */
  async function loop(source: SourceName, gapMs: number, ask: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      let pause = gapMs;
      try {
        await ask();
      } catch (error) {
        say({ type: "down", source, why: why(error), at: Date.now() });
        pause = AGAIN_MS;
      }
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
  }

  /** Reads a feed from where the last page ended. */
  function reader<T, More = unknown>(socket: string, waitMs: number, who: string) {
    let place: { epoch?: string; after?: number } = {};
    return async () => {
      const options = { timeoutMs: waitMs + ANSWER_MS, who, signal };
      const page = await adminCall<FeedPage<T> & More>(
        socket,
        "activity.read",
        { ...place, waitMs },
        options,
      );
      // The first look must not wait, or a quiet process would seem to be away.
      place = { epoch: page.epoch, after: page.seq };
      return page;
    };
  }

  const readGateway = reader<GatewayActivity>(paths.adminSocket, GATEWAY_WAIT_MS, "the gateway");
  const readWorker = reader<WorkerActivity, { sandboxes: SandboxNow[] }>(
    paths.workerAdminSocket,
    WORKER_WAIT_MS,
    "the worker",
  );
  let life = "";
  void loop("gateway", PAGE_GAP_MS, async () => {
    const { epoch, items, missed } = await readGateway();
    say({ type: "gateway", epoch, items, missed, at: Date.now() });
    if (life !== epoch) void listApprovals();
    life = epoch;
  });
  void loop("worker", PAGE_GAP_MS, async () => {
    const { epoch, items, missed, sandboxes } = await readWorker();
    say({ type: "worker", epoch, items, missed, sandboxes, at: Date.now() });
  });
  void loop("launcher", LAUNCHER_MS, async () => {
    const running = await launcher.list();
    // Names are the operator's, not the launcher's.
    const names = new Map(knownSandboxes(paths).sandboxes.map(({ id, name }) => [id, name]));
    const sandboxes = running.map(({ id, name, state }) => ({ id, state, name: names.get(id) ?? name }));
    say({ type: "launcher", sandboxes, at: Date.now() });
  });

  async function listApprovals(): Promise<void> {
    try {
      const options = { timeoutMs: ANSWER_MS, signal };
      const { approvals } = await adminCall<{ approvals: ApprovalRecord[] }>(
        paths.adminSocket,
        "approvals.list",
        {},
        options,
      );
      say({ type: "approvals", approvals, at: Date.now() });
    } catch (error) {
      // A gateway that is away says so by itself; here it is the store.
      if (error instanceof Fault && error.code === "service-not-running") return;
      say({ type: "approvals-unknown", why: why(error), at: Date.now() });
    }
  }
  const listing = setInterval(() => void listApprovals(), APPROVALS_MS);
  const ticking = setInterval(() => say({ type: "tick", at: Date.now() }), 1_000);

  async function decide({ id, verb }: Decision): Promise<void> {
    try {
      const outcome = await adminCall<{ kind: string; record: ApprovalRecord } | null>(
        paths.adminSocket,
        "approvals.decide",
        { id, verb },
        { timeoutMs: ANSWER_MS },
      );
      const won = outcome?.kind === "done" || outcome?.kind === "next-try";
      const text = outcome ? approvalLine(outcome.record, Date.now()) : `${id} is gone`;
      say({ type: "decided", id, won, text: won ? `✓ ${text}` : `Not changed: ${text}`, at: Date.now() });
    } catch (error) {
      say({ type: "decided", id, won: false, text: `Not decided: ${why(error)}`, at: Date.now() });
    }
    await listApprovals();
  }

  return {
    decide: (decision) => void decide(decision),
    close() {
      end.abort();
      clearInterval(listing);
      clearInterval(ticking);
      launcher.close();
    },
  };
}

/** What went wrong, with what to do about it. */
function why(error: unknown): string {
  if (error instanceof Fault) return error.hint ? `${error.message} (${error.hint})` : error.message;
  return describeError(error);
}
