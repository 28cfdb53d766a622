/** `policy update` on texts, and models written as files again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BLANK_POLICY, editPolicy, type PolicyEdit } from "../../../src/gateway/policy/edit.ts";
import { plainRule } from "../../../src/gateway/policy/from-file.ts";
import { renderPolicy } from "../../../src/gateway/policy/live/render.ts";
import { policyHash } from "../../../src/gateway/policy/revisions.ts";
import { Fault } from "../../../src/lib/errors.ts";
import { model } from "./helpers.ts";

const API = `# why: the API
version: 1
network_policies:
  api: # kept
    endpoints:
      - { host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: read-only }
      - { host: raw.example.com, ports: [22, 443] }
`;
const SHORT =
  "egress:\n  allowed:\n    - { host: a.example.com, port: 443 } # mine\n  denied: [{ host: x.example.com }]\n";
const lines = (text: string) =>
  model(text).rules.map(({ name, host, ports, protocol, allow, deny, binaries }) =>
    [
      `${name} ${host}:${ports}`,
      protocol,
      ...allow.map(({ method, path }) => `${method} ${path}`),
      ...deny.map(({ method, path }) => `!${method} ${path}`),
      ...(binaries ?? []),
    ].join(" "),
  );

describe("edits", () => {
  const READ = "GET /** HEAD /** OPTIONS /**";
  const CASES: [name: string, before: string, edit: PolicyEdit, after: string[]][] = [
    [
      "a tunnel into nothing",
      BLANK_POLICY,
      { op: "add-endpoint", spec: "db.example.com:5432" },
      ["allow_db_example_com_5432 db.example.com:5432 l4"],
    ],
    [
      "access makes it judged",
      BLANK_POLICY,
      { op: "add-endpoint", spec: "w.example.com:443:read-only" },
      [`allow_w_example_com_443 w.example.com:443 rest ${READ}`],
    ],
    [
      "full access alone is a tunnel",
      BLANK_POLICY,
      { op: "add-endpoint", spec: "w.example.com:443:full" },
      ["allow_w_example_com_443 w.example.com:443 l4"],
    ],
    [
      "everything said",
      BLANK_POLICY,
      {
        op: "add-endpoint",
        spec: "W.example.com:443:full:websocket:enforce",
        rule: "ws",
        binaries: ["/usr/bin/node"],
      },
      ["ws w.example.com:443 websocket * /** WEBSOCKET_TEXT /** /usr/bin/node"],
    ],
    [
      "the same endpoint of a rule is replaced",
      API,
      { op: "add-endpoint", spec: "api.example.com:443:full:rest", rule: "api" },
      ["api api.example.com:443 rest * /**", "api raw.example.com:22,443 l4"],
    ],
    [
      "an allowed request beside an access",
      API,
      { op: "add-allow", spec: "api.example.com:443:post:/v1/**" },
      [`api api.example.com:443 rest ${READ} POST /v1/**`, "api raw.example.com:22,443 l4"],
    ],
    [
      "a denied request",
      API,
      { op: "add-deny", spec: "api.example.com:443:GET:/a:b" },
      [`api api.example.com:443 rest ${READ} !GET /a:b`, "api raw.example.com:22,443 l4"],
    ],
    [
      "one port of several out",
      API,
      { op: "remove-endpoint", spec: "raw.example.com:22" },
      [`api api.example.com:443 rest ${READ}`, "api raw.example.com:443 l4"],
    ],
    ["a rule out", API, { op: "remove-rule", spec: "api" }, []],
    [
      "the short form: in",
      SHORT,
      { op: "add-endpoint", spec: "b.example.com:80" },
      ["egress.allowed[0] a.example.com:443 l4", "egress.allowed[1] b.example.com:80 l4"],
    ],
    ["the short form: out", SHORT, { op: "remove-endpoint", spec: "a.example.com:443" }, []],
    [
      "an IPv6 address",
      BLANK_POLICY,
      { op: "add-endpoint", spec: "[2001:db8::1]:443" },
      ["allow_2001_db8_1_443 2001:db8::1:443 l4"],
    ],
  ];
  for (const [name, before, edit, after] of CASES) {
    it(name, () => assert.deepEqual(lines(editPolicy(before, [edit])), after));
  }
  it("comments stay", () => {
    const text = editPolicy(API, [{ op: "add-deny", spec: "api.example.com:443:GET:/x" }]);
    assert.match(text, /^# why: the API\n[\s\S]*api:\s+# kept\n/);
  });
  const REFUSED: [before: string, edit: PolicyEdit, why: RegExp][] = [
    [API, { op: "remove-rule", spec: "toString" }, /there is no rule toString/],
    [API, { op: "remove-endpoint", spec: "b.example.com:443" }, /no rule names b\.example\.com:443/],
    [API, { op: "add-allow", spec: "raw.example.com:443:GET:/" }, /judges requests: add it first/],
    [API, { op: "add-allow", spec: "api.example.com:443:GET" }, /expected host:port:METHOD:\/path/],
    [API, { op: "add-endpoint", spec: "api.example.com" }, /expected host:port/],
    [API, { op: "add-endpoint", spec: "a.example.com:443:full:rest:enforce:x=1" }, /options .* not known/],
    [API, { op: "add-endpoint", spec: "a.example.com:443", rule: "api", binaries: ["/x"] }, /other binaries/],
    [SHORT, { op: "add-allow", spec: "a.example.com:443:GET:/" }, /write it as version: 1/],
    [SHORT, { op: "remove-rule", spec: "x" }, /have no names/],
  ];
  for (const [before, edit, why] of REFUSED) {
    it(`refuses ${edit.op} ${edit.spec}`, () =>
      assert.throws(
        () => editPolicy(before, [edit]),
        (error: unknown) => error instanceof Fault && error.code === "policy-edit" && why.test(error.message),
      ));
  }
});

describe("a model as a file", () => {
  const FULL = `version: 1
filesystem_policy: { include_workdir: true, read_only: [/usr], read_write: [/sandbox] }
landlock: { compatibility: best_effort }
process: { run_as_user: sandbox, run_as_group: 1000 }
network_policies:
  a:
    endpoints:
      - { host: "*.example.com", ports: [80, 443], protocol: rest, enforcement: audit, path: "/v1/**", sni: optional, allow_encoded_slash: true, rules: [{ allow: { method: GET, path: "/**", query: { tag: "x-*", k: { any: [a, b] } } } }], deny_rules: [{ method: "*", path: /p }] }
    binaries: [{ path: /usr/bin/git }]
  b: { endpoints: [{ host: db.example.com, port: 5432, tls: skip }, { port: 5432, allowed_ips: [10.0.0.0/8] }] }
`;
  it("loads back to the same meaning", () => {
    assert.equal(policyHash(model(renderPolicy(model(FULL)))), policyHash(model(FULL)));
  });
  it("says in comments what OpenShell's form can't", () => {
    const text = renderPolicy({
      ...model(
        "egress: { allowed: [{ host: a.example.com, port: '*' }], denied: [{ host: b.example.com }] }",
      ),
    });
    assert.match(text, /^# egress\.allowed\[0\]: a\.example\.com:\*; any request$/m);
    assert.match(text, /^# denied, whatever is approved: b\.example\.com:\* \(egress\.denied\[0\]\)$/m);
    assert.deepEqual(model(text).rules, []);
  });
  it("keeps rules of one name with different programs apart", () => {
    const rule = plainRule("r", "approval", "a.example.com", [443]);
    const text = renderPolicy({ rules: [{ ...rule, binaries: ["/x"] }, rule], denials: [], fixed: {} });
    assert.deepEqual(lines(text), ["r a.example.com:443 l4 /x", "r_2 a.example.com:443 l4"]);
  });
});
