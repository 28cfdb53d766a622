/**
 * Properties of everything that reads what a sandbox or a file says, checked on generated input: nothing crashes, and
 * nothing is allowed where an independent, naive reference says no.
 */
import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
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
import {
  anyIp,
  DENIED,
  entry,
  junk,
  naiveMatch,
  nearAuthority,
  nearHead,
  nearHost,
  nearPath,
  nearPolicy,
  plainHost,
  port,
} from "./fuzz-inputs.ts";
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
