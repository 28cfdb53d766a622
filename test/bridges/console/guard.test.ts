/** Who may speak to the console over TCP, as a table. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import pino from "pino";
import { guardRequest } from "../../../src/bridges/console/guard.ts";
import { listenOnPort, portOf } from "../../../src/bridges/console/listen.ts";

const expected = { port: 8080, token: "right-token" };
const good = {
  host: "127.0.0.1:8080",
  origin: undefined,
  authorization: "Bearer right-token",
  path: "/api/events",
};

describe("console guard", () => {
  const cases: [string, Partial<Parameters<typeof guardRequest>[0]>, "allow" | 401 | 403][] = [
    ["the operator", {}, "allow"],
    ["by name", { host: "localhost:8080" }, "allow"],
    ["from its own page", { origin: "http://127.0.0.1:8080" }, "allow"],
    ["the page without token", { path: "/", authorization: undefined }, "allow"],
    ["no token", { authorization: undefined }, 401],
    ["another token", { authorization: "Bearer right-toke" }, 401],
    ["another scheme", { authorization: "Basic right-token" }, 401],
    ["a rebound name", { host: "evil.example:8080" }, 403],
    ["a rebound name, for the page", { host: "evil.example:8080", path: "/" }, 403],
    ["another port", { host: "127.0.0.1:8081" }, 403],
    ["no host", { host: undefined }, 403],
    ["a foreign page", { origin: "https://evil.example" }, 403],
    ["a sandboxed page", { origin: "null" }, 403],
    ["another local page", { origin: "http://127.0.0.1:3000" }, 403],
  ];
  for (const [name, change, want] of cases) {
    it(name, () => {
      const decision = guardRequest({ ...good, ...change }, expected);
      assert.equal(decision.kind === "allow" ? "allow" : decision.status, want);
    });
  }
});

it("a port that somebody else has is a Fault that no retry mends", async () => {
  const open = (port: number) => listenOnPort(port, "right-token", () => {}, pino({ level: "silent" }));
  const first = await open(0);
  await assert.rejects(open(portOf(first)), {
    ...{ name: "Fault", code: "console-port-taken", retryable: false },
    message: `port ${portOf(first)} of this machine is in use by another program`,
  });
  first.close();
});
