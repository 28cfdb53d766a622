import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { combine, compilePolicy } from "../../../src/gateway/policy/compile.ts";
import type { Grant } from "../../../src/gateway/policy/decide.ts";
import { plainRule } from "../../../src/gateway/policy/from-file.ts";
import { compiled, connect, model, request } from "./helpers.ts";

const rest = (body: string, name = "api", host = "api.example.com", port = 443) => `
version: 1
network_policies:
  ${name}:
    endpoints:
      - host: ${host}
        port: ${port}
        protocol: rest
        enforcement: enforce
${body
  .trim()
  .split("\n")
  .map((line) => `        ${line}`)
  .join("\n")}
`;

describe("decisions about connections", () => {
  const policy = compiled(`
version: 1
network_policies:
  exact: { endpoints: [{ host: api.example.com, port: 443 }] }
  many: { endpoints: [{ host: "*.many.test", ports: [80, 443] }] }
  git: { endpoints: [{ host: git.example.com, port: 443 }], binaries: [{ path: /usr/bin/git }, { path: "/usr/lib/**" }] }
  any_program: { endpoints: [{ host: any.example.com, port: 443 }], binaries: [{ path: "/**" }] }
  judged: { endpoints: [{ host: judged.example.com, port: 443, protocol: rest, enforcement: enforce, access: read-only }] }
  opaque: { endpoints: [{ host: opaque.example.com, port: 22, tls: skip }] }
`);
  const CASES: [to: string, binary: string | undefined, verdict: string, reason: string][] = [
    ["api.example.com:443", undefined, "allow", "rule_allows"],
    ["api.example.com:80", undefined, "deny", "no_rule"],
    ["other.example.com:443", undefined, "deny", "no_rule"],
    ["a.many.test:80", undefined, "allow", "rule_allows"],
    ["a.many.test:443", undefined, "allow", "rule_allows"],
    ["a.many.test:8080", undefined, "deny", "no_rule"],
    ["many.test:443", undefined, "deny", "no_rule"],
    ["git.example.com:443", "/usr/bin/git", "allow", "rule_allows"],
    ["git.example.com:443", "/usr/lib/git-core/git-remote-https", "allow", "rule_allows"],
    ["git.example.com:443", "/usr/bin/curl", "deny", "program_not_allowed"],
    ["git.example.com:443", undefined, "deny", "program_not_allowed"],
    ["any.example.com:443", undefined, "allow", "rule_allows"],
    ["8.8.8.8:443", undefined, "deny", "no_rule"],
  ];
  for (const [to, binary, verdict, reason] of CASES) {
    it(`${to} by ${binary ?? "unknown"}: ${verdict}`, () => {
      const decision = connect(policy, to, binary);
      assert.deepEqual([decision.verdict, decision.reason], [verdict, reason]);
    });
  }
  it("says when requests must be judged, and when bytes pass unseen", () => {
    assert.deepEqual(
      ["api.example.com:443", "judged.example.com:443", "opaque.example.com:22"].map((to) => {
        const { inspect, opaque } = connect(policy, to);
        return [inspect, opaque];
      }),
      [
        [false, false],
        [true, false],
        [false, true],
      ],
    );
  });
  it("asks, denies or (in tests of the guard) allows what no rule names", () => {
    const text = "egress: { allowed: [] }";
    for (const fallback of ["ask", "deny", "allow"] as const) {
      assert.equal(connect(compiled(text, fallback), "new.example.com:443").verdict, fallback);
    }
  });
});

