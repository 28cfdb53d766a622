/**
 * From "somebody wants to go there" to a dialled socket or a refusal, always in this order: policy by name, what can be
 * said without a resolver, a person (if the policy says ask), policy again, the address guard, the dial, the audit row.
 * Nothing else in the proxy opens a connection.
 */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Cancel, Canceller } from "../../../lib/cancel.ts";
import { Deadline } from "../../../lib/deadline.ts";
import { redact } from "../../../lib/redact.ts";
import { type Decision, decideConnection, decideRequest, type RequestAttempt } from "../../policy/decide.ts";
import type { Authority, Guard, GuardReason, Ip } from "../guard/index.ts";
import type { ProxyLimits } from "./limits.ts";
import type { Approver, AuditPort, AuditRow, Connector, HoldOutcome, PolicyPort, Question } from "./ports.ts";
import type { Program } from "./program.ts";
import { type Reply, type ReplyCode, reply } from "./replies.ts";

/** What is wanted. `request` absent: a tunnel. */
export interface Wanted {
  readonly authority: Authority;
  readonly scheme: "tunnel" | "http" | "https";
  readonly program?: Program;
  /** A tunnel that a person let through covers the requests inside it; its addresses are checked and dialled already. */
  readonly inside?: { readonly granted: boolean; readonly dialled: boolean };
  readonly request?: Pick<
    RequestAttempt,
    "method" | "path" | "barePath" | "encodedSlash" | "query" | "upgrade" | "tunnelled"
  >;
}

/** The way is free. */
export interface Admitted {
  readonly ok: true;
  readonly decision: Decision;
  /** To be dialled by `dial`; already checked. */
  readonly addresses: readonly Ip[];
  readonly row: AuditRow;
  readonly program?: Program | undefined;
  readonly until?: AbortSignal | undefined;
}

/** It isn't. The audit row is written already. */
export interface Refused {
  readonly ok: false;
  readonly reply: Reply;
}

/** A socket that may be used: its row is written. */
export interface Dialled {
  readonly ok: true;
  readonly socket: Socket;
  readonly address: string | undefined;
}

/** How many of a name's addresses are tried. */
const MAX_TRIES = 4;

/** What a gatekeeper is made of. One per sandbox. */
export interface GatekeeperOptions {
  readonly sandboxId: string;
  readonly policy: PolicyPort;
  readonly guard: Guard;
  readonly approver: Approver;
  readonly audit: AuditPort;
  readonly connector: Connector;
  readonly limits: ProxyLimits;
}

/** Decides, asks, checks, dials and records. */
export class Gatekeeper {
  private readonly options: GatekeeperOptions;
  private readonly spent = new Set<string>();
  /** Ids of rows: unique over restarts, and nobody is the worse for guessing one. */
  private readonly prefix = randomBytes(9).toString("base64url");
  private count = 0;

  constructor(options: GatekeeperOptions) {
    this.options = options;
  }

  /** The policy's answer as of now; also used to judge open tunnels again. */
  decide(wanted: Wanted): { decision: Decision; hash: string } {
    const { policy, grants: all } = this.options.policy.current();
    const grants = this.spent.size === 0 ? all : all.filter(({ id }) => !this.spent.has(id));
    const { authority, program, request } = wanted;
    const binary = program?.name;
    const { host, port, ip } = authority;
    const attempt = { host, port, ip, binary };
    const decision = request
      ? decideRequest(policy, { ...attempt, ...request }, grants)
      : decideConnection(policy, attempt, grants);
    return { decision, hash: policy.hash };
  }

  /** Single grants are used once, whatever policy's view of them is by now. */
  private spend(grantId: string): void {
    const { grants } = this.options.policy.current();
    if (this.spent.size > 100)
      for (const id of this.spent) if (!grants.some((grant) => grant.id === id)) this.spent.delete(id);
    this.spent.add(grantId);
  }

