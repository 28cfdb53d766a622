/**
 * Every vector of `vectors/egress-vectors.json` and of our own in the same format, each as a test of its own, against the
 * real proxy.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readVectors, runVector } from "./vectors.ts";

const vectors = ["egress-vectors", "own-vectors"].flatMap((name) =>
  readVectors(fileURLToPath(new URL(`vectors/${name}.json`, import.meta.url))),
);

describe("egress vectors", () => {
  for (const vector of vectors) {
    it(`${vector.id}: ${vector.category}`, async () => {
      const { wrong, got } = await runVector(vector);
      assert.deepEqual(wrong, [], JSON.stringify(got));
    });
  }
});

it("every scenario is a test that carries its id", () => {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const tests = globSync("**/*.test.ts", { cwd: root }).map((file) => readFileSync(join(root, file), "utf8"));
  const text = readFileSync(new URL("vectors/egress-scenarios.json", import.meta.url), "utf8");
  const ids = [...text.matchAll(/"id": *"([^"]+)"/g)].map(([, id = ""]) => id);
  assert.ok(ids.length > 30, String(ids.length));
  // As a name begins: in it(), test(), describe(), or in a table of cases.
  const named = (id: string) => tests.some((source) => new RegExp(`["\`]${id}: `).test(source));
  assert.deepEqual(
    ids.filter((id) => !named(id)),
    [],
  );
});

describe("the runner", () => {
  const base = {
    id: "x",
    request: "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n",
  };
  const allow = [{ host: "api.example.com", port: 443 }];
  const CASES: [name: string, vector: Parameters<typeof runVector>[0], wrong: RegExp][] = [
    [
      "a deny that is allowed",
      { ...base, policy: { default: "deny", allow }, expect: { verdict: "deny", status: [403] } },
      /dialled.*status 200/,
    ],
    [
      "an allow that is denied",
      { ...base, policy: { default: "deny" }, expect: { verdict: "allow" } },
      /no dial/,
    ],
    [
      "another status",
      { ...base, policy: { default: "deny" }, expect: { verdict: "deny", status: [400] } },
      /status 403/,
    ],
    [
      "another reason",
      { ...base, policy: { default: "deny" }, expect: { verdict: "deny", status: [403], reason: "ssrf" } },
      /reason policy_denied/,
    ],
    [
      "another address",
      {
        ...base,
        policy: { default: "allow" },
        resolve: { "api.example.com": ["8.8.8.8"] },
        expect: { verdict: "allow", dial: ["9.9.9.9"] },
      },
      /dialled 8\.8\.8\.8/,
    ],
    [
      "a forbidden address, spelled otherwise",
      {
        ...base,
        policy: { default: "allow" },
        resolve: { "api.example.com": ["2606:4700::1"] },
        expect: { verdict: "any", status: [403], neverDial: ["2606:4700:0::1"] },
      },
      /dialled/,
    ],
    [
      "bytes that went upstream",
      {
        id: "x",
        request: "GET http://a.example.com/ HTTP/1.1\r\nHost: a.example.com\r\n\r\n",
        expect: { verdict: "any", status: [], upstreamBytes: 0, upstreamComplete: false, close: true },
      },
      /no dial|upstream got/,
    ],
  ];
  for (const [name, vector, message] of CASES) {
    it(`notices ${name}`, async () => assert.match((await runVector(vector)).wrong.join("; "), message));
  }
});
