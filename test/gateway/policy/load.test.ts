import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { loadPolicy, loadPreset } from "../../../src/gateway/policy/from-file.ts";
import { formatNotices } from "../../../src/gateway/policy/model.ts";
import { compiled, connect, model, problems } from "./helpers.ts";

const endpoint = (lines: string) => `version: 1
network_policies:
  api:
    endpoints:
      - host: api.example.com
        port: 443
${lines
  .trim()
  .split("\n")
  .map((line) => `        ${line}`)
  .join("\n")}
`;

const warnings = (text: string) => {
  const loaded = loadPolicy("policy.yaml", text);
  assert.ok(loaded.ok, loaded.ok ? "" : formatNotices(loaded.problems));
  return formatNotices(loaded.warnings);
};

describe("the deployment guide's policy", () => {
  const text = `egress:
  allowed:
    - host: "api.github.com"
      port: 443
    - host: "api.openai.com"
      port: 443
  denied:
    - host: "*"
      port: "*"
`;
  it("loads: two hosts allowed, everything else left to the default", () => {
    const policy = compiled(text, "ask");
    assert.equal(connect(policy, "api.github.com:443").verdict, "allow");
    assert.equal(connect(policy, "api.openai.com:443").verdict, "allow");
    assert.equal(connect(policy, "api.github.com:80").verdict, "ask");
    assert.equal(connect(policy, "elsewhere.test:443").verdict, "ask");
  });
});

describe("an OpenShell policy", () => {
  const text = `version: 1
filesystem_policy:
  include_workdir: false
  read_only: [/usr, /lib, /proc, /dev/urandom, /app, /etc, /var/log]
  read_write: [/sandbox, /tmp, /dev/null]
landlock: { compatibility: best_effort }
process: { run_as_user: sandbox, run_as_group: 1000 }
network_policies:
  claude_code:
    name: claude_code
    endpoints:
      - { host: api.anthropic.com, port: 443, protocol: rest, enforcement: enforce, tls: terminate, rules: [{ allow: { method: "*", path: "/**" } }] }
      - { host: statsig.anthropic.com, port: 443, access: full }
    binaries: [{ path: /usr/local/bin/claude }, { path: /usr/local/bin/node }]
  database:
    endpoints: [{ host: db.corp.example.com, ports: [5433, 5434], allowed_ips: [10.20.0.0/16, 10.30.0.7] }]
  sockets:
    endpoints: [{ host: wss.example.com, port: 443, protocol: websocket, enforcement: enforce, access: full }]
`;
  it("loads whole, with its fixed sections handed on", () => {
    const loaded = model(text);
    assert.equal(loaded.rules.length, 4);
    assert.deepEqual(loaded.fixed, {
      filesystem: {
        includeWorkdir: false,
        readOnly: ["/usr", "/lib", "/proc", "/dev/urandom", "/app", "/etc", "/var/log"],
        readWrite: ["/sandbox", "/tmp", "/dev/null"],
      },
      landlock: "best_effort",
      process: { runAsUser: "sandbox", runAsGroup: "1000" },
    });
    assert.deepEqual(loaded.rules[2]?.allowedIps, ["10.20.0.0/16", "10.30.0.7/32"]);
    assert.equal(warnings(text), "");
  });
  it("reads an empty one", () => {
    assert.deepEqual(model("version: 1").rules, []);
    assert.deepEqual(model("version: 1\nnetwork_policies: {}").rules, []);
  });
  it("takes rules that allow everything for a whole connection, as NemoClaw's own files have them", () => {
    const { rules } = model(endpoint('rules: [{ allow: { method: "*", path: "/**" } }]'));
    assert.deepEqual([rules[0]?.protocol, rules[0]?.allow], ["l4", []]);
  });
  it("reads all three ways to write a query's matcher", () => {
    const query = 'query: { a: "x*", b: { glob: "y*" }, c: { any: [p, "q*"] } }';
    const { rules } = model(endpoint(`protocol: rest\nrules: [{ allow: { method: GET, ${query} } }]`));
    assert.deepEqual(rules[0]?.allow[0]?.query, { a: ["x*"], b: ["y*"], c: ["p", "q*"] });
  });
  it("warns where OpenShell would only audit", () => {
    assert.match(
      warnings(endpoint("protocol: rest\naccess: read-only")),
      /^policy\.yaml:5:9: no `enforcement`: OpenShell would only audit/,
    );
    assert.equal(warnings(endpoint("protocol: rest\naccess: read-only\nenforcement: audit")), "");
  });
  it("warns of networks that stay shut, and of rules without a host", () => {
    assert.match(
      warnings(endpoint("allowed_ips: [127.0.0.0/8, 10.0.0.0/8]")),
      /127\.0\.0\.0\/8 is loopback: never opened/,
    );
    assert.match(
      warnings(
        "version: 1\nnetwork_policies: { a: { endpoints: [{ port: 80, allowed_ips: [10.0.0.0/8] }] } }",
      ),
      /only address literals/,
    );
  });
  it("clears host bits of a network as OpenShell does", () => {
    assert.deepEqual(model(endpoint("allowed_ips: [10.1.2.3/8]")).rules[0]?.allowedIps, ["10.0.0.0/8"]);
  });
});