describe("layers", () => {
  const text = `
egress:
  allowed:
    - { host: "**.example.com", port: "*" }
  denied:
    - { host: bad.example.com, port: 443 }
    - { host: "*.worse.example.com" }
    - { host: "*", port: 25 }
    - { host: "*", port: "*" }
`;
  const policy = compiled(text, "ask");
  const tunnel = (scope: Grant["scope"], host: string): Grant => ({
    id: `g-${scope}`,
    scope,
    host,
    port: 443,
  });

  it("puts the operator's denials before everything, grants included", () => {
    const grants = [tunnel("session", "bad.example.com"), tunnel("once", "bad.example.com")];
    for (const to of [
      "bad.example.com:443",
      "a.worse.example.com:1",
      "ok.example.com:25",
      "elsewhere.test:25",
    ]) {
      const decision = connect(policy, to, undefined, grants);
      assert.deepEqual(
        [decision.verdict, decision.reason, decision.layer],
        ["deny", "operator_denied", "denial"],
        to,
      );
      assert.equal(request(policy, "GET", `${to}/`, { grants }).reason, "operator_denied");
    }
    assert.equal(connect(policy, "bad.example.com:80").verdict, "allow");
    assert.equal(connect(policy, "ok.example.com:443").verdict, "allow");
  });
  it("reads host * with port * among the denials as the default it is", () => {
    assert.equal(connect(policy, "new.test:443").verdict, "ask");
  });
  it("puts standing rules before session grants, and those before single ones", () => {
    const host = "new.test";
    const grants = [tunnel("session", host), tunnel("once", host)];
    assert.equal(connect(policy, "new.test:443", undefined, grants).layer, "session");
    assert.equal(connect(policy, "new.test:443", undefined, [tunnel("once", host)]).layer, "once");
    assert.equal(
      connect(policy, "a.example.com:443", undefined, [tunnel("once", "a.example.com")]).layer,
      "standing",
    );
  });
  it("binds a grant to host, port, program, method and path", () => {
    const grant: Grant = {
      id: "g",
      scope: "session",
      host: "new.test",
      port: 80,
      binary: "/bin/curl",
      method: "GET",
      path: "/a",
    };
    const ask = (method: string, to: string, extras: object = {}) =>
      request(policy, method, to, { grants: [grant], binary: "/bin/curl", ...extras }).verdict;
    assert.equal(ask("GET", "new.test:80/a"), "allow");
    assert.equal(ask("POST", "new.test:80/a"), "ask");
    assert.equal(ask("GET", "new.test:80/b"), "ask");
    assert.equal(ask("GET", "new.test:81/a"), "ask");
    assert.equal(ask("GET", "new.test:80/a;x=1"), "ask");
    assert.equal(ask("GET", "new.test:80/a", { binary: "/bin/wget" }), "ask");
    assert.equal(ask("GET", "new.test:80/a", { upgrade: true }), "ask");
    assert.equal(
      connect(policy, "new.test:80", "/bin/curl", [grant]).verdict,
      "ask",
      "a request's grant opens no tunnel",
    );
  });
  it("lets a tunnel's grant cover the requests inside it, and only those", () => {
    const grants = [tunnel("session", "new.test")];
    assert.equal(request(policy, "POST", "new.test:443/x", { grants, tunnelled: true }).verdict, "allow");
    assert.equal(request(policy, "POST", "new.test:443/x", { grants }).verdict, "ask");
  });
});

