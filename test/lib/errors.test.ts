import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeError, Fault } from "../../src/lib/errors.ts";

describe("errors", () => {
  it("a fault keeps both faces apart and says what is certain", () => {
    const cause = new Error("ECONNREFUSED 10.0.0.1");
    const fault = new Fault({ code: "x-down", message: "x at 10.0.0.1 is down", hint: "start x", cause });
    assert.equal(fault.cause, cause);
    assert.equal(fault.certain, true);
    assert.equal(fault.retryable, false);
    assert.doesNotMatch(fault.userMessage, /10\.0\.0\.1/);
  });

  it("one line for an operator, never a stack", () => {
    const missing = Object.assign(new Error("no such file"), { code: "ENOENT" });
    assert.equal(describeError(new Fault({ code: "c", message: "m", hint: "do y" })), "m (do y)");
    assert.equal(describeError(missing), "ENOENT: no such file");
    assert.equal(describeError(Object.assign(new Error("ENOENT: gone"), { code: "ENOENT" })), "ENOENT: gone");
    assert.equal(describeError("text"), "text");
    assert.doesNotMatch(describeError(new Error("boom")), /\n/);
  });
});
