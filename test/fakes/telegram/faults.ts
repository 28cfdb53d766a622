/** Troubles on order; beside the usual ones a batch of updates comes twice. */
import { type CommonFault, type CommonKind, FaultList } from "../common/faults.ts";

type Own = "duplicate-delivery";
/** What goes wrong. */
export type FaultKind = CommonKind | Own;

/** A trouble that was ordered. */
export type Fault = CommonFault<Own>;

/** Troubles that wait for their call. */
export class Faults extends FaultList<Fault> {}
