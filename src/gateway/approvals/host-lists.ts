/**
 * Kinds of hosts that deserve a second look before a standing rule, as data: registrable domains or suffixes. Not
 * complete and no boundary: they only make Always ask once more.
 */

/** Anybody can put text there, and fetch it from anywhere. */
const PASTE = [
  "0x0.st",
  "bpa.st",
  "catbox.moe",
  "dpaste.com",
  "dpaste.org",
  "file.io",
  "gist.github.com",
  "gist.githubusercontent.com",
  "hastebin.com",
  "ix.io",
  "p.ip.fi",
  "paste.ee",
  "paste.rs",
  "pastebin.com",
  "pastes.io",
  "rentry.co",
  "sprunge.us",
  "termbin.com",
  "tmpfiles.org",
  "transfer.sh",
  "webhook.site",
];

/** A way to somebody's own machine, or a catcher of requests. */
const TUNNEL = [
  "beeceptor.com",
  "burpcollaborator.net",
  "devtunnels.ms",
  "interact.sh",
  "loca.lt",
  "localhost.run",
  "lhr.life",
  "ngrok-free.app",
  "ngrok-free.dev",
  "ngrok.app",
  "ngrok.dev",
  "ngrok.io",
  "oast.fun",
  "oast.live",
  "oast.pro",
  "oast.site",
  "oastify.com",
  "pagekite.me",
  "pinggy.io",
  "pinggy.link",
  "pipedream.net",
  "requestbin.com",
  "serveo.net",
  "trycloudflare.com",
  "ts.net",
  "zrok.io",
];

/** Names that point wherever their owner says just now, or at the address that they contain. */
const DYNDNS = [
  "afraid.org",
  "ddns.net",
  "ddnss.de",
  "duckdns.org",
  "dynu.net",
  "dyndns.org",
  "hopto.org",
  "localtest.me",
  "lvh.me",
  "myftp.org",
  "nip.io",
  "no-ip.org",
  "nsupdate.info",
  "sslip.io",
  "sytes.net",
  "traefik.me",
  "xip.io",
  "zapto.org",
];

/** Hosts that OpenClaw itself calls while it starts: denied without a card or a line in any list. */
export const STARTUP_HOSTS: ReadonlySet<string> = new Set([
  "catalog.openclaw.ai",
  "clawhub.ai",
  "openclaw.ai",
  "docs.openclaw.ai",
]);

const below = (host: string, suffixes: readonly string[]) =>
  suffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));

/** Which of these kinds a canonical host name is. */
export function kindsOf(host: string): ("paste" | "tunnel" | "dyndns")[] {
  return [
    ...(below(host, PASTE) ? (["paste"] as const) : []),
    ...(below(host, TUNNEL) ? (["tunnel"] as const) : []),
    ...(below(host, DYNDNS) ? (["dyndns"] as const) : []),
  ];
}