/** What must be refused: text, and what the answer must say (with its place). */
const REFUSED: [name: string, text: string, message: RegExp][] = [
  [
    "unknown top-level key",
    "version: 1\nnetwork_polices: {}",
    /^policy\.yaml:2:1: unknown key `network_polices`/,
  ],
  [
    "unknown endpoint key",
    endpoint("porto: 1"),
    /^policy\.yaml:7:9: unknown key `porto` in network_policies\.api\.endpoints\.0/,
  ],
  ["wrong version", "version: 2", /^policy\.yaml:1:10: .*expected version: 1/],
  ["no version", "network_policies: {}", /expected version: 1/],
  ["both dialects", "version: 1\negress: {}", /^policy\.yaml:2:1: .*not both/],
  ["a preset", "preset: { name: x, description: y }\nnetwork_policies: {}", /this is a preset/],
  ["empty file", "  \n", /is empty/],
  ["a list", "- a", /expected settings/],
  ["broken YAML", "version: 1\n  bad: [", /^policy\.yaml:\d+:\d+: /],
  ["duplicate key", "version: 1\nversion: 1", /^policy\.yaml:2:1: .*unique/],
  ["two documents", "version: 1\n---\nversion: 1", /policy\.yaml:\d+:\d+: /],
  [
    "host *",
    endpoint("").replace("api.example.com", '"*"'),
    /^policy\.yaml:5:15: host "\*" means every host/,
  ],
  ["host **", endpoint("").replace("api.example.com", '"**"'), /host "\*\*" means every host/],
  [
    "host *.com",
    endpoint("").replace("api.example.com", '"*.com"'),
    /host "\*\.com" covers a whole top-level domain/,
  ],
  [
    "host foo.**.example.com",
    endpoint("").replace("api.example.com", '"foo.**.example.com"'),
    /host "foo\.\*\*\.example\.com": a wildcard/,
  ],
  [
    "host foo.us-*.example.com",
    endpoint("").replace("api.example.com", '"foo.us-*.example.com"'),
    /host "foo\.us-\*\.example\.com": a wildcard/,
  ],
  ["no host", "version: 1\nnetwork_policies: { a: { endpoints: [{ port: 1 }] } }", /needs a `host`/],
  [
    "no port",
    "version: 1\nnetwork_policies: { a: { endpoints: [{ host: a.example.com }] } }",
    /needs a `port`/,
  ],
  ["port and ports", endpoint("ports: [80]"), /not both/],
  ["port 0", endpoint("").replace("443", "0"), /policy\.yaml:6:15: /],
  [
    "a query in the rule without protocol",
    endpoint('rules: [{ allow: { method: "*", path: "/**", query: { a: b } } }]'),
    /`rules` judges requests and needs/,
  ],
  [
    "everything but what is denied, without protocol",
    endpoint('rules: [{ allow: { method: "*", path: "/**" } }]\ndeny_rules: [{ method: POST }]'),
    /judges requests and needs/,
  ],
  [
    "rules without protocol",
    endpoint("rules: [{ allow: { method: GET } }]"),
    /`rules` judges requests and needs/,
  ],
  ["deny rules without protocol", endpoint("deny_rules: [{ method: GET }]"), /`deny_rules` judges requests/],
  ["access without protocol", endpoint("access: read-only"), /`access` judges requests/],
  ["path without protocol", endpoint("path: /x"), /`path` judges requests/],
  ["protocol without rules", endpoint("protocol: rest"), /needs `access` or `rules`/],
  [
    "access and rules",
    endpoint("protocol: rest\naccess: full\nrules: [{ allow: { method: GET } }]"),
    /not both/,
  ],
  ["tls skip with rules", endpoint("protocol: rest\naccess: full\ntls: skip"), /hides the requests/],
  ["graphql", endpoint("protocol: graphql\naccess: full"), /`protocol: graphql` is not enforced here/],
  ["mcp", endpoint("protocol: mcp\naccess: full"), /`protocol: mcp` is not enforced here/],
  ["json-rpc", endpoint("protocol: json-rpc\naccess: full"), /`protocol: json-rpc` is not enforced here/],
  ["transparent tcp", endpoint("protocol: tcp"), /`protocol: tcp` is not enforced here/],
  ["unknown protocol", endpoint("protocol: gopher"), /expected rest or websocket/],
  [
    "graphql rule",
    endpoint("protocol: rest\nrules: [{ allow: { method: POST, operation_type: query } }]"),
    /operation_type` is part of the OpenShell schema but is not enforced/,
  ],
  [
    "mcp rule",
    endpoint("protocol: rest\nrules: [{ allow: { method: POST, tool: x } }]"),
    /tool` is part of the OpenShell schema/,
  ],
  ["signing", endpoint("credential_signing: sigv4"), /credential_signing` is part of the OpenShell schema/],
  ["binding", endpoint("credential_binding: { provider: x }"), /credential_binding` is part of/],
  [
    "body rewrite",
    endpoint("request_body_credential_rewrite: true"),
    /request_body_credential_rewrite` is part of/,
  ],
  ["middlewares", "version: 1\nnetwork_middlewares: { a: {} }", /network_middlewares` is part of/],
  ["silent websocket client", endpoint("protocol: websocket\naccess: read-only"), /can't be enforced/],
  ["broken class", endpoint('protocol: rest\nrules: [{ allow: { method: GET, path: "/[a" } }]'), /class/],
  [
    "empty binaries",
    "version: 1\nnetwork_policies: { a: { endpoints: [{ host: a.example.com, port: 1 }], binaries: [] } }",
    /matches no program/,
  ],
  ["bad network", endpoint("allowed_ips: [10.0.0.0/40]"), /"10\.0\.0\.0\/40" is not an address or a network/],
  ["root", "version: 1\nprocess: { run_as_user: root }", /never root/],
  ["uid 0", "version: 1\nprocess: { run_as_user: 0 }", /never root/],
  ["uid too big", "version: 1\nprocess: { run_as_group: 4294967296 }", /never root/],
  ["relative path", "version: 1\nfilesystem_policy: { read_only: [usr] }", /absolute/],
  ["path traversal", "version: 1\nfilesystem_policy: { read_only: [/usr/../etc] }", /must not contain \.\./],
  ["writable root", "version: 1\nfilesystem_policy: { read_write: [/] }", /whole file system/],
  ["writable root, disguised", "version: 1\nfilesystem_policy: { read_write: ['//.'] }", /whole file system/],
  ["257 paths", `version: 1\nfilesystem_policy: { read_only: [${"/a,".repeat(257)}] }`, /256/],
  ["landlock mode", "version: 1\nlandlock: { compatibility: maybe }", /policy\.yaml:2:/],
  [
    "prototype name",
    "version: 1\nnetwork_policies: { __proto__: { endpoints: [{ host: a.example.com, port: 1 }] } }",
    /__proto__/,
  ],
  [
    "OVL-1: same host and port, other protocol",
    `${endpoint("")}  b:\n    endpoints: [{ host: api.example.com, port: 443, protocol: rest, access: full }]\n`,
    /^policy\.yaml:9:17: rule "b" \(api\.example\.com\) contradicts rule "api".*`protocol`/,
  ],
  [
    "OVL-1: wildcard over it, other tls",
    `${endpoint("")}  b:\n    endpoints: [{ host: "*.example.com", ports: [80, 443], tls: skip }]\n`,
    /contradicts rule "api" .*`tls`/,
  ],
  [
    "OVL-1: other enforcement",
    `${endpoint("protocol: rest\naccess: full\nenforcement: audit")}  b:\n    endpoints: [{ host: api.example.com, port: 443, protocol: rest, access: full, enforcement: enforce }]\n`,
    /`enforcement`/,
  ],
  ["short form: host * allowed", 'egress: { allowed: [{ host: "*", port: 443 }] }', /means every host/],
  ["short form: no port", "egress: { allowed: [{ host: a.example.com }] }", /needs a `port`/],
  [
    "short form: port as text",
    'egress: { allowed: [{ host: a.example.com, port: "https" }] }',
    /expected a port/,
  ],
  ["short form: unknown key", "egress: { allow: [] }", /unknown key `allow` in egress/],
  [
    "an alias bomb",
    `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
      .split("")
      .map((k, i) => `${k}: &${k} [${`*${"abcdefgh"[i]},`.repeat(9)}]`)
      .join("\n")}`,
    /alias|unknown key|expected/i,
  ],
  ["10,000 brackets", `version: ${"[".repeat(10_000)}`, /nested deeper/],
  ["10,000 dashes", "- ".repeat(10_000), /nested deeper/],
  ["300 KB", `version: 1 #${"x".repeat(300_000)}`, /longer than 256 KB/],
];

/** Keys of OpenShell's schema that aren't enforced here, as values that mean something. */
const FOREIGN_ENDPOINT_KEYS = [
  ...["websocket_credential_rewrite", "request_body_credential_rewrite", "allow_uninspected_credentials"],
  ...["credential_signing", "signing_service", "signing_region", "credential_binding", "persisted_queries"],
  ...["graphql_persisted_queries", "graphql_max_body_bytes", "mcp", "json_rpc"],
];
const FOREIGN_RULE_KEYS = ["operation_type", "operation_name", "fields", "tool", "params"];

describe("what is refused, and where it says so", () => {
  for (const key of FOREIGN_ENDPOINT_KEYS)
    it(`${key}, at its own place`, () => {
      const said = problems(endpoint(`${key}: x`));
      assert.match(said, new RegExp(`^policy\\.yaml:7:9: .*${key}\` is part of the OpenShell schema but`));
    });
  for (const key of FOREIGN_RULE_KEYS)
    it(`${key} in rules and in denials`, () => {
      const match = `{ method: POST, ${key}: x }`;
      for (const rules of [`rules: [{ allow: ${match} }]`, `access: full\ndeny_rules: [${match}]`])
        assert.match(
          problems(endpoint(`protocol: rest\n${rules}`)),
          new RegExp(`^policy\\.yaml:\\d+:\\d+: .*${key}\` is part of the OpenShell schema but`),
        );
    });
  for (const key of ["network_middlewares", "inference"])
    it(`${key} at the top`, () =>
      assert.match(
        problems(`version: 1\n${key}: {}`),
        new RegExp(`^policy\\.yaml:2:1: .*${key}\` is part of the OpenShell schema but`),
      ));
  for (const [name, text, message] of REFUSED) it(name, () => assert.match(problems(text), message));
  it("names every problem at once", () => {
    assert.equal(
      problems(
        "version: 1\nnetwork_policies:\n  a: { endpoints: [{ host: '*', port: 1 }] }\n  b: { endpoints: [{ host: x }] }\n",
      ).split("\n").length,
      2,
    );
  });
});

describe("an NVIDIA preset", () => {
  const text = `preset:
  name: slack
  description: "Slack API and webhooks access"

network_policies:
  slack:
    name: slack
    endpoints:
      - host: slack.com
        port: 443
        protocol: rest
        enforcement: enforce
        tls: terminate
        rules:
          - allow: { method: GET, path: "/**" }
          - allow: { method: POST, path: "/**" }
`;
  it("loads unchanged, as rules that never open a private address", () => {
    const loaded = loadPreset("slack.yaml", text);
    assert.ok(loaded.ok);
    assert.equal(loaded.value.rules[0]?.origin, "preset");
    assert.equal(loaded.value.rules[0]?.name, "preset:slack");
    assert.equal(loaded.warnings.length, 0);
  });
  it("may not open addresses or everything", () => {
    for (const [from, to, message] of [
      ["port: 443", "port: 443\n        allowed_ips: [10.0.0.0/8]", /only the operator's own policy file/],
      ["host: slack.com", 'host: "*"', /every host/],
    ] as const) {
      const loaded = loadPreset("slack.yaml", text.replace(from, to));
      assert.ok(!loaded.ok);
      assert.match(formatNotices(loaded.problems), message);
    }
  });
});
