import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explain } from "../../../src/gateway/policy/explain.ts";
import { diffPolicies, policyHash, revisionHash } from "../../../src/gateway/policy/revisions.ts";
import { compiled, model } from "./helpers.ts";

const A = "egress: { allowed: [{ host: a.example.com, port: 443 }] }";
const B = "egress: { allowed: [{ host: b.example.com, port: 443 }] }";

describe("revisions", () => {
  it("hash the meaning, not the spelling", () => {
    assert.equal(
      policyHash(model(A)),
      policyHash(model("# a comment\negress:\n  allowed:\n    - port: 443\n      host: A.example.com.\n")),
    );
    assert.notEqual(policyHash(model(A)), policyHash(model(B)));
  });
  it("count presets in", () => {
    const rules = model(B).rules;
    assert.equal(revisionHash(model(A), []), policyHash(model(A)));
    assert.notEqual(revisionHash(model(A), [rules]), policyHash(model(A)));
    assert.notEqual(revisionHash(model(A), [rules]), revisionHash(model(A), [rules, rules]));
  });
  it("say what changed, fixed sections by name", () => {
    const before = model(
      "version: 1\nlandlock: { compatibility: best_effort }\nnetwork_policies: { x: { endpoints: [{ host: a.example.com, port: 443 }] } }",
    );
    const after = model(
      "version: 1\nnetwork_policies: { x: { endpoints: [{ host: a.example.com, port: 80 }] } }",
    );
    assert.deepEqual(diffPolicies(before, after), {
      added: ["x: a.example.com:80; any request"],
      removed: ["x: a.example.com:443; any request"],
      fixed: ["landlock"],
    });
    assert.deepEqual(diffPolicies(after, after), { added: [], removed: [], fixed: [] });
  });
});

describe("explain", () => {
  const policy = compiled(
    `version: 1
network_policies:
  git: { endpoints: [{ host: "*.example.com", port: 443, protocol: rest, enforcement: enforce, access: read-only }], binaries: [{ path: /usr/bin/git }] }
`,
    "ask",
  );
  const ask = (question: Parameters<typeof explain>[1]) => explain(policy, question);
  it("gives the decision that traffic gets, and why near rules didn't apply", () => {
    const unknown = ask({ host: "A.example.com", port: 443 });
    assert.equal(unknown?.decision.verdict, "ask");
    assert.deepEqual(unknown?.considered, [
      { rule: "git", host: "*.example.com", origin: "operator", outcome: "program_unknown" },
    ]);
    const git = ask({
      host: "a.example.com",
      port: 443,
      binary: "/usr/bin/git",
      method: "post",
      path: "/x/../y",
    });
    assert.equal(git?.decision.reason, "request_not_allowed");
    assert.equal(
      ask({ host: "a.example.com", port: 80, binary: "/usr/bin/git" })?.considered[0]?.outcome,
      "other_port",
    );
    assert.match(
      git?.sentence ?? "",
      /POST a\.example\.com:443 is held until somebody decides: .*none for this method and path \(git\)/,
    );
  });
  it("tells what the address guard adds", () => {
    assert.match(
      ask({ host: "10.0.0.5", port: 443 })?.sentence ?? "",
      /the address guard refuses it all the same: private/,
    );
    const opened = compiled(
      "egress: { allowed: [{ host: 10.0.0.5, port: 443 }, { host: 127.0.0.1, port: 443 }] }",
    );
    assert.doesNotMatch(explain(opened, { host: "10.0.0.5", port: 443 })?.sentence ?? "", /refuses/);
    assert.match(
      explain(opened, { host: "127.0.0.1", port: 443 })?.sentence ?? "",
      /refuses it all the same: loopback/,
    );
  });
  it("has no answer for what is no destination", () => {
    assert.equal(ask({ host: "127.1", port: 443 }), undefined);
    assert.equal(ask({ host: "a.example.com", port: 443, method: "GET", path: "/%00" }), undefined);
  });
});
