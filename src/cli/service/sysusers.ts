/** Names for the processes' users. Pure. systemd starts nothing as a number that its machine's user database doesn't know. */
import type { Users } from "../supervisor/users.ts";

/** Their group's name. */
const GROUP = "nemoclaw";

/** A file for systemd-sysusers(8): each user with its reserved number, no home and no shell. */
export function sysusers(users: Users): string {
  const owners = Object.entries(users).filter(([, { uid }]) => uid !== 0);
  const gids = new Set(owners.map(([, { gid }]) => gid));
  const lines = [
    ...[...gids].map((gid) => `g ${GROUP} ${gid}`),
    ...owners.map(([owner, { uid, gid }]) => `u ${GROUP}-${owner} ${uid}:${gid} "NemoClaw Bridge, ${owner}"`),
  ];
  return `# Written by nemoclaw service install.\n${lines.join("\n")}\n`;
}
