/**
 * The control protocol's constants for the control thread, which would otherwise load the whole sandbox component
 * (half a second of CPU) for three numbers. `test/worker/control/frames.test.ts` compares them with the guest's.
 */

/** Protocol version that is spoken. */
export const CONTROL_VERSION = 1;
/** Bytes of JSON in one frame. */
export const MAX_FRAME = 256 * 1024;
/** Bytes of a session's input or output that may be under way. */
export const EXEC_WINDOW = 256 * 1024;
