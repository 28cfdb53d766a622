/**
 * The name of a newcomer's sandbox: after them, as a host name (RFC 1123), with four characters of its id, so that no
 * name is another sandbox's, a command's, or one that somebody chose to look like another's. Pure.
 */

/** At most 63 characters, letters, digits and dashes. */
export function sandboxName(principal: string, after: string): string {
  const plain = after
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return `${plain || "user"}-${principal.slice(2, 6)}`;
}
