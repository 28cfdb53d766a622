import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ChunkDecoder, endToEnd, framingOf } from "../../../src/gateway/egress/proxy/framing.ts";
import { findHeadEnd, parseHead, type RequestHead } from "../../../src/gateway/egress/proxy/head.ts";
import { canonicalPath } from "../../../src/gateway/egress/proxy/path.ts";
import { connectTarget, requestTarget } from "../../../src/gateway/egress/proxy/request-target.ts";

/** The verdict over a head, written without its final CRLFs. */
function read(text: string): string {
  const bytes = Buffer.from(`${text}\r\n\r\n`, "latin1");
  const end = findHeadEnd(bytes);
  if (typeof end === "string") return end;
  const parsed = parseHead(bytes.subarray(0, end));
  if (!parsed.ok) return parsed.fault;
  const framing = framingOf(parsed.head);
  return framing.ok ? framing.framing.kind : framing.fault;
}

const head = (text: string): RequestHead => {
  const parsed = parseHead(Buffer.from(`${text}\r\n\r\n`, "latin1"));
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.fault);
  return parsed.head;
};

const G = "GET http://a.test/ HTTP/1.1";
const HEADS: [text: string, verdict: string][] = [
  [G, "none"],
  [`${G}\r\nHost: a.test\r\nX-Tab:\tb\t`, "none"],
  [`${G}\r\nX-Empty:`, "none"],
  ["GET http://a.test/ HTTP/1.0", "none"],
  ["GET http://a.test/ HTTP/2.0", "bad_version"],
  ["GET http://a.test/ http/1.1", "bad_version"],
  ["GET http://a.test/ HTTP/1.1 extra", "bad_request_line"],
  ["GET  http://a.test/ HTTP/1.1", "bad_request_line"],
  ["GET http://a.test/  HTTP/1.1", "bad_request_line"],
  ["GET\thttp://a.test/ HTTP/1.1", "bad_request_line"],
  ["GET http://a.test/", "bad_request_line"],
  [` ${G}`, "bad_request_line"],
  ["G@T http://a.test/ HTTP/1.1", "bad_method"],
  ["GET http://a.test/\u0001 HTTP/1.1", "bad_request_line"],
  [`\r\n${G}`, "bad_line_ending"],
  [`${G}\nHost: a`, "bad_line_ending"],
  [`${G}\rHost: a`, "bad_line_ending"],
  [`${G}\r\nHost: a\rX: b`, "bad_line_ending"],
  [`${G}\r\nHost : a`, "bad_header_name"],
  [`${G}\r\n: a`, "bad_header_name"],
  [`${G}\r\nHost`, "bad_header_name"],
  [`${G}\r\nHo\u00e4: a`, "bad_header_name"],
  [`${G}\r\nX: a\u0000b`, "bad_header_value"],
  [`${G}\r\nX: a\u007fb`, "bad_header_value"],
  [`${G}\r\nX: a\r\n b`, "folded_header"],
  [`${G}\r\n X: a`, "folded_header"],
  [`${G}\r\nContent-Length: 5`, "length"],
  [`${G}\r\nContent-Length: 0`, "length"],
  [`${G}\r\nContent-Length: +5`, "bad_length"],
  [`${G}\r\nContent-Length: 0x5`, "bad_length"],
  [`${G}\r\nContent-Length: 5 5`, "bad_length"],
  [`${G}\r\nContent-Length: 5, 5`, "bad_length"],
  [`${G}\r\nContent-Length:`, "bad_length"],
  [`${G}\r\nContent-Length: 9999999999999999`, "bad_length"],
  [`${G}\r\nContent-Length: 5\r\ncontent-length: 5`, "several_lengths"],
  [`${G}\r\nTransfer-Encoding: Chunked`, "chunked"],
  [`${G}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5`, "length_and_encoding"],
  [`${G}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked`, "bad_encoding"],
  [`${G}\r\nTransfer-Encoding: gzip, chunked`, "bad_encoding"],
  [`${G}\r\nTransfer-Encoding: xchunked`, "bad_encoding"],
  [`${G}\r\nTransfer-Encoding: identity`, "bad_encoding"],
  [`${G}\r\nTransfer-Encoding:`, "bad_encoding"],
  ["POST http://a.test/ HTTP/1.0\r\nTransfer-Encoding: chunked", "encoding_in_1_0"],
];

describe("request heads", () => {
  for (const [text, verdict] of HEADS)
    it(`${JSON.stringify(text).slice(0, 90)}: ${verdict}`, () => assert.equal(read(text), verdict));
  it("finds the end however the bytes arrive", () => {
    const bytes = Buffer.from(`${G}\r\nHost: a.test\r\n\r\nbody\n`);
    for (let cut = 1; cut < bytes.length; cut++) {
      const first = findHeadEnd(bytes.subarray(0, cut));
      const end = first === "more" ? findHeadEnd(bytes, Math.max(0, cut - 1)) : first;
      assert.equal(end, bytes.length - 5, `cut at ${cut}`);
    }
  });
});

