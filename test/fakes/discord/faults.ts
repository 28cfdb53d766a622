/** Troubles on order; beside the usual ones an event of the gateway comes twice or never. */
import { type CommonFault, type CommonKind, FaultList } from "../common/faults.ts";

type Own = "duplicate-delivery" | "lost-delivery";
/** What goes wrong. */
export type FaultKind = CommonKind | Own;

/** A trouble that was ordered. `method`: a route (see `ROUTES`), or an event of the gateway such as `MESSAGE_CREATE`. */
export interface Fault extends CommonFault<Own> {
  /** `429`: it is the global limit. */
  global?: boolean;
  /** `error`: HTTP status. */
  status?: number;
}

/** Troubles that wait for their call. */
export class Faults extends FaultList<Fault> {}
