/**
 * Properties of everything that reads what a sandbox or a file says, checked on generated input: nothing crashes, and
 * nothing is allowed where an independent, naive reference says no.
 */
import assert from "node:assert/strict";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { classifyAddress, parseAuthority, parseIp } from "../../src/gateway/egress/guard/index.ts";
import { readClientHello } from "../../src/gateway/egress/proxy/client-hello.ts";
import { ChunkDecoder, framingOf } from "../../src/gateway/egress/proxy/framing.ts";
import { findHeadEnd, parseHead } from "../../src/gateway/egress/proxy/head.ts";
import { canonicalPath } from "../../src/gateway/egress/proxy/path.ts";
import { requestTarget } from "../../src/gateway/egress/proxy/request-target.ts";
import { compilePolicy } from "../../src/gateway/policy/compile.ts";
import { decideConnection } from "../../src/gateway/policy/decide.ts";
import { loadPolicy } from "../../src/gateway/policy/from-file.ts";
import { compileGlob } from "../../src/gateway/policy/glob.ts";
import { parseHostPattern } from "../../src/gateway/policy/hosts.ts";
import { clientHello } from "./tls-bytes.ts";

/** One property. `share`: its part of all cases. */
export interface Property {
  readonly name: string;
  readonly share: number;
  check(runs: number, seed: number | undefined): void;
}

function property<T extends [unknown, ...unknown[]]>(
  name: string,
  share: number,
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  holds: (...values: T) => void,
): Property {
  const predicate = fc.property(
    ...(arbitraries as unknown as [fc.Arbitrary<unknown>]),
    (...values: unknown[]) => holds(...(values as T)),
  );
  return {
    name,
    share,
    check: (runs, seed) => fc.assert(predicate, { numRuns: runs, ...(seed === undefined ? {} : { seed }) }),
  };
}

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
const nearHost = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const junk = fc.string({ unit: "binary", maxLength: 40 });
const nearAuthority = fc
  .tuple(
    fc.constantFrom("", "[", "user@", "http://"),
    fc.oneof(nearHost, fc.ipV4(), fc.ipV4Extended(), fc.ipV6(), junk),
    fc.constantFrom("", "]", ".", "%00", "\\"),
    fc.constantFrom("", ":443", ":0", ":00443", ":65536", ":80:80", ":"),
  )
  .map((parts) => parts.join(""));