  /**
   * Everything before the dial. `gone` aborts when the client is gone; `left` (a client that ended its side) counts
   * while a person is asked: who waits for an answer to a held request must be there.
   */
  async admit(wanted: Wanted, gone: Cancel, left: Canceller): Promise<Admitted | Refused> {
    const { guard, approver } = this.options;
    const { program } = wanted;
    program?.look();
    if (program?.pending && this.dependsOnProgram()) await program.known();
    let first = this.decide(wanted);
    if (program?.pending && first.decision.verdict !== "allow") {
      await program.known(); // the card or the list of denials says who it was
      first = this.decide(wanted);
    }
    let { decision } = first;
    let row = this.row(wanted, decision, first.hash);
    if (decision.verdict === "deny") return this.refuse(row, this.denial(wanted, decision));
    const early = guard.precheck(wanted.authority, decision.allowance);
    if (early) return this.refuseAddress(row, early);

    let until: AbortSignal | undefined;
    if (decision.verdict === "ask" && wanted.inside?.granted) {
      decision = { ...decision, verdict: "allow", reason: "granted" };
      row = this.row(wanted, decision, first.hash);
    } else if (decision.verdict === "ask") {
      const outcome = await approver.hold(this.question(wanted, first.hash), left.toSignal());
      if (outcome.kind !== "allowed") return this.refuse({ ...row, ...decider(outcome) }, heldReply(outcome));
      if (left.aborted)
        return this.refuse({ ...row, reason: "client_left", ...decider(outcome) }, reply("unavailable"));
      until = outcome.until;
      // The policy may have changed meanwhile; only its denials and its standing rules still have a say.
      const again = this.decide(wanted);
      if (again.decision.verdict === "deny" && again.decision.layer === "denial") {
        return this.refuse(
          { ...this.row(wanted, again.decision, again.hash), ...decider(outcome) },
          this.denial(wanted, again.decision),
        );
      }
      decision =
        again.decision.layer === "standing"
          ? again.decision
          : { ...decision, verdict: "allow", reason: "granted" };
      row = { ...this.row(wanted, decision, again.hash), ...decider(outcome) };
    } else if (decision.layer === "once" && decision.grant !== undefined) {
      this.spend(decision.grant);
      const used = await approver.consume(decision.grant);
      // Somebody else was quicker: for this connection the grant doesn't exist, and is asked for like any other.
      if (!used) return this.admit(wanted, gone, left);
      until = used.until;
    }

    if (wanted.inside?.dialled) return { ok: true, decision, addresses: [], row, program, until };
    const checked = guard.check(wanted.authority, decision.allowance, gone);
    const verdict = checked instanceof Promise ? await checked : checked;
    if (!verdict.ok) return this.refuseAddress(named({ row, program }), verdict);
    return { ok: true, decision, addresses: verdict.addresses, row, program, until };
  }

  /**
   * Dials the checked addresses in order, within one time limit, and writes the allow row before handing the socket
   * out: nobody can send a byte that isn't on record. Calls `left` off when the time is over.
   */
  async dial(admitted: Admitted, left: Canceller): Promise<Dialled | Refused> {
    const { connector, limits } = this.options;
    const { row, addresses } = admitted;
    let late = false;
    const limit = new Deadline(() => {
      late = true;
      left.abort();
    });
    limit.set(limits.dialMs);
    let socket: Socket | undefined;
    let address = "";
    for (let i = 0; !socket && i < addresses.length && i < MAX_TRIES && !left.aborted; i++) {
      address = addresses[i]!.text;
      try {
        socket = await connector.dial(addresses[i]!, row.port, left);
      } catch {
        // The next one.
      }
    }
    limit.lift();
    if (socket) {
      // Awaited here: an async function that returns a promise takes three rounds more to hand it on.
      const recorded = this.record(socket, { ...named(admitted), address }, address);
      return recorded instanceof Promise ? await recorded : recorded;
    }
    return this.refuse(
      { ...named(admitted), reason: late ? "dial_timeout" : "dial_failed" },
      reply(late ? "upstream_timeout" : "upstream_unreachable"),
    );
  }

  /** The allow row, for a socket that is open but unused. */
  record(socket: Socket, row: AuditRow, address?: string): Dialled | Refused | Promise<Dialled | Refused> {
    const failed = (): Refused => {
      socket.destroy();
      return { ok: false, reply: reply("audit_unavailable") };
    };
    const dialled: Dialled = { ok: true, socket, address };
    try {
      const written = this.options.audit.decided(row);
      return written ? written.then(() => dialled, failed) : dialled;
    } catch {
      return failed();
    }
  }

  /** The allow row of a tunnel for which nothing is dialled yet; false when it can't be written. */
  async recordAlone(row: AuditRow): Promise<boolean> {
    try {
      await this.options.audit.decided(row);
      return true;
    } catch {
      return false;
    }
  }

  /** Writes the row of something refused outside (first bytes, inner requests). Never rejects. */
  async refuse(row: AuditRow, answer: Reply): Promise<Refused> {
    await Promise.resolve(this.options.audit.decided({ ...row, verdict: "deny" })).catch(() => {});
    return { ok: false, reply: answer };
  }

