/**
 * Reads the kernel's list of TCP connections (`/proc/net/tcp`, `tcp6`) as text. Pure; which file it came from is
 * program.ts's business.
 */

/** Port at which the guest's forwarder listens, in every sandbox. */
export const PROXY_PORT = 3128;

/** 127.0.0.1 as the kernel prints it on a little-endian machine; in `tcp6` as the IPv4-mapped address. */
const LOOPBACK = { tcp: "0100007F", tcp6: "0000000000000000FFFF00000100007F" } as const;

/** The text of a connection's two ends in that table, with the blanks around them. */
export function endsOf(table: "tcp" | "tcp6", port: number): string {
  const end = (number: number) => `${LOOPBACK[table]}:${number.toString(16).toUpperCase().padStart(4, "0")}`;
  return ` ${end(port)} ${end(PROXY_PORT)} `;
}

/**
 * Inode of the socket at 127.0.0.1:`port` that is connected to the proxy; undefined when there is none that a process
 * still holds. The proxy's own side of the connection has the ends the other way round.
 */
export function findInode(text: string, table: "tcp" | "tcp6", port: number): string | undefined {
  const ends = endsOf(table, port);
  const at = text.indexOf(ends);
  if (at < 0) return undefined;
  // After the ends: state, queues, timer, retransmits, uid, probes, inode. Cut short means not known.
  const line = text.slice(at + ends.length).split("\n", 1)[0] ?? "";
  const fields = line.split(/ +/);
  const inode = fields.length > 7 ? fields[6] : undefined;
  return inode && /^[1-9]\d*$/.test(inode) ? inode : undefined;
}
