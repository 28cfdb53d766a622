import { BlockList } from "node:net";
import fc from "fast-check";

const label = fc.constantFrom(
  "a",
  "b",
  "api",
  "x-api",
  "-api",
  "com",
  "test",
  "example",
  "1",
  "0x7f",
  "xn--a",
  "127",
  "",
);
export const nearHost = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
export const junk = fc.string({ unit: "binary", maxLength: 40 });
export const nearAuthority = fc
  .tuple(
    fc.constantFrom("", "[", "user@", "http://"),
    fc.oneof(nearHost, fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), junk),
    fc.constantFrom("", "]", ".", "%00", "\\"),
    fc.constantFrom("", ":443", ":0", ":00443", ":65536", ":80:80", ":"),
  )
  .map((parts) => parts.join(""));
export const anyIp = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc
    .tuple(
      fc.constantFrom("10", "127", "169.254", "192.168", "100.64", "172.16", "198.18"),
      fc.nat(255),
      fc.nat(255),
      fc.nat(255),
    )
    .map(([net, ...rest]) => [net, ...rest].join(".").split(".").slice(0, 4).join(".")),
  fc
    .tuple(fc.constantFrom("::ffff:", "::", "64:ff9b::", "::ffff:0:"), fc.ipV4())
    .map((parts) => parts.join("")),
  fc
    .tuple(
      fc.constantFrom("2002:", "2001:0:", "fc00:", "fe80:", "fec0:", "ff02:", "2001:db8:"),
      fc.nat(0xffff),
      fc.nat(0xffff),
    )
    .map(([net, a, b]) => `${net}${a.toString(16)}:${b.toString(16)}::1`),
);

/** The deny list of the design, by Node's own matcher: independent of ours in code and in data format. */
// One list per family: Node checks an IPv4 address against ::ffff:0:0/96 too, which would deny them all.
export const DENIED = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const net of "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 168.63.129.16/32".split(
  " ",
)) {
  const [address, bits] = net.split("/");
  DENIED.ipv4.addSubnet(address!, Number(bits), "ipv4");
}
for (const net of "::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/32 2001:db8::/32 2002::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8".split(
  " ",
)) {
  const [address, bits] = net.split("/");
  DENIED.ipv6.addSubnet(address!, Number(bits), "ipv6");
}

/** Host patterns, read the naive way: label by label. */
export function naiveMatch(pattern: string, host: string): boolean {
  const [p, h] = [pattern.split("."), host.split(".")];
  if (p[0] === "**")
    return h.length >= p.length && h.slice(h.length - p.length + 1).join(".") === p.slice(1).join(".");
  if (p.length !== h.length) return false;
  return p.every(
    (one, i) =>
      one === h[i] ||
      (i === 0 && one === "*") ||
      (i === 0 && one.startsWith("*-") && h[0]!.endsWith(one.slice(1)) && h[0]!.length > one.length - 1),
  );
}

const pattern = fc
  .tuple(
    fc.constantFrom("", "*.", "**.", "*-api.", "*-x."),
    fc.array(fc.constantFrom("a", "b", "x-api", "com", "test"), { minLength: 2, maxLength: 4 }),
  )
  .map(([wild, labels]) => wild + labels.join("."));
export const plainHost = fc
  .array(fc.constantFrom("a", "b", "x-api", "a-x", "api", "com", "test"), { minLength: 1, maxLength: 5 })
  .map((labels) => labels.join("."));
export const port = fc.constantFrom(80, 443, 8443);
export const entry = fc.record({ host: pattern, port: fc.oneof(port, fc.constant("*" as const)) });

const headPiece = fc.oneof(
  fc.constantFrom(
    "GET",
    "POST",
    "CONNECT",
    " ",
    "  ",
    "\t",
    "http://a.example.com/",
    "/",
    "*",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/0.9",
    "\r\n",
    "\n",
    "\r",
    "Host: a.example.com",
    "Host: b.example.com",
    "Content-Length: 5",
    "Content-Length: +5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: xchunked",
    ": ",
    " :",
    "\u0000",
    "\u00ff",
    "X-A: b",
    " folded",
  ),
  junk,
);
export const nearHead = fc.oneof(
  fc.array(headPiece, { maxLength: 14 }).map((pieces) => `${pieces.join("")}\r\n\r\n`),
  fc
    .tuple(
      fc.constantFrom("GET", "POST"),
      fc.webUrl({ withQueryParameters: true }),
      fc.array(
        fc.constantFrom(
          "Host: a.example.com",
          "X-A: b",
          "Content-Length: 5",
          "Content-Length: 6",
          "Transfer-Encoding: chunked",
          "Connection: close, host",
        ),
      ),
    )
    .map(
      ([method, url, lines]) =>
        `${method} ${url.replace(/^https/, "http")} HTTP/1.1\r\n${lines.join("\r\n")}${lines.length > 0 ? "\r\n" : ""}\r\n`,
    ),
);
export const nearPath = fc
  .array(
    fc.constantFrom(
      "/",
      "a",
      "..",
      ".",
      ";",
      ";x=1",
      "%2e",
      "%2E",
      "%2f",
      "%5c",
      "%00",
      "%25",
      "%252e",
      "?",
      "%",
      "é",
      "//",
      "admin",
      "v1",
      "#",
      "\\",
    ),
    { maxLength: 12 },
  )
  .map((pieces) => `/${pieces.join("")}`);

/** What YAML can hold, biased to the words of the schema. */
const word = fc.constantFrom(
  "version",
  "egress",
  "allowed",
  "denied",
  "host",
  "port",
  "ports",
  "network_policies",
  "endpoints",
  "protocol",
  "rest",
  "rules",
  "allow",
  "method",
  "path",
  "access",
  "full",
  "*",
  "api.example.com",
  "*.com",
  "__proto__",
  "constructor",
  "allowed_ips",
  "10.0.0.0/8",
  "tls",
  "skip",
  "binaries",
  "enforcement",
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    word,
    fc.integer(),
    fc.constant(null),
    fc.boolean(),
    fc.double(),
    junk,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(word, tie("tree"), { maxKeys: 5 }),
  ),
}));
const endpoint = fc.record({
  host: pattern,
  port,
  protocol: fc.constantFrom(undefined, "rest", "websocket", "graphql"),
  access: fc.constantFrom(undefined, "full", "read-only"),
  tls: fc.constantFrom(undefined, "skip"),
});
export const nearPolicy = fc.oneof(
  junk,
  tree.map((value) => JSON.stringify(value)),
  fc
    .dictionary(word, fc.record({ endpoints: fc.array(endpoint, { maxLength: 3 }) }), { maxKeys: 3 })
    .map((policies) => JSON.stringify({ version: 1, network_policies: policies })),
  fc.tuple(fc.constant("version: 1\nnetwork_policies:\n"), junk).map((parts) => parts.join("")),
);

/** Escapes as bytes; not every sequence of them is UTF-8. */