describe("decisions about requests", () => {
  const allowed = (policy: ReturnType<typeof compiled>, method: string, to: string, extras = {}) =>
    request(policy, method, to, extras).verdict === "allow";

  it("read-only, read-write and full", () => {
    const methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "QUERY", "TRACE"];
    const allowedBy = (access: string) =>
      methods.filter((method) =>
        allowed(compiled(rest(`access: ${access}`)), method, "api.example.com:443/x"),
      );
    assert.deepEqual(allowedBy("read-only"), ["GET", "HEAD", "OPTIONS"]);
    assert.deepEqual(allowedBy("read-write"), ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"]);
    assert.deepEqual(allowedBy("full"), methods.slice(0, -1), "TRACE is never forwarded");
  });
  it("paths, and query values", () => {
    const policy = compiled(
      rest(`
rules:
  - allow: { method: GET, path: "/v1/*" }
  - allow: { method: POST, path: /send, query: { tag: "foo-*", kind: { any: [a, b] } } }
`),
    );
    assert.ok(allowed(policy, "GET", "api.example.com:443/v1/a/b"));
    assert.ok(!allowed(policy, "GET", "api.example.com:443/v2/a"));
    assert.ok(allowed(policy, "GET", "api.example.com:443/v1/a?anything=goes"));
    assert.ok(allowed(policy, "POST", "api.example.com:443/send?tag=foo-1&kind=b&more=1"));
    for (const search of [
      "",
      "?tag=foo-1",
      "?tag=bar&kind=a",
      "?tag=foo-1&kind=c",
      "?tag=foo-1&tag=bar&kind=a",
    ]) {
      assert.ok(!allowed(policy, "POST", `api.example.com:443/send${search}`), search);
    }
  });
  it("both readings of ;parameters must be allowed", () => {
    const policy = compiled(
      rest(
        'rules: [{ allow: { method: GET, path: "/v1/a*" } }]\ndeny_rules: [{ method: "*", path: "/v1/admin" }]',
      ),
    );
    assert.ok(allowed(policy, "GET", "api.example.com:443/v1/a;v=1"));
    assert.ok(!allowed(policy, "GET", "api.example.com:443/v1/admin;v=1"));
  });
  it("deny rules win, by any value of a parameter", () => {
    const policy = compiled(
      rest(
        'access: full\ndeny_rules: [{ method: DELETE }, { method: GET, path: "/admin/**", query: { mode: raw } }]',
      ),
    );
    assert.equal(request(policy, "DELETE", "api.example.com:443/x").reason, "deny_rule");
    assert.equal(
      request(policy, "GET", "api.example.com:443/admin/x?mode=safe&mode=raw").reason,
      "deny_rule",
    );
    assert.ok(allowed(policy, "GET", "api.example.com:443/admin/x?mode=safe"));
  });
  it("deny rules win over a grant, other refusals don't", () => {
    const policy = compiled(rest("access: read-only\ndeny_rules: [{ method: POST, path: /never }]"), "ask");
    const grant = (path: string): Grant => ({
      id: "g",
      scope: "once",
      host: "api.example.com",
      port: 443,
      method: "POST",
      path,
    });
    assert.equal(
      request(policy, "POST", "api.example.com:443/never", { grants: [grant("/never")] }).verdict,
      "deny",
    );
    assert.equal(
      request(policy, "POST", "api.example.com:443/ok", { grants: [grant("/ok")] }).verdict,
      "allow",
    );
    assert.deepEqual(request(policy, "POST", "api.example.com:443/ok").reason, "request_not_allowed");
  });
  it("an audited endpoint lets through and says so", () => {
    const policy = compiled(rest("access: read-only").replace("enforce\n", "audit\n"));
    assert.equal(request(policy, "GET", "api.example.com:443/").reason, "rule_allows");
    const decision = request(policy, "POST", "api.example.com:443/");
    assert.deepEqual([decision.verdict, decision.reason], ["allow", "audit_only"]);
  });
  it("encoded slashes only where the endpoint takes them", () => {
    const strict = compiled(rest("access: full"), "ask");
    assert.deepEqual(
      request(strict, "GET", "api.example.com:443/a%2Fb", { encodedSlash: true }).verdict,
      "deny",
    );
    const lax = compiled(rest("access: full\nallow_encoded_slash: true"));
    assert.ok(allowed(lax, "GET", "api.example.com:443/a%2Fb", { encodedSlash: true }));
  });
  it("WebSockets need an endpoint that says so", () => {
    const upgrade = { upgrade: true };
    assert.ok(!allowed(compiled(rest("access: full")), "GET", "api.example.com:443/ws", upgrade));
    const ws = (rules: string) => compiled(rest(rules).replace("protocol: rest", "protocol: websocket"));
    assert.ok(allowed(ws("access: full"), "GET", "api.example.com:443/ws", upgrade));
    const scoped = ws(
      'rules: [{ allow: { method: GET, path: "/**" } }, { allow: { method: WEBSOCKET_TEXT, path: "/ws" } }]',
    );
    assert.ok(allowed(scoped, "GET", "api.example.com:443/ws", upgrade));
    assert.ok(!allowed(scoped, "GET", "api.example.com:443/other", upgrade));
    assert.ok(allowed(scoped, "GET", "api.example.com:443/other"));
  });
  it("an endpoint's path selects the requests that it judges", () => {
    const policy = compiled(rest('path: "/api/**"\naccess: full'));
    assert.ok(allowed(policy, "POST", "api.example.com:443/api/x"));
    assert.ok(!allowed(policy, "POST", "api.example.com:443/other"));
  });
});

