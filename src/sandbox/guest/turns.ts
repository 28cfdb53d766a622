/**
 * All turns of this guest: idempotent by turnId, fenced, at most one per session at a time.
 * A turn goes on whatever happens to the host's connection; a finished one is remembered until it is stored there.
 */
import { type GuestError, type GuestTurn, JOURNAL_BYTES } from "./protocol.ts";
import { Turn, type TurnRequest } from "./turn.ts";

/** Finished turns that are remembered (without events, once the host has those). */
const REMEMBERED = 200;
/** Bytes of events of finished turns that no host fetched. */
const UNFETCHED = 4 * JOURNAL_BYTES;

/** Why a command about a turn was refused. */
export class TurnRefused extends Error {
  readonly code: GuestError;

  constructor(code: GuestError, message: string) {
    super(message);
    this.code = code;
  }
}

/** The registry. */
export class Turns {
  readonly #turns = new Map<string, Turn>();
  /** Highest fence per conversation: fences are counted there, and one sandbox serves many. */
  readonly #fences = new Map<string, number>();
  readonly #run: (turn: Turn) => Promise<void>;
  readonly #changed: (turn: Turn) => void;

  constructor(run: (turn: Turn) => Promise<void>, changed: (turn: Turn) => void) {
    this.#run = run;
    this.#changed = changed;
  }

  /** Highest fence seen of any conversation. */
  get fence(): number {
    return Math.max(0, ...this.#fences.values());
  }

  /** Turns that are not over. */
  get running(): Turn[] {
    return [...this.#turns.values()].filter((turn) => !turn.done);
  }

  /** For `hello`. */
  describe(): GuestTurn[] {
    return [...this.#turns.values()].map((turn) => turn.describe());
  }

  /** Starts a turn, or returns the one with that id. */
  start(request: TurnRequest): Turn {
    const scope = conversationOf(request.sessionKey);
    const known = this.#turns.get(request.turnId);
    if (known) {
      this.#raise(known, request.fence);
      return known;
    }
    const highest = this.#fences.get(scope) ?? 0;
    if (request.fence < highest)
      throw new TurnRefused("stale-fence", `fence ${request.fence} is below ${highest}`);
    if (this.running.some((turn) => turn.request.sessionKey === request.sessionKey)) {
      throw new TurnRefused("busy", "a turn of this session is running");
    }
    const turn: Turn = new Turn(request, () => this.#changed(turn));
    this.#turns.set(turn.id, turn);
    this.#fences.set(scope, request.fence);
    turn.emit({ kind: "started" });
    void this.#run(turn);
    void turn.ended.then(() => this.#forget());
    return turn;
  }

  /** A known turn, after the fence check. */
  get(turnId: string, fence: number): Turn {
    const turn = this.#turns.get(turnId);
    if (!turn) throw new TurnRefused("unknown-turn", `${turnId} is not known here`);
    this.#raise(turn, fence);
    return turn;
  }

  /**
   * Which files of the outbox go with this turn's answer. Nothing says who wrote a file: while others may own some, an
   * answer takes those that it names. The rest waits for the others.
   */
  takesFiles(turnId: string): (name: string) => boolean {
    const turn = this.#turns.get(turnId);
    if (turn) turn.filesTaken = true;
    const alone = ![...this.#turns.values()].some((other) => other.id !== turnId && other.mayOwnFiles);
    return (name) => alone || (turn?.journal.text.includes(name) ?? false);
  }

  /** Events up to `seq` are stored by the host. */
  received(turnId: string, seq: number): void {
    this.#turns.get(turnId)?.journal.received(seq);
  }

  #raise(turn: Turn, fence: number): void {
    if (fence < turn.fence) throw new TurnRefused("stale-fence", `fence ${fence} is below ${turn.fence}`);
    turn.fence = fence;
    const scope = conversationOf(turn.request.sessionKey);
    this.#fences.set(scope, Math.max(fence, this.#fences.get(scope) ?? 0));
  }

  /** Oldest finished turns go first, those with unfetched events only when they are too many bytes. */
  #forget(): void {
    const done = [...this.#turns.values()].filter((turn) => turn.done);
    let bytes = done.reduce((sum, turn) => sum + turn.journal.bytes, 0);
    let count = done.length;
    for (const turn of done) {
      if (count <= REMEMBERED && bytes <= UNFETCHED) return;
      this.#turns.delete(turn.id);
      bytes -= turn.journal.bytes;
      count -= 1;
    }
  }
}

/** A session key is `<conversation>:<session>`; fences are compared within a conversation. */
export function conversationOf(sessionKey: string): string {
  const at = sessionKey.lastIndexOf(":");
  return at === -1 ? sessionKey : sessionKey.slice(0, at);
}
