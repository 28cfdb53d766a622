/**
 * What each command of the host does (protocol.ts). Every command that carries an id is answered by one `ack`.
 * The host is trusted to command, yet a malformed command must not end the guest.
 */
import type { Execs, SessionCommand } from "./execs.ts";
import { BadPath, dropPart, getFile, putFile } from "./home-files.ts";
import { forgetOutbox, listFiles, takeOutbox } from "./home-list.ts";
import type { HostLink } from "./host-link.ts";
import { reason } from "./log.ts";
import {
  type CommandDecision,
  FILE_CHUNK,
  type FromGuest,
  type GuestError,
  type ToGuest,
} from "./protocol.ts";
import { transcribe } from "./transcribe.ts";
import type { Turn } from "./turn.ts";
import { TurnRefused, type Turns } from "./turns.ts";

type Ack = Omit<Extract<FromGuest, { type: "ack"; ok: true }>, "type" | "id" | "ok">;
type Numbered = Extract<ToGuest, { id: number }>;

/** What commands work on. */
export interface Guest {
  home: string;
  egressSocket: string;
  turns: Turns;
  link: HostLink;
  execs: Execs;
  /** Starts the agent's gateway unless it runs. */
  warmUp(): Promise<void>;
  /** Tells the host which files change, for so long. */
  watchFiles(ms: number): void;
  /** Puts a message before the agent of a running turn. Throws TurnRefused. */
  steer(turn: Turn, steer: number, text: string): void;
  /** Passes a person's word about a command on to the agent. */
  answer(ask: string, decision: CommandDecision): Promise<void>;
  /** Cuts the agent's connections to the gateway. */
  quiet(): void;
  /** Stops the agent and ends. */
  shutdown(): void;
}

/** Carries out one command. Never throws. */
export function handleCommand(guest: Guest, command: ToGuest): void {
  if (command.type === "ping") guest.link.send({ type: "pong", n: command.n });
  else if (command.type === "received") guest.turns.received(command.turnId, command.seq);
  else if (command.type === "watch") guest.watchFiles(command.ms);
  else if ("id" in command && Number.isInteger(command.id)) void carryOut(guest, command);
  else if ("session" in command) guest.execs.command(command as SessionCommand);
}

async function carryOut(guest: Guest, command: Numbered): Promise<void> {
  const { id } = command;
  try {
    const result = await perform(guest, command);
    guest.link.send({ type: "ack", id, ok: true, ...result.ack });
    result.after?.();
  } catch (error) {
    guest.link.send({ type: "ack", id, ok: false, error: codeOf(error), message: reason(error) });
  }
}

/** Does it; `after` runs when the ack is written, so that an ack always comes before the events it announces. */
async function perform(guest: Guest, command: Numbered): Promise<{ ack?: Ack; after?: () => void }> {
  const { turns, link } = guest;
  switch (command.type) {
    case "warm":
      return { after: () => void guest.warmUp().catch(() => undefined) };
    case "run": {
      const { turnId, fence, sessionKey, text, mode, timeoutMs, model } = command;
      if (![turnId, sessionKey, text].every((v) => typeof v === "string" && v !== "") || !(timeoutMs > 0))
        break;
      const turn = turns.start({ turnId, fence, sessionKey, text, mode, timeoutMs, model });
      return { ack: { turn: turn.describe() }, after: () => link.follow(turn, 0) };
    }
    case "cancel": {
      const turn = turns.get(command.turnId, command.fence);
      turn.cancel();
      return { ack: { turn: turn.describe() } };
    }
    case "steer":
      guest.steer(turns.get(command.turnId, command.fence), command.steer, command.text);
      return {};
    case "answer":
      turns.get(command.turnId, command.fence);
      await guest.answer(command.ask, command.decision);
      return {};
    case "attach": {
      const turn = turns.get(command.turnId, command.fence);
      // A reader that comes late knows only what it stored: one event gives it the text so far.
      if (!turn.done && turn.journal.text !== "") turn.emit({ kind: "text", text: turn.journal.text });
      return { ack: { turn: turn.describe() }, after: () => link.follow(turn, command.afterSeq) };
    }
    case "file.put": {
      const { path, offset, last, fresh, mode } = command;
      const data = Buffer.from(command.data, "base64");
      return { ack: await putFile(guest.home, path, offset, data, { last, fresh, mode }) };
    }
    case "file.drop":
      await dropPart(guest.home, command.path);
      return {};
    case "file.get": {
      const { data, ...about } = await getFile(guest.home, command.path, command.offset);
      return { ack: { ...about, data: data.toString("base64") } };
    }
    case "file.list":
      return { ack: await listFiles(guest.home, command.path, command.recursive, command.after) };
    case "outbox.take":
      return {
        ack: { files: await takeOutbox(guest.home, command.turnId, turns.takesFiles(command.turnId)) },
      };
    case "outbox.forget":
      await forgetOutbox(guest.home, command.turnId);
      return {};
    case "transcribe":
      return {
        ack: { transcript: await transcribe(guest.home, guest.egressSocket, command.path, command.mime) },
      };
    case "exec":
      guest.execs.open(command);
      return {};
    case "quiesce":
      if (turns.running.length > 0) throw new TurnRefused("busy", "a turn is running");
      if (guest.execs.size > 0) throw new TurnRefused("busy", "a program of the operator is running");
      return { after: () => guest.quiet() };
    case "shutdown":
      return { after: () => guest.shutdown() };
  }
  throw new TurnRefused("bad-command", `not a command of this version: ${String(command.type)}`);
}

function codeOf(error: unknown): GuestError {
  if (error instanceof TurnRefused) return error.code;
  if (error instanceof BadPath)
    return error.message.includes(String(FILE_CHUNK)) ? "too-large" : "file-error";
  return (error as NodeJS.ErrnoException).code === undefined ? "bad-command" : "file-error";
}