const TARGETS: [text: string, expected: string][] = [
  [`${G}\r\nHost: a.test`, "a.test:80/"],
  ["GET http://A.test:80/x?y=1 HTTP/1.1\r\nHost: a.test", "a.test:80/x?y=1"],
  ["GET http://a.test?y HTTP/1.1\r\nHost: a.test", "a.test:80/?y"],
  ["GET HTTP://a.test HTTP/1.1\r\nHost: a.test.", "a.test:80/"],
  ["GET http://a.test/ HTTP/1.0", "a.test:80/"],
  [G, "no_host"],
  [`${G}\r\nHost: b.test`, "host_mismatch"],
  [`${G}\r\nHost: a.test:8080`, "host_mismatch"],
  [`${G}\r\nHost: a.test\r\nHost: a.test`, "several_hosts"],
  [`${G}\r\nHost: `, "empty"],
  ["GET http://u:p@a.test/ HTTP/1.1\r\nHost: a.test", "userinfo"],
  ["GET http:///x HTTP/1.1\r\nHost: a.test", "empty"],
  ["GET http:/a.test/ HTTP/1.1\r\nHost: a.test", "not_absolute"],
  ["GET http:\\\\a.test HTTP/1.1\r\nHost: a.test", "not_absolute"],
  ["GET https://a.test/ HTTP/1.1\r\nHost: a.test", "https_not_tunnelled"],
  ["GET ftp://a.test/ HTTP/1.1\r\nHost: a.test", "bad_scheme"],
  ["GET ws://a.test/ HTTP/1.1\r\nHost: a.test", "bad_scheme"],
  ["GET /x HTTP/1.1\r\nHost: a.test", "not_absolute"],
  ["OPTIONS * HTTP/1.1\r\nHost: a.test", "not_absolute"],
  ["GET http://a.test/#x HTTP/1.1\r\nHost: a.test", "fragment"],
  ["GET http://a.test\\@evil.test/ HTTP/1.1\r\nHost: a.test", "userinfo"],
  ["CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443", "a.test:443"],
  ["CONNECT a.test:443 HTTP/1.1\r\nHost: a.test", "a.test:443"],
  ["CONNECT a.test:443 HTTP/1.0", "a.test:443"],
  ["CONNECT a.test:443 HTTP/1.1", "no_host"],
  ["CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443", "host_mismatch"],
  ["CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:80", "host_mismatch"],
  ["CONNECT a.test HTTP/1.1\r\nHost: a.test", "no_port"],
  ["CONNECT http://a.test:443 HTTP/1.1\r\nHost: a.test", "bad_character"],
  ["CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5", "body_on_connect"],
];

describe("request targets", () => {
  for (const [text, expected] of TARGETS) {
    it(`${JSON.stringify(text).slice(0, 90)}: ${expected}`, () => {
      const parsed = head(text);
      if (parsed.method === "CONNECT") {
        const target = connectTarget(parsed);
        return assert.equal(target.ok ? `${target.value.host}:${target.value.port}` : target.fault, expected);
      }
      const target = requestTarget(parsed);
      const shown = target.ok
        ? `${target.value.authority.host}:${target.value.authority.port}${target.value.path.path}${target.value.path.search}`
        : target.fault;
      assert.equal(shown, expected);
    });
  }
  it("inside a tunnel only the tunnel's own authority counts", () => {
    const inside = { authority: { host: "a.test", kind: "name", idn: false, port: 443 } as const, tls: true };
    const at = (text: string) => {
      const target = requestTarget(head(text), inside);
      return target.ok ? "ok" : target.fault;
    };
    assert.equal(at("GET / HTTP/1.1\r\nHost: a.test"), "ok");
    assert.equal(at("GET / HTTP/1.1\r\nHost: a.test:443"), "ok");
    assert.equal(at("GET https://a.test/ HTTP/1.1\r\nHost: a.test"), "ok");
    assert.equal(at("GET / HTTP/1.1\r\nHost: evil.test"), "host_mismatch");
    assert.equal(at("GET https://evil.test/ HTTP/1.1\r\nHost: a.test"), "host_mismatch");
    assert.equal(at("GET http://a.test/ HTTP/1.1\r\nHost: a.test"), "bad_scheme");
  });
});

