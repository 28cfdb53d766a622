/**
 * From what gateway and worker tell to the rows of the screen: what stands first, what matters, what is grey, and
 * everything for who looks closer. Pure; every text that leaves here may be printed (safe.ts).
 */
import type { GatewayActivity } from "../../gateway/index.ts";
import type { WorkerActivity } from "../../worker/index.ts";
import { amount, bytes, shown, took } from "./safe.ts";

/** How a row is coloured: let out, refused, undecided, only said. */
export type Tone = "good" | "bad" | "warn" | "dim" | "plain";

/** One line of a pane. */
export interface Row {
  /** Later news of the same thing has the same id. */
  readonly id: string;
  readonly at: number;
  readonly sandboxId: string;
  /** At most 6 letters: verdict, operation. */
  readonly lead: string;
  readonly tone: Tone;
  readonly main: string;
  readonly aside: string;
  /** Everything that is known, for the closer look. */
  readonly detail: readonly (readonly [label: string, value: string])[];
}

/** Panes that rows stand in. */
export type RowPane = "requests" | "files" | "inference";

/** A row and its pane. `answers`: the id of a waiting row that this one takes the place of. */
export interface Placed {
  readonly pane: RowPane;
  readonly row: Row;
  readonly answers?: string;
}

type RequestItem = Extract<GatewayActivity, { kind: "request" | "asked" | "inference" }>;
type AuditRow = Extract<GatewayActivity, { kind: "request" }>["row"];

/** What the gateway told. Cards are not rows. */
export function gatewayRow(item: RequestItem): Placed {
  if (item.kind === "inference") return { pane: "inference", row: inferenceRow(item) };
  if (item.kind === "asked") {
    const { question } = item;
    const row: Row = {
      id: waitingId(question),
      at: item.at,
      sandboxId: question.sandboxId,
      lead: "ask",
      tone: "warn",
      main: destination(question),
      aside: `waiting${program(question.binary)}`,
      detail: facts(question),
    };
    return { pane: "requests", row };
  }
  return { pane: "requests", row: requestRow(item.at, item.row), answers: waitingId(item.row) };
}

/** The same destination of the same sandbox, as it waits. */
function waitingId({ sandboxId, host, port, method, path }: Destination & { sandboxId: string }): string {
  return `ask ${sandboxId} ${host}:${port} ${method ?? ""} ${path ?? ""}`;
}

interface Destination {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly binary?: string | undefined;
}

/** `GET api.example.com:443/path`, `api.example.com:443` for a tunnel. */
export function destination({ host, port, method, path }: Omit<Destination, "scheme">): string {
  const place = `${host.includes(":") ? `[${shown(host, 60)}]` : shown(host, 80)}:${port}`;
  return method === undefined ? place : `${shown(method, 16)} ${place}${shown(path ?? "", 80)}`;
}

const program = (binary: string | undefined) =>
  binary === undefined ? "" : ` · ${shown(binary.split("/").at(-1) ?? "", 24)}`;

function facts(one: Destination): Row["detail"] {
  return [
    ["Destination", `${shown(one.host, 253)}:${one.port}`],
    ["Scheme", one.scheme === "tunnel" ? "tunnel: any method, any path" : one.scheme],
    ...(one.method === undefined
      ? []
      : [["Request", `${shown(one.method, 32)} ${shown(one.path ?? "", 500)}`] as const]),
    ["Program", one.binary === undefined ? "unknown" : shown(one.binary, 256)],
  ];
}

function requestRow(at: number, row: AuditRow): Row {
  const traffic =
    row.event === "close"
      ? `↑${bytes(row.bytesUp ?? 0)} ↓${bytes(row.bytesDown ?? 0)} ${took(row.ms ?? 0)}`
      : shown(row.reason, 60);
  const optional: [string, string | number | undefined][] = [
    ["Rule", row.rule],
    ["Decided by", row.decidedBy],
    ["Approval", row.approvalId],
    ["Address", row.address],
    ["TLS name", row.sni ?? undefined],
    ["Credential", row.credential],
  ];
  return {
    id: row.id,
    at,
    sandboxId: row.sandboxId,
    lead: row.verdict,
    tone: row.verdict === "allow" ? "good" : "bad",
    main: destination(row),
    aside: `${traffic}${program(row.binary)}`,
    detail: [
      ...facts(row),
      ["Verdict", `${row.verdict}: ${shown(row.reason, 120)}${row.layer ? ` (${row.layer})` : ""}`],
      ...optional.flatMap(([label, value]) =>
        value === undefined || value === "" ? [] : [[label, shown(String(value), 256)] as const],
      ),
      ...(row.event === "close" ? [["Traffic", traffic] as const] : []),
    ],
  };
}

