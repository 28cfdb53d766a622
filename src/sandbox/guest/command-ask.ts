/**
 * OpenClaw's own question before a command (`exec.approval.requested`, docs/gateway/protocol). Pure.
 * A courtesy, not a boundary: whoever runs code in this sandbox can answer such questions itself. Nothing outside rests
 * on them.
 */
import type { GatewayEvent } from "./gateway-client.ts";
import type { TurnEvent } from "./protocol.ts";

type Data = Record<string, unknown>;

/** A question, or word that one is over. */
export type CommandAsk =
  | { kind: "asked"; runId: string; event: Extract<TurnEvent, { kind: "ask" }> }
  | { kind: "over"; ask: string };

const COMMAND = 1_000;
const CWD = 200;

/** Reads an event of the gateway; undefined when it is none of these. */
export function readCommandAsk({ event, payload }: GatewayEvent): CommandAsk | undefined {
  const ask = String(payload["id"] ?? "");
  if (ask === "" || ask.length > 64) return undefined;
  if (event === "exec.approval.resolved") return { kind: "over", ask };
  if (event !== "exec.approval.requested") return undefined;
  const request = (payload["request"] ?? {}) as Data;
  const allowed = request["allowedDecisions"];
  return {
    kind: "asked",
    runId: String(request["runId"] ?? ""),
    event: {
      kind: "ask",
      ask,
      command: cut(String(request["command"] ?? ""), COMMAND),
      cwd: cut(String(request["cwd"] ?? ""), CWD),
      always: Array.isArray(allowed) && allowed.includes("allow-always"),
    },
  };
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
