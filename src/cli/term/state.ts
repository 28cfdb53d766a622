/**
 * All that the screen of `openshell term` shows, as one value, and how news change it. Pure: nothing here knows a
 * terminal, a socket or a clock.
 */
import type { GatewayActivity } from "../../gateway/index.ts";
import type { ApprovalRecord } from "../../store/index.ts";
import type { SandboxNow, WorkerActivity } from "../../worker/index.ts";
import { gatewayRow, type Placed, type Row, type RowPane, workerRows } from "./rows.ts";

/** Panes in the order of their number keys. */
export const PANES = ["sandboxes", "approvals", "requests", "files", "inference"] as const;
export type Pane = (typeof PANES)[number];

/** Who is asked for news. */
export type SourceName = "gateway" | "worker" | "launcher";

/** How a source is. */
export interface Source {
  readonly state: "unasked" | "up" | "down";
  /** Why it is down, and since when. */
  readonly why: string;
  readonly since: number;
}

/** A sandbox as it is shown. */
export interface SandboxRow {
  readonly id: string;
  readonly name: string;
  /** `cold`, `waking`, `warm`, `busy`, `parked`, … */
  readonly state: string;
  readonly detail: Row["detail"];
}

/** Something to tell the operator, until the next one. */
export interface Notice {
  readonly text: string;
  readonly tone: "good" | "bad" | "warn";
  readonly at: number;
}

/** See the module's header. */
export interface State {
  readonly now: number;
  readonly sources: Readonly<Record<SourceName, Source>>;
  readonly sandboxes: readonly SandboxRow[];
  readonly rows: Readonly<Record<RowPane, readonly Row[]>>;
  /** Pending ones, oldest first. */
  readonly approvals: readonly ApprovalRecord[];
  /** Why approvals can't be listed; "" when they can. */
  readonly approvalsWhy: string;
  readonly focus: Pane;
  /** Id of the chosen row per pane; absent: the newest one, also when a newer one comes. */
  readonly chosen: Readonly<Partial<Record<Pane, string>>>;
  readonly filter: string;
  readonly typing: boolean;
  readonly overlay: "none" | "help" | "detail";
  /** The card that the question box shows, and since when: a key that comes too soon after a change decides nothing. */
  readonly question: { readonly id: string; readonly since: number };
  /** The risky card for which Always is asked once more. */
  readonly confirming: string;
  /** The card whose decision is under way. */
  readonly deciding: string;
  readonly notice: Notice | undefined;
  /** Life of each source, to notice a restart. */
  readonly epochs: Readonly<Partial<Record<SourceName, string>>>;
  /** Cards that ended lately: an older list must not bring them back. */
  readonly ended: readonly string[];
}

/** What came in. */
export type News =
  | { type: "gateway"; epoch: string; items: readonly GatewayActivity[]; missed: number; at: number }
  | {
      type: "worker";
      epoch: string;
      items: readonly WorkerActivity[];
      missed: number;
      sandboxes: readonly SandboxNow[];
      at: number;
    }
  | { type: "launcher"; sandboxes: readonly { id: string; name: string; state: string }[]; at: number }
  | { type: "down"; source: SourceName; why: string; at: number }
  | { type: "approvals"; approvals: readonly ApprovalRecord[]; at: number }
  | { type: "approvals-unknown"; why: string; at: number }
  | { type: "decided"; id: string; text: string; won: boolean; at: number }
  | { type: "tick"; at: number };

/** Rows that a pane keeps. */
const KEPT = 500;
const ENDED_KEPT = 200;

/** The empty screen. */
export function initialState(now: number): State {
  const source: Source = { state: "unasked", why: "", since: now };
  return {
    ...{
      now,
      sandboxes: [],
      rows: { requests: [], files: [], inference: [] },
      approvals: [],
      approvalsWhy: "",
    },
    sources: { gateway: source, worker: source, launcher: source },
    ...{ focus: "requests", chosen: {}, filter: "", typing: false, overlay: "none" },
    ...{
      question: { id: "", since: now },
      confirming: "",
      deciding: "",
      notice: undefined,
      epochs: {},
      ended: [],
    },
  };
}

/** The state after some news. */
export function reduce(state: State, news: News): State {
  const next = apply({ ...state, now: Math.max(state.now, news.at) }, news);
  return asked(next);
}

function apply(state: State, news: News): State {
  switch (news.type) {
    case "tick":
      return state;
    case "gateway": {
      const seen = heard(state, "gateway", news.epoch, news.at);
      const rows = news.items.flatMap((item) => (item.kind === "approval" ? [] : [gatewayRow(item)]));
      const cards = news.items.flatMap((item) => (item.kind === "approval" ? [item.record] : []));
      return missed(cards.reduce(card, placed(seen, rows)), news.missed);
    }
    case "worker": {
      const seen = heard(state, "worker", news.epoch, news.at);
      return missed(withPhases(placed(seen, news.items.flatMap(workerRows)), news.sandboxes), news.missed);
    }
    case "launcher":
      return withSandboxes(heard(state, "launcher", "", news.at), news.sandboxes);
    case "down": {
      const was = state.sources[news.source];
      const since = was.state === "down" ? was.since : news.at;
      return {
        ...state,
        sources: { ...state.sources, [news.source]: { state: "down", why: news.why, since } },
      };
    }
    case "approvals": {
      const open = news.approvals.filter(({ approvalId }) => !state.ended.includes(approvalId));
      const newer = (record: ApprovalRecord) => {
        const known = state.approvals.find(({ approvalId }) => approvalId === record.approvalId);
        return known && known.rev > record.rev ? known : record;
      };
      return { ...state, approvals: sorted(open.map(newer)), approvalsWhy: "" };
    }
    case "approvals-unknown":
      return { ...state, approvalsWhy: news.why };
    case "decided": {
      const notice: Notice = { text: news.text, tone: news.won ? "good" : "warn", at: news.at };
      const deciding = state.deciding === news.id ? "" : state.deciding;
      return { ...state, notice, deciding };
    }
  }
}