const PATHS: [written: string, canonical: string, bare?: string][] = [
  ["/", "/"],
  ["/a/b/", "/a/b/"],
  ["/v1/../admin", "/admin"],
  ["/v1/./a", "/v1/a"],
  ["/v1/%2e%2E/admin", "/admin"],
  ["/v1/..;/admin", "/admin"],
  ["/v1/..;x=1/admin", "/admin"],
  ["/v1/%2e%2e;/admin", "/admin"],
  ["/../../x", "/x"],
  ["/a/..", "/"],
  ["/a/.", "/a/"],
  ["//a///b", "/a/b"],
  ["/a//../b", "/b"],
  ["/a;v=1/b", "/a;v=1/b", "/a/b"],
  ["/%41%7e%2d", "/A~-"],
  ["/%c3%a9", "/%C3%A9"],
  ["/\u00c3\u00a9", "/%C3%A9"],
  ["/a%2fb", "/a%2Fb"],
  ["/a?b=%2e%2E&c=/../", "/a?b=..&c=/../"],
  ["/a%20b", "/a%20b"],
];
const BAD_PATHS: [written: string, fault: string][] = [
  ["/%2f..%2fadmin", "ambiguous_path"],
  ["/v1/%2f..%2fadmin", "ambiguous_path"],
  ["/v1/..%2fadmin", "ambiguous_path"],
  ["/v1/%252e%252e/admin", "ambiguous_path"],
  ["/v1/%252fadmin", "ambiguous_path"],
  ["/v1/%25252e/admin", "ambiguous_path"],
  ["/a%00b", "bad_escape"],
  ["/a%0d%0ab", "bad_escape"],
  ["/a%5cb", "bad_escape"],
  ["/a%zz", "bad_escape"],
  ["/a%", "bad_escape"],
  ["/a?b=%g", "bad_escape"],
  ["/a\\b", "bad_path"],
  ['/a"b', "bad_path"],
  ["/a b", "bad_path"],
  ["a", "bad_path"],
];

describe("paths", () => {
  for (const [written, canonical, bare] of PATHS) {
    it(`${written} is ${canonical}`, () => {
      const result = canonicalPath(written);
      assert.ok(result.ok);
      assert.equal(result.value.path + result.value.search, canonical);
      assert.equal(result.value.barePath, bare ?? result.value.path);
      assert.equal(result.value.encodedSlash, canonical.includes("%2F"));
    });
  }
  for (const [written, fault] of BAD_PATHS)
    it(`${written}: ${fault}`, () => assert.deepEqual(canonicalPath(written), { ok: false, fault }));
});

describe("framing", () => {
  const BODIES: [body: string, decoded: string | undefined][] = [
    ["5\r\nhello\r\n0\r\n\r\n", "hello"],
    ["A\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\n", "0123456789"],
    ["0\r\n\r\n", ""],
    ["0x1\r\na\r\n0\r\n\r\n", undefined],
    ["1;ext\r\na\r\n0\r\n\r\n", undefined],
    [" 1\r\na\r\n0\r\n\r\n", undefined],
    ["1 \r\na\r\n0\r\n\r\n", undefined],
    ["1\na\n0\n\n", undefined],
    ["-1\r\na\r\n0\r\n\r\n", undefined],
    ["\r\na\r\n0\r\n\r\n", undefined],
    ["fffffffff\r\na", undefined],
    ["1\r\nab\r\n0\r\n\r\n", undefined],
    ["1\r\na\rX0\r\n\r\n", undefined],
    ["0\r\nbad trailer\r\n\r\n", undefined],
    ["0\r\nX: a\u0000\r\n\r\n", undefined],
  ];
  for (const [body, decoded] of BODIES) {
    it(`chunks ${JSON.stringify(body).slice(0, 60)}`, () => {
      for (const size of [1, 3, 1000]) {
        const decoder = new ChunkDecoder();
        const out: Buffer[] = [];
        let sound = true;
        const bytes = Buffer.from(body, "latin1");
        for (let at = 0; sound && at < bytes.length && !decoder.done; at += size) {
          const fed = decoder.feed(bytes.subarray(at, at + size));
          sound = fed.ok;
          if (fed.ok) out.push(...fed.data);
        }
        assert.equal(sound && decoder.done ? Buffer.concat(out).toString() : undefined, decoded);
      }
    });
  }
  it("hop-by-hop headers stay here, also those that Connection names, but never Host or a length", () => {
    const names = endToEnd([
      ["Host", "a"],
      ["Connection", "close, X-Secret, host, content-length"],
      ["X-Secret", "1"],
      ["Content-Length", "5"],
      ["Proxy-Authorization", "x"],
      ["Proxy-Connection", "keep-alive"],
      ["TE", "trailers"],
      ["Upgrade", "h2c"],
      ["HTTP2-Settings", "x"],
      ["Accept", "*/*"],
    ]).map(([name]) => name);
    assert.deepEqual(names, ["Host", "Content-Length", "Accept"]);
  });
});