  /** The close row. */
  closed(admitted: Admitted, bytesUp: number, bytesDown: number, ms: number): void {
    this.options.audit.closed({
      ...named(admitted),
      event: "close",
      bytesUp,
      bytesDown,
      ms: Math.round(ms),
    });
  }

  /** A fresh decision row. The path is cut and cleared of what looks like a secret; the query never gets in. */
  row(wanted: Wanted, decision: Decision, policyHash: string): AuditRow {
    const { authority, scheme, program, request } = wanted;
    const row: { -readonly [K in keyof AuditRow]: AuditRow[K] } = {
      event: "decision",
      id: `${this.prefix}.${(this.count++).toString(36)}`,
      sandboxId: this.options.sandboxId,
      scheme,
      host: authority.host,
      port: authority.port,
      verdict: decision.verdict === "allow" ? "allow" : "deny",
      reason: decision.reason,
      layer: decision.layer,
      policyHash,
    };
    if (decision.rule) row.rule = decision.rule;
    const binary = program?.name;
    if (binary !== undefined) row.binary = binary;
    if (request) {
      row.method = request.method;
      row.path = redact(request.path).slice(0, 512);
    }
    return row;
  }

  /** Rules for programs, and grants: each holds for the program, or the “unknown”, that it was made for. */
  private dependsOnProgram(): boolean {
    const { policy, grants } = this.options.policy.current();
    return policy.hasBinaries || grants.length > 0;
  }

  private question(wanted: Wanted, policyHash: string): Question {
    const { authority, scheme, program, request } = wanted;
    const binary = program?.name;
    return {
      sandboxId: this.options.sandboxId,
      scheme,
      host: authority.host,
      kind: authority.kind,
      idn: authority.idn,
      port: authority.port,
      ...(binary === undefined ? {} : { binary }),
      ...(request ? { method: request.upgrade ? "WEBSOCKET" : request.method, path: request.path } : {}),
      policyHash,
    };
  }

  private denial(wanted: Wanted, decision: Decision): Reply {
    const { authority, request } = wanted;
    return reply("policy_denied", {
      reason: decision.reason,
      host: authority.host,
      port: authority.port,
      ...(request ? { method: request.method, path: request.path } : {}),
      ...(decision.rule && decision.layer !== "denial" ? { rule: decision.rule } : {}),
    });
  }

  private refuseAddress(row: AuditRow, refusal: { reason: GuardReason; address?: string }): Promise<Refused> {
    const code: ReplyCode =
      refusal.reason === "self_connection"
        ? "self_connection"
        : refusal.reason === "resolver_timeout"
          ? "upstream_timeout"
          : refusal.reason === "resolver_empty" || refusal.reason === "resolver_failed"
            ? "upstream_unreachable"
            : "ssrf_blocked";
    const answer = reply(code, { host: row.host, port: row.port });
    return this.refuse(
      { ...row, reason: refusal.reason, ...(refusal.address ? { address: refusal.address } : {}) },
      answer,
    );
  }
}

/** The row, with the program if that has become known since it was made. */
export function named({ row, program }: Pick<Admitted, "row" | "program">): AuditRow {
  const binary = program?.name;
  return binary === undefined || row.binary !== undefined ? row : { ...row, binary };
}

function decider(outcome: HoldOutcome): Partial<AuditRow> {
  return {
    ...("approvalId" in outcome && outcome.approvalId ? { approvalId: outcome.approvalId } : {}),
    ...("by" in outcome && outcome.by ? { decidedBy: outcome.by } : {}),
    ...(outcome.kind === "allowed" ? {} : { reason: `approval_${outcome.kind}` }),
  };
}

/** For the agent to pass on: a group can't find out otherwise why nobody is asked. */
const NO_APPROVER_HINT =
  "This group has nobody who decides. Tell the user that the operator can name persons: nemoclaw groups approvers.";

function heldReply(outcome: Exclude<HoldOutcome, { kind: "allowed" }>): Reply {
  switch (outcome.kind) {
    case "denied":
      return reply("approval_denied");
    case "expired":
      return reply("approval_timeout");
    case "busy":
      return reply("too_many_approvals");
    case "unasked":
      return outcome.why === "no_approver"
        ? reply("policy_denied", { reason: "no_approver", hint: NO_APPROVER_HINT })
        : reply("policy_denied", { reason: "nobody_to_ask" });
  }
}
