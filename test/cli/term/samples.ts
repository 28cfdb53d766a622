/** A busy afternoon, as gateway, worker and launcher would tell it. Times are fixed, in UTC. */

import { initialState, type News, reduce, type State } from "../../../src/cli/term/state.ts";
import type { GatewayActivity } from "../../../src/gateway/index.ts";
import type { ApprovalRecord } from "../../../src/store/index.ts";
import type { WorkerActivity } from "../../../src/worker/index.ts";

process.env["TZ"] = "UTC";

export const T0 = Date.UTC(2026, 10, 26, 12, 0, 0);
export const ANN = `p_${"a".repeat(20)}`;
export const BOB = `p_${"b".repeat(20)}`;

type AuditRow = Extract<GatewayActivity, { kind: "request" }>["row"];

export const row = (more: Partial<AuditRow> = {}): AuditRow => ({
  ...{ event: "decision", id: "c1", sandboxId: ANN, scheme: "tunnel", host: "api.example.com", port: 443 },
  ...{ verdict: "allow", reason: "rule_allows" },
  ...more,
});
export const request = (second: number, more: Partial<AuditRow> = {}): GatewayActivity => ({
  kind: "request",
  at: T0 + second * 1_000,
  row: row(more),
});
export const asked = (second: number, more: object = {}): GatewayActivity => ({
  kind: "asked",
  at: T0 + second * 1_000,
  question: {
    ...{ sandboxId: ANN, scheme: "tunnel", host: "api.example.com", kind: "name", idn: false, port: 443 },
    ...{ policyHash: "h", binary: "/usr/bin/curl" },
    ...more,
  },
});
export const call = (second: number, more: object = {}): GatewayActivity => ({
  ...{
    kind: "inference",
    at: T0 + second * 1_000,
    ref: `inf_${second}`,
    sandboxId: ANN,
    turnId: "t_1",
    ms: 812,
  },
  ...{ verdict: "ok", provider: "defapi", model: "claude-sonnet-4.5", attempts: 1, input: 1_234, output: 45 },
  ...more,
});
export const tool = (second: number, more: object = {}): WorkerActivity => ({
  ...{ at: T0 + second * 1_000, sandboxId: ANN, turnId: "t_1", kind: "tool", phase: "start", id: "x1" },
  ...{ name: "read", summary: "notes/todo.md" },
  ...more,
});
export const files = (second: number, changes: [op: string, path: string][], more = 0): WorkerActivity =>
  ({
    ...{ kind: "files", at: T0 + second * 1_000, sandboxId: ANN, more },
    changes: changes.map(([op, path]) => ({ op, path })),
  }) as WorkerActivity;
export const card = (letter = "c", more: object = {}): ApprovalRecord =>
  ({
    ...{ v: 1, approvalId: `a_${letter.repeat(20)}`, principal: ANN, epoch: "e", hostId: "h", digest: "d" },
    facts: {
      ...{ scheme: "tunnel", host: "api.example.com", kind: "name", idn: false, domain: "example.com" },
      ...{ port: 443, binary: "/usr/bin/curl", policyHash: "h" },
    },
    ...{
      risks: [],
      says: "… exec: curl https://api.example.com/",
      turnId: "t_1",
      scopeId: "s",
      state: "pending",
    },
    ...{ conversation: "telegram.7.1", bridge: "telegram.7", deliver: { chat: "1" }, attempts: 2, held: 2 },
    ...{ holding: true, holdUntil: T0 + 30_000, decideUntil: T0 + 900_000, createdAt: T0, decidedAt: 0 },
    ...{ nextTry: false, confirming: false, rev: 1 },
    ...more,
  }) as ApprovalRecord;

/** News in a row. */
export const gateway = (items: GatewayActivity[], second = 10, epoch = "f_1"): News => ({
  ...{ type: "gateway", epoch, items, missed: 0, at: T0 + second * 1_000 },
});
export const worker = (items: WorkerActivity[], second = 10): News => ({
  ...{ type: "worker", epoch: "f_2", items, missed: 0, at: T0 + second * 1_000 },
  sandboxes: [
    { id: ANN, phase: "warm", agent: "busy", turns: 1, usedAt: 0 },
    { id: BOB, phase: "parked", agent: "warm", turns: 0, usedAt: 0 },
  ],
});
export const launcher = (second = 10): News => ({
  ...{ type: "launcher", at: T0 + second * 1_000 },
  sandboxes: [
    { id: ANN, name: "my-agent", state: "running" },
    { id: BOB, name: "tg-bob", state: "parked" },
  ],
});

export const after = (news: readonly News[], from: State = initialState(T0)): State =>
  news.reduce(reduce, from);

/** The afternoon. */
export const busy = (): State =>
  after([
    launcher(),
    worker([
      tool(1),
      tool(2, { phase: "end", ok: true }),
      tool(5, { id: "x2", name: "exec", summary: "curl https://api.example.com/" }),
      files(6, [
        ["create", "workspace/report.md"],
        ["write", "workspace/data/prices.csv"],
      ]),
      tool(7, { id: "x3", name: "web_fetch", summary: "https://docs.example.org/" }),
    ]),
    gateway([
      request(1, {
        id: "c1",
        host: "registry.example.org",
        method: "GET",
        path: "/left-pad",
        scheme: "https",
      }),
      request(2, {
        ...{ id: "c1", host: "registry.example.org", method: "GET", path: "/left-pad", scheme: "https" },
        ...{ event: "close", bytesUp: 320, bytesDown: 48_200, ms: 131 },
      }),
      request(3, { id: "c2", host: "169.254.169.254", port: 80, verdict: "deny", reason: "metadata" }),
      asked(5),
      asked(5),
      call(1),
      call(4, { input: 22_900, output: 1_310, ms: 6_120 }),
      call(6, { verdict: "rate_limited", provider: undefined, input: undefined, ms: 2, attempts: 0 }),
      { kind: "approval", at: T0 + 5_000, record: card() },
    ]),
  ]);
