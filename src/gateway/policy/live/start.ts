/**
 * Puts the live policies of a gateway together: the book, the operator's desk and file, the admin methods, what status
 * shows. The one thing that the gateway's process has to know of this folder.
 */

import type { AdminMethods } from "../../../lib/admin/methods.ts";
import type { Logger } from "../../../lib/logging.ts";
import type { PolicyStorePort } from "../../../store/index.ts";
import type { EgressConfig } from "../../config.ts";
import type { PolicyPort } from "../../egress/proxy/ports.ts";
import { BLANK_POLICY } from "../edit.ts";
import { type ApprovalView, DEFAULT_TARGET, PolicyBook } from "./book.ts";
import { PolicyDesk } from "./desk.ts";
import { PolicyFile } from "./file.ts";
import { policyMethods } from "./methods.ts";

/** A gateway that was restarted binds all sockets within a second (RELIABILITY §6), also while Redis is away. */
const READ_MS = 500;

/** What they are made of. */
export interface PoliciesOptions {
  readonly store: PolicyStorePort;
  readonly hostId: string;
  readonly config: EgressConfig;
  /** The blueprint's policy; absent: one that allows nothing. */
  readonly base?: { readonly file: string; readonly text: string } | undefined;
  /** Where the operator's file is when configuration names none (`paths.policyFile`). */
  readonly policyFile: string;
  /** `sandbox.protections` of the configuration. */
  readonly protections?: "best_effort" | "hard_requirement";
  readonly approvals?: (sandboxId: string) => ApprovalView;
  readonly logger: Logger;
}

/** The live policies. */
export interface Policies {
  /** The policy of a sandbox, for its proxy. */
  port(sandboxId: string): PolicyPort;
  /**
   * For the launcher's reports: passes each one on, in order per sandbox, a new sandbox once its policy was read (at most
   * {@link READ_MS}; until then nothing would leave it), and forgets the policy of one that is gone.
   */
  following<T>(
    pass: (sandboxId: string, info: T | null) => void,
  ): (sandboxId: string, info: T | null) => void;
  readonly methods: AdminMethods;
  /** For status; read again each time. */
  facts(): Record<string, string>;
  close(): Promise<void>;
}

/** Starts; resolves once the default policy was read, or Redis turned out to be away. */
export async function startPolicies(options: PoliciesOptions): Promise<Policies> {
  const { store, hostId, config, protections, approvals, logger } = options;
  const book = new PolicyBook({
    store,
    logger,
    base: options.base ?? { file: "built-in policy", text: BLANK_POLICY },
    fallback: config.unknown,
    ...(protections ? { landlock: protections } : {}),
    ...(approvals ? { approvals } : {}),
  });
  const desk = new PolicyDesk(store, book);
  const file = new PolicyFile({
    path: config.policyFile ?? options.policyFile,
    required: config.policyFile !== undefined,
    hostId,
    desk,
    logger,
  });
  await book.start();
  await file.check();
  book.alsoPoll(() => file.check());
  return {
    port: (sandboxId) => book.open(sandboxId),
    following: (pass) => inOrder(book, pass, logger),
    methods: policyMethods(desk),
    facts: () => factsOf(book, file),
    close: () => book.close(),
  };
}

function factsOf(book: PolicyBook, file: PolicyFile): Record<string, string> {
  const active = book.state(DEFAULT_TARGET)?.layer;
  const version = active
    ? active.source.number === 0
      ? "as shipped"
      : `version ${active.source.number}`
    : "";
  const troubles = [...(file.trouble ? [`policy file: ${file.trouble}`] : []), ...book.troubles()];
  return {
    policy: version === "" ? "policy NOT LOADED: nothing leaves" : `policy ${version}`,
    ...(troubles.length > 0 ? { policyTrouble: `! ${troubles.join("; ").split("\n").join("; ")}` } : {}),
  };
}

function inOrder<T>(
  book: PolicyBook,
  pass: (sandboxId: string, info: T | null) => void,
  logger: Logger,
): (sandboxId: string, info: T | null) => void {
  const lasts = new Map<string, Promise<void>>();
  return (sandboxId, info) => {
    const before = lasts.get(sandboxId) ?? Promise.resolve();
    const mine = before
      .then(async () => {
        if (info) await book.loaded(sandboxId, READ_MS);
        pass(sandboxId, info);
        if (!info) book.forget(sandboxId);
      })
      .catch((err: unknown) => logger.error({ err, sandboxId }, "sandbox report failed"))
      .then(() => {
        if (lasts.get(sandboxId) === mine) lasts.delete(sandboxId);
      });
    lasts.set(sandboxId, mine);
  };
}