function inferenceRow(call: Extract<GatewayActivity, { kind: "inference" }>): Row {
  const ok = call.verdict === "ok";
  const model = call.provider ? `${call.provider}/${call.model ?? ""}` : "no model reached";
  const tokens = call.input === undefined ? "" : `${amount(call.input)}→${amount(call.output ?? 0)} tok · `;
  return {
    id: call.ref,
    at: call.at,
    sandboxId: call.sandboxId,
    lead: ok ? "ok" : call.verdict === "cancelled" ? "cancel" : "fail",
    tone: ok ? "good" : call.verdict === "cancelled" ? "warn" : "bad",
    main: shown(model, 80),
    aside: `${tokens}${took(call.ms)}${ok ? "" : ` · ${shown(call.verdict, 40)}`}`,
    detail: [
      ["Model", shown(model, 200)],
      ["Outcome", shown(call.verdict, 60)],
      ...(call.input === undefined
        ? []
        : [
            [
              "Tokens",
              `${call.input} in, ${call.output ?? 0} out${call.estimated ? " (estimated)" : ""}`,
            ] as const,
          ]),
      [
        "Time",
        `${took(call.ms)}${call.firstByteMs === undefined ? "" : `, first byte after ${took(call.firstByteMs)}`}`,
      ],
      ["Attempts", String(call.attempts)],
      ...(call.status === undefined ? [] : [["HTTP status", String(call.status)] as const]),
      ...(call.cause === undefined ? [] : [["Cause", shown(call.cause, 300)] as const]),
      ["Turn", shown(call.turnId || "none", 40)],
      ["Reference", shown(call.ref, 40)],
    ],
  };
}

/** Tools of OpenClaw that touch files or run programs, and how that is called here. */
const OPERATIONS: Readonly<Record<string, string>> = {
  ...{ read: "read", ls: "read", grep: "read", find: "read" },
  ...{ write: "write", edit: "write", apply_patch: "write" },
  ...{ exec: "run", process: "run", bash: "run" },
};

/** What the worker told: claims of the sandbox. A tool's intermediate lines are no news. */
export function workerRows(item: WorkerActivity): Placed[] {
  if (item.kind === "files") {
    const { at, sandboxId, changes, more } = item;
    const rows: Row[] = changes.map(({ op, path }) => ({
      id: `${op} ${sandboxId} ${path}`,
      at,
      sandboxId,
      lead: op,
      tone: op === "delete" ? "warn" : "plain",
      main: shown(`~/${path}`, 120),
      aside: "watched",
      detail: [
        ["File", shown(`~/${path}`, 512)],
        ["What", op],
        ["Source", "the sandbox's own watch of its home: a claim, no proof"],
      ],
    }));
    if (more > 0)
      rows.push({
        ...{ id: `more ${sandboxId} ${at}`, at, sandboxId, lead: "…", tone: "dim" as const },
        ...{ main: `${more} more changes`, aside: "watched", detail: [["Left out", String(more)]] },
      });
    return rows.map((row) => ({ pane: "files", row }));
  }
  if (item.phase === "update") return [];
  const { at, sandboxId, turnId, name, summary, phase, ok } = item;
  const over = phase === "end";
  const row: Row = {
    id: `tool ${turnId} ${item.id}`,
    at,
    sandboxId,
    lead: Object.hasOwn(OPERATIONS, name) ? (OPERATIONS[name] as string) : "tool",
    tone: over ? (ok === false ? "bad" : "good") : "plain",
    main: shown(Object.hasOwn(OPERATIONS, name) && summary ? summary : `${name} ${summary}`.trim(), 120),
    aside: over ? (ok === false ? "failed" : "done") : "begun",
    detail: [
      ["Tool", shown(name, 64)],
      ["What", shown(summary, 500)],
      ["State", over ? (ok === false ? "failed" : "done") : "begun"],
      ["Turn", shown(turnId, 40)],
      ["Source", "the agent's own words: a claim, no proof"],
    ],
  };
  return [{ pane: "files", row }];
}