/** A source answered; another life than before is said. */
function heard(state: State, name: SourceName, epoch: string, at: number): State {
  const before = state.epochs[name];
  const was = state.sources[name];
  const sources: State["sources"] =
    was.state === "up" ? state.sources : { ...state.sources, [name]: { state: "up", why: "", since: at } };
  const restarted = before !== undefined && before !== epoch;
  const back = was.state === "down" ? `${name} is back` : "";
  const text = restarted ? `${name} was restarted; what it did meanwhile is in its records` : back;
  return {
    ...state,
    sources,
    epochs: { ...state.epochs, [name]: epoch },
    ...(text ? { notice: { text, tone: "warn", at } } : {}),
  };
}

function missed(state: State, count: number): State {
  if (count === 0) return state;
  const text = `${count} things came too fast to be shown; nemoclaw audit tail has all decisions`;
  return { ...state, notice: { text, tone: "warn", at: state.now } };
}

/** Adds rows; news of a known thing takes its place, a decision takes the place of the oldest that waited for it. */
function placed(state: State, news: readonly Placed[]): State {
  if (news.length === 0) return state;
  const rows: Record<RowPane, Row[]> = {
    requests: [...state.rows.requests],
    files: [...state.rows.files],
    inference: [...state.rows.inference],
  };
  for (const { pane, row, answers } of news) {
    const list = rows[pane];
    const same = row.lead === "ask" ? -1 : list.findLastIndex(({ id }) => id === row.id);
    const waiting = answers === undefined ? -1 : list.findIndex(({ id }) => id === answers);
    const known = same >= 0 ? same : waiting;
    if (known < 0) list.push(row);
    // A thing stays where it began, under the time at which it began.
    else if (pane === "files" && !row.id.startsWith("tool ")) {
      list.splice(known, 1);
      list.push(row);
    } else list[known] = { ...row, at: list[known]!.at };
  }
  for (const list of Object.values(rows)) list.splice(0, list.length - KEPT);
  return { ...state, rows };
}

function card(state: State, record: ApprovalRecord): State {
  const { approvalId } = record;
  const others = state.approvals.filter((one) => one.approvalId !== approvalId);
  const known = state.approvals.find((one) => one.approvalId === approvalId);
  if (known && known.rev > record.rev) return state;
  if (record.state === "pending") {
    if (state.ended.includes(approvalId)) return state;
    return { ...state, approvals: sorted([...others, record]) };
  }
  return { ...state, approvals: others, ended: [...state.ended, approvalId].slice(-ENDED_KEPT) };
}

const sorted = (records: ApprovalRecord[]) =>
  records.sort((a, b) => a.createdAt - b.createdAt || (a.approvalId < b.approvalId ? -1 : 1));

/** What the launcher says of them; phases are kept where the worker told one. */
function withSandboxes(state: State, told: readonly { id: string; name: string; state: string }[]): State {
  const sandboxes = told
    .map(({ id, name, state: driver }): SandboxRow => {
      const known = state.sandboxes.find((one) => one.id === id);
      const asleep = driver === "stopped" ? "cold" : driver === "parked" ? "parked" : undefined;
      const detail: Row["detail"] = [
        ["Name", name],
        ["Id", id],
        ["State", driver],
        ...(known?.detail.filter(([label]) => label === "Agent" || label === "Turns") ?? []),
      ];
      return {
        id,
        name,
        state: asleep ?? (known && known.state !== "cold" ? known.state : "running"),
        detail,
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...state, sandboxes };
}

/** What the worker says of those that it knows. */
function withPhases(state: State, told: readonly SandboxNow[]): State {
  const byId = new Map(told.map((one) => [one.id, one]));
  const unnamed = told.filter(({ id }) => !state.sandboxes.some((one) => one.id === id));
  const all = [
    ...state.sandboxes,
    ...unnamed.map(({ id }): SandboxRow => ({ id, name: id, state: "cold", detail: [["Id", id]] })),
  ];
  const sandboxes = all.map((sandbox): SandboxRow => {
    const now = byId.get(sandbox.id);
    if (!now) return sandbox;
    const state = now.turns > 0 && now.phase === "warm" ? "busy" : now.phase;
    const others = sandbox.detail.filter(([label]) => label !== "Agent" && label !== "Turns");
    return { ...sandbox, state, detail: [...others, ["Agent", now.agent], ["Turns", String(now.turns)]] };
  });
  return { ...state, sandboxes };
}

/** Which card is asked about: the chosen one, else the oldest. Changes of it are noted with their time. */
function asked(state: State): State {
  const chosen = state.approvals.find(({ approvalId }) => approvalId === state.chosen.approvals);
  const id = (chosen ?? state.approvals[0])?.approvalId ?? "";
  if (id === state.question.id) return state;
  return { ...state, question: { id, since: state.now }, confirming: "" };
}

/** The state after a change of choice: the question may be another one. */
export const withQuestion = asked;

/** The card that is asked about. */
export function currentCard(state: State): ApprovalRecord | undefined {
  return state.approvals.find(({ approvalId }) => approvalId === state.question.id);
}

/** A sandbox's name, or how its id begins. */
export function nameOf(state: Pick<State, "sandboxes">, id: string): string {
  return state.sandboxes.find((one) => one.id === id)?.name ?? id.slice(0, 8);
}