describe("rules of several origins", () => {
  const operator = model(rest("access: read-only")).rules;
  const build = (parts: Parameters<typeof combine>) => {
    const combined = combine(...parts);
    assert.ok(combined.ok);
    return {
      policy: compilePolicy({ hash: "t", fallback: "ask", rules: combined.rules, denials: [] }),
      warnings: combined.warnings,
    };
  };
  it("a tap's tunnel rule doesn't loosen a destination whose requests are judged", () => {
    const { policy } = build([operator, [], [plainRule("always", "approval", "api.example.com", [443])]]);
    assert.ok(connect(policy, "api.example.com:443").inspect);
    assert.equal(request(policy, "POST", "api.example.com:443/", { tunnelled: true }).verdict, "ask");
    assert.equal(request(policy, "GET", "api.example.com:443/", { tunnelled: true }).verdict, "allow");
  });
  it("only the operator's exact rules open private addresses", () => {
    const host = "db.internal.test";
    const allowanceOf = (...parts: Parameters<typeof combine>) =>
      connect(build(parts).policy, `${host}:443`).allowance;
    assert.equal(allowanceOf([plainRule("o", "operator", host, [443])], [], []).exactOperator, true);
    assert.equal(
      allowanceOf([plainRule("o", "operator", "*.internal.test", [443])], [], []).exactOperator,
      false,
    );
    assert.equal(allowanceOf([], [plainRule("p", "preset", host, [443])], []).exactOperator, false);
    assert.equal(allowanceOf([], [], [plainRule("a", "approval", host, [443])]).exactOperator, false);
    const granted = connect(build([[], [], []]).policy, `${host}:443`, undefined, [
      { id: "g", scope: "session", host, port: 443 },
    ]);
    assert.deepEqual([granted.verdict, granted.allowance.exactOperator], ["allow", false]);
  });
  it("the operator's exact rule decides over a wider one", () => {
    const rules = [
      plainRule("wide", "operator", "*.internal.test", [443]),
      plainRule("exact", "operator", "db.internal.test", [443]),
    ];
    assert.equal(connect(build([rules, [], []]).policy, "db.internal.test:443").rule, "exact");
  });
  it("the operator's file replaces a preset that says otherwise, and says so", () => {
    const preset = operator.map((rule) => ({ ...rule, name: "preset:api", origin: "preset" as const }));
    const { policy, warnings } = build([
      [plainRule("mine", "operator", "api.example.com", [443])],
      preset,
      [],
    ]);
    assert.equal(connect(policy, "api.example.com:443").inspect, false);
    assert.match(warnings.join(), /preset:api .* replaced by "mine"/);
  });
  it("presets that contradict each other are refused", () => {
    const preset = operator.map((rule) => ({ ...rule, name: "preset:api", origin: "preset" as const }));
    const combined = combine([], [...preset, plainRule("preset:b", "preset", "*.example.com", [443])], []);
    assert.ok(!combined.ok);
    assert.match(combined.problems.join(), /preset:api and preset:b .* `protocol`/);
  });
  it("a rule without a host judges address literals in its networks", () => {
    const policy = compiled(
      "version: 1\nnetwork_policies: { lan: { endpoints: [{ port: 8080, allowed_ips: [10.0.5.0/24] }] } }",
    );
    assert.equal(connect(policy, "10.0.5.9:8080").verdict, "allow");
    assert.equal(connect(policy, "10.0.6.9:8080").verdict, "deny");
    assert.equal(connect(policy, "name.test:8080").verdict, "deny");
  });
});
