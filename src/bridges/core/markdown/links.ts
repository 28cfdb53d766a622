/**
 * Links of an agent: a tap on one is a request that its text has chosen, past every policy. So only addresses whose host the
 * sandbox's own policy allows stay links; others stand beside their text as code, with the host that they really name. Pure.
 */
import type { Blocks } from "./parse.ts";

/** Decides whether a host may be a link. */
export type MayLink = (host: string) => boolean;

type Loose = { type: string; value?: string; url?: string; children?: Loose[] };

/** No host may. */
export const NO_HOSTS: MayLink = () => false;

/** Hosts of a policy: exact names, `*.name` (one label more), `**.name` (any number more). */
export function hostsOf(patterns: readonly string[]): MayLink {
  const exact = new Set(
    patterns.filter((pattern) => !pattern.includes("*")).map((name) => name.toLowerCase()),
  );
  const globs = patterns
    .filter((pattern) => pattern.includes("*"))
    .map((pattern) => {
      const source = pattern
        .toLowerCase()
        .replace(/[.+?^${}()|[\]\\]/g, "\\$&")
        .replace(/\*+/g, (stars) => (stars.length > 1 ? "[a-z0-9.-]+" : "[a-z0-9-]+"));
      return new RegExp(`^${source}$`);
    });
  return (host) => exact.has(host) || globs.some((glob) => glob.test(host));
}

/** Whether there is any link to judge. */
export function hasLinks(blocks: Blocks): boolean {
  return blocks.some((block) => linkIn(block));
}

function linkIn(node: unknown): boolean {
  const { type, children } = node as Loose;
  return type === "link" || (children?.some(linkIn) ?? false);
}

/** Blocks in which only allowed hosts are linked. */
export function judgedLinks(blocks: Blocks, mayLink: MayLink): Blocks {
  return blocks.map((block) => judged(block as Loose, mayLink)[0] as unknown as Blocks[number]);
}

function judged(node: Loose, mayLink: MayLink): Loose[] {
  const children = node.children?.flatMap((child) => judged(child, mayLink));
  const kept = children ? { ...node, children } : node;
  if (node.type !== "link") return [kept];
  const url = addressOf(node.url ?? "");
  if (url.protocol !== "mailto:" && mayLink(url.host)) return [kept];
  const text = textOf(children ?? []);
  const bare = text === node.url || text === url.shown || `mailto:${text}` === node.url;
  const address: Loose = { type: "inlineCode", value: url.shown };
  return bare ? [address] : [...(children ?? []), { type: "text", value: " " }, address];
}

/** As a client would ask for it: lower case, international names as punycode. */
function addressOf(text: string): { protocol: string; host: string; shown: string } {
  try {
    const { protocol, hostname, href, host } = new URL(text);
    // `https://x.test` stays as it was written; what was disguised is shown as what it is.
    const same = text.toLowerCase().includes(`//${host}`) || protocol === "mailto:";
    return { protocol, host: hostname.replace(/\.$/, ""), shown: same ? text : href };
  } catch {
    return { protocol: "", host: "", shown: text };
  }
}

function textOf(nodes: readonly Loose[]): string {
  return nodes.map(({ value, children }) => value ?? textOf(children ?? [])).join("");
}
