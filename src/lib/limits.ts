/** Limits that several components must agree on where the operator says nothing. */

/** Turns of one person or group that run at once. */
export const RUNNING_TURNS = 2;