const anyIp = fc.oneof(
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
const DENIED = { ipv4: new BlockList(), ipv6: new BlockList() };
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
function naiveMatch(pattern: string, host: string): boolean {
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
const plainHost = fc
  .array(fc.constantFrom("a", "b", "x-api", "a-x", "api", "com", "test"), { minLength: 1, maxLength: 5 })
  .map((labels) => labels.join("."));
const port = fc.constantFrom(80, 443, 8443);
const entry = fc.record({ host: pattern, port: fc.oneof(port, fc.constant("*" as const)) });

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
const nearHead = fc.oneof(
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
const nearPath = fc
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
const nearPolicy = fc.oneof(
  junk,
  tree.map((value) => JSON.stringify(value)),
  fc
    .dictionary(word, fc.record({ endpoints: fc.array(endpoint, { maxLength: 3 }) }), { maxKeys: 3 })
    .map((policies) => JSON.stringify({ version: 1, network_policies: policies })),
  fc.tuple(fc.constant("version: 1\nnetwork_policies:\n"), junk).map((parts) => parts.join("")),
);

/** Escapes as bytes; not every sequence of them is UTF-8. */
const decoded = (text: string) =>
  text.replace(/%(..)/g, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** Everything that is checked. */
export const PROPERTIES: readonly Property[] = [
  property(
    "authority parser: what it takes is canonical and read the same by the URL standard",
    20,
    [nearAuthority],
    (text) => {
      const parsed = parseAuthority(text);
      if (!parsed.ok) return;
      const { host, port: number, kind } = parsed.value;
      assert.match(host, kind === "ipv6" ? /^[0-9a-f:]+$/ : /^[a-z0-9.-]{1,253}$/);
      assert.ok(Number.isInteger(number) && number >= 1 && number <= 65_535);
      assert.equal(kind === "ipv4", isIPv4(host));
      assert.equal(kind === "ipv6", isIPv6(host));
      const bracketed = kind === "ipv6" ? `[${host}]` : host;
      assert.deepEqual(parseAuthority(`${bracketed}:${number}`), parsed, "stable");
      // Punycode that decodes to nothing is refused by the URL standard; as a name it just doesn't resolve.
      if (host.includes("xn--")) return;
      assert.equal(new URL(`http://${text}`).hostname.replace(/\.$/, ""), bracketed);
    },
  ),
  property("address classifier: public only where the reference doesn't deny", 15, [anyIp], (text) => {
    const ip = parseIp(text);
    if (!ip) return;
    assert.ok(ip.family === 4 ? isIPv4(text) : isIPv6(text));
    const family = ip.family === 4 ? "ipv4" : "ipv6";
    const denied = DENIED[family].check(ip.text, family);
    const cls = classifyAddress(ip).class;
    if (denied) assert.notEqual(cls, "public");
    else assert.ok(["public", "documentation", "reserved"].includes(cls), `${ip.text} ${cls}`);
    assert.equal(parseIp(ip.text)?.text, ip.text);
  }),
  property(
    "addresses: never more than Node takes",
    5,
    [fc.oneof(junk, fc.ipV4Extended(), fc.ipV6(), nearHost)],
    (text) => {
      if (parseIp(text)) assert.ok(isIPv4(text) || isIPv6(text));
    },
  ),
  property(
    "host rules: allowed exactly where the naive reference says so",
    20,
    [fc.array(entry, { maxLength: 5 }), fc.array(entry, { maxLength: 2 }), plainHost, port],
    (allowed, denied, host, to) => {
      const loaded = loadPolicy("f.yaml", JSON.stringify({ egress: { allowed, denied } }));
      const usable = (one: { host: string }) => parseHostPattern(one.host).ok;
      assert.equal(
        loaded.ok,
        allowed.every(usable) && denied.every((one) => parseHostPattern(one.host, true).ok),
      );
      if (!loaded.ok) return;
      const policy = compilePolicy({
        hash: "",
        fallback: "deny",
        rules: loaded.value.rules,
        denials: loaded.value.denials,
      });
      const hit = (one: { host: string; port: number | "*" }) =>
        naiveMatch(one.host, host) && (one.port === "*" || one.port === to);
      assert.equal(
        decideConnection(policy, { host, port: to }).verdict === "allow",
        allowed.some(hit) && !denied.some(hit),
      );
    },
  ),
  property(
    "globs: as the regular expression",
    5,
    [
      fc.array(fc.constantFrom("a", "b", "/", "*", "**", "?"), { maxLength: 7 }),
      fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 9 }),
    ],
    (glob, text) => {
      for (const segments of [false, true]) {
        const source = glob
          .join("")
          .replace(/\*+|\?/g, (token) =>
            token === "?" ? "[^/]" : segments && token.length === 1 ? "[^/]*" : ".*",
          );
        assert.equal(
          compileGlob(glob.join(""), segments)(text.join("")),
          new RegExp(`^${source}$`).test(text.join("")),
        );
      }
    },
  ),
  property("policy loader: a model or its problems, never a throw", 10, [nearPolicy], (text) => {
    const loaded = loadPolicy("f.yaml", text);
    if (loaded.ok)
      compilePolicy({ hash: "", fallback: "deny", rules: loaded.value.rules, denials: loaded.value.denials });
    else {
      assert.ok(loaded.problems.length > 0);
      for (const { at } of loaded.problems) assert.match(at, /^f\.yaml:\d+:\d+$/);
    }
  }),
  property(
    "request heads: what is taken reads back the same and holds no control character",
    15,
    [nearHead],
    (text) => {
      const bytes = Buffer.from(text, "latin1");
      const end = findHeadEnd(bytes);
      if (typeof end !== "number") return;
      const parsed = parseHead(bytes.subarray(0, end));
      if (!parsed.ok) return;
      const { method, target, minor, headers } = parsed.head;
      for (const part of [method, target, ...headers.flat()]) assert.doesNotMatch(part, /[\r\n\0]/);
      const again = `${method} ${target} HTTP/1.${minor}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
      assert.deepEqual(parseHead(Buffer.from(again, "latin1")), parsed);
      const framing = framingOf(parsed.head);
      const lengths = headers.filter(([name]) => /^content-length$/i.test(name));
      const encodings = headers.filter(([name]) => /^transfer-encoding$/i.test(name));
      if (lengths.length + encodings.length > 1) assert.equal(framing.ok, false);
      const aim = requestTarget(parsed.head);
      if (aim.ok) {
        assert.ok(headers.filter(([name]) => /^host$/i.test(name)).length <= 1);
        assert.equal(
          new URL(target).hostname.replace(/\.$/, ""),
          aim.value.authority.kind === "ipv6" ? `[${aim.value.authority.host}]` : aim.value.authority.host,
        );
      }
    },
  ),
  property(
    "chunks: the same body however it is cut, nothing used beyond its end",
    5,
    [
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 }),
      fc.integer({ min: 1, max: 9 }),
      junk,
    ],
    (chunks, cut, after) => {
      const bytes = Buffer.concat([
        ...chunks.flatMap((chunk) => [
          Buffer.from(`${chunk.length.toString(16)}\r\n`),
          Buffer.from(chunk),
          Buffer.from("\r\n"),
        ]),
        Buffer.from("0\r\n\r\n"),
        Buffer.from(after),
      ]);
      const decoder = new ChunkDecoder();
      const out: Buffer[] = [];
      let used = 0;
      for (let at = 0; at < bytes.length && !decoder.done; at += cut) {
        const fed = decoder.feed(bytes.subarray(at, at + cut));
        assert.ok(fed.ok);
        out.push(...fed.data);
        used += fed.used;
      }
      assert.ok(decoder.done);
      assert.deepEqual(Buffer.concat(out), Buffer.concat(chunks));
      assert.equal(used, bytes.length - Buffer.byteLength(after));
    },
  ),
  property(
    "chunks: any bytes, no throw",
    3,
    [
      fc.array(fc.constantFrom("0", "1", "a", "\r\n", "\n", "\r", ";x", " ", "0x", "\u0000", "X: y"), {
        maxLength: 12,
      }),
    ],
    (pieces) => {
      const decoder = new ChunkDecoder();
      const fed = decoder.feed(Buffer.from(pieces.join(""), "latin1"));
      if (fed.ok) assert.ok(fed.used <= Buffer.byteLength(pieces.join(""), "latin1"));
    },
  ),
  property("paths: canonical once is canonical for good, and hides no dots", 10, [nearPath], (text) => {
    const result = canonicalPath(Buffer.from(text, "utf8").toString("latin1"));
    if (!result.ok) return;
    const { path, barePath, search } = result.value;
    const again = canonicalPath(path + search);
    assert.ok(again.ok && again.value.path === path && again.value.search === search);
    for (const form of [path, barePath, decoded(barePath), decoded(path)]) {
      for (const segment of form.split("/")) assert.ok(!/^\.{1,2}(;|$)/.test(segment), form);
    }
    assert.ok(!barePath.includes(";"));
  }),
  property(
    "ClientHello: any bytes, no throw; a whole one is read however it is recorded",
    4,
    [fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 300 }), fc.nat(400)],
    (bytes, record, flip) => {
      readClientHello(Buffer.concat([Buffer.from([22, 3, 1]), Buffer.from(bytes)]));
      const hello = clientHello("api.example.com", record);
      assert.deepEqual(readClientHello(hello), { kind: "hello", name: "api.example.com" });
      assert.equal(readClientHello(hello.subarray(0, flip % hello.length)).kind, "more");
      hello[flip % hello.length]! ^= 0x55;
      readClientHello(hello);
    },
  ),
];

/** Runs all properties, `cases` in total. */
export function fuzz(cases: number, seed?: number, note: (line: string) => void = () => {}): number {
  const shares = PROPERTIES.reduce((sum, one) => sum + one.share, 0);
  let total = 0;
  for (const one of PROPERTIES) {
    const runs = Math.ceil((cases * one.share) / shares);
    const started = performance.now();
    one.check(runs, seed);
    total += runs;
    note(`${one.name}: ${runs} cases, ${Math.round(performance.now() - started)} ms`);
  }
  return total;
}
