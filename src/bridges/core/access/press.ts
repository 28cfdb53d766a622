/** What a button under a question of the access component says: `ac:<ref>:<verb>`. Pure. A wish, judged by others. */

/** A wish. */
export interface AccessPress {
  ref: string;
  verb: string;
}

/** A press as callback data. */
export const accessPressData = ({ ref, verb }: AccessPress): string => `ac:${ref}:${verb}`;

/** Reads callback data; undefined for anything else. */
export function readAccessPress(data: string): AccessPress | undefined {
  const [, ref, verb] = /^ac:(q_[a-z0-9]{20}):([a-z])$/.exec(data) ?? [];
  return ref === undefined || verb === undefined ? undefined : { ref, verb };
}
