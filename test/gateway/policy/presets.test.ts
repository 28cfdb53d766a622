import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { combine, compilePolicy } from "../../../src/gateway/policy/compile.ts";
import { formatNotices } from "../../../src/gateway/policy/model.ts";
import {
  builtInPreset,
  listPresets,
  presetFromText,
  presetNames,
} from "../../../src/gateway/policy/presets.ts";
import { type ClientMachine, registriesOf } from "../../../src/gateway/policy/registries.ts";
import { connect, request } from "./helpers.ts";

/** A machine of the test's own. */
function machine(parts: {
  env?: Record<string, string>;
  files?: Record<string, string>;
  programs?: Record<string, string>;
}): ClientMachine {
  return {
    env: parts.env ?? {},
    home: "/home/me",
    read: async (path) => parts.files?.[path],
    run: async (program) => parts.programs?.[program],
  };
}

const CONFIGURED = machine({
  files: {
    "/home/me/.npmrc": "registry=https://npm.mirror.example/repo/\n",
    "/etc/pip.conf": "[global]\nindex-url = https://pip.mirror.example/simple\n",
    "/home/me/.docker/config.json": '{"auths":{"images.mirror.example":{}}}',
  },
});

async function policyOf(...names: string[]) {
  const rules = [];
  for (const name of names) {
    const loaded = await builtInPreset(name, CONFIGURED);
    assert.ok(loaded?.ok, loaded && !loaded.ok ? formatNotices(loaded.problems) : name);
    rules.push(...loaded.value.rules);
  }
  const combined = combine([], rules, []);
  assert.ok(combined.ok, combined.ok ? "" : combined.problems.join("\n"));
  return compilePolicy({ hash: "t", fallback: "deny", rules: combined.rules, denials: [] });
}

describe("built-in presets", () => {
  it("are all there, with a line each, and the ones that let data out say so", () => {
    const expected = [
      "brave",
      "discord",
      "docker",
      "github",
      "huggingface",
      "jira",
      "npm",
      "outlook",
      "public-reference",
      "pypi",
      "slack",
      "telegram",
      "weather",
    ];
    const names = presetNames();
    for (const name of expected) assert.ok(names.includes(name), name);
    for (const preset of listPresets()) {
      assert.equal(preset.letsDataOut, preset.name.endsWith("-write"), preset.name);
      assert.ok(preset.description.length > 5);
    }
  });
  it("load without warnings, never open an address, and all go together", async () => {
    for (const name of presetNames()) {
      const loaded = await builtInPreset(name, CONFIGURED);
      assert.ok(loaded?.ok);
      assert.deepEqual(loaded.warnings, [], name);
      assert.ok(
        loaded.value.rules.every(
          (rule) => rule.origin === "preset" && rule.protocol !== "l4" && rule.enforce,
        ),
      );
    }
    await policyOf(...presetNames().filter((name) => !name.endsWith("-write")));
    await policyOf(...presetNames());
  });
  it("without -write none lets a request change anything, but for what reading needs", async () => {
    const allowedPosts: string[] = [];
    for (const name of presetNames().filter((one) => !one.endsWith("-write"))) {
      const loaded = await builtInPreset(name, CONFIGURED);
      assert.ok(loaded?.ok);
      for (const rule of loaded.value.rules) {
        for (const match of rule.allow)
          if (!["GET", "HEAD"].includes(match.method))
            allowedPosts.push(`${rule.host} ${match.method} ${match.path}`);
      }
    }
    assert.deepEqual(allowedPosts.sort(), [
      "github.com POST /**/git-upload-pack",
      "huggingface.co POST /**/git-upload-pack",
      "login.microsoftonline.com POST /**/oauth2/v2.0/devicecode",
      "login.microsoftonline.com POST /**/oauth2/v2.0/token",
    ]);
  });
  const CASES: [preset: string, method: string, to: string, verdict: string][] = [
    ["github", "GET", "api.github.com:443/repos/a/b", "allow"],
    ["github", "POST", "github.com:443/a/b.git/git-upload-pack", "allow"],
    ["github", "POST", "github.com:443/a/b.git/git-receive-pack", "deny"],
    ["github", "POST", "api.github.com:443/repos/a/b/issues", "deny"],
    ["github", "PUT", "uploads.github.com:443/x", "deny"],
    ["github-write", "POST", "github.com:443/a/b.git/git-receive-pack", "allow"],
    ["github-write", "DELETE", "api.github.com:443/repos/a/b", "allow"],
    ["telegram", "GET", "api.telegram.org:443/bot1:x/getUpdates", "allow"],
    ["telegram", "GET", "api.telegram.org:443/bot1:x/sendMessage", "deny"],
    ["telegram-write", "GET", "api.telegram.org:443/bot1:x/sendMessage", "allow"],
    ["slack", "GET", "slack.com:443/api/conversations.history", "allow"],
    ["slack", "GET", "slack.com:443/api/chat.postMessage", "deny"],
    ["slack", "POST", "hooks.slack.com:443/services/x", "deny"],
    ["slack-write", "POST", "hooks.slack.com:443/services/x", "allow"],
    ["weather", "GET", "wttr.in:443/Berlin", "allow"],
    ["weather", "POST", "wttr.in:443/Berlin", "deny"],
    ["npm", "GET", "npm.mirror.example:443/left-pad", "allow"],
    ["npm", "PUT", "npm.mirror.example:443/left-pad", "deny"],
    ["npm-write", "PUT", "npm.mirror.example:443/left-pad", "allow"],
    ["pypi", "GET", "pip.mirror.example:443/simple/x/", "allow"],
    ["docker", "GET", "images.mirror.example:443/v2/", "allow"],
  ];
  for (const [preset, method, to, verdict] of CASES) {
    it(`${preset}: ${method} ${to} is ${verdict}`, async () => {
      const policy = await policyOf(preset);
      assert.equal(request(policy, method, to).verdict, verdict);
    });
  }
  it("npm takes scoped names with their encoded slash", async () => {
    const policy = await policyOf("npm");
    assert.equal(
      request(policy, "GET", "npm.mirror.example:443/@scope%2Fname", { encodedSlash: true }).verdict,
      "allow",
    );
    assert.equal(connect(policy, "npm.mirror.example:443").inspect, true);
  });
  it("say what to do when a client names no registry", async () => {
    const loaded = await builtInPreset("npm", machine({}));
    assert.ok(loaded && !loaded.ok);
    assert.match(formatNotices(loaded.problems), /npm names no registry; run `npm config set registry/);
    assert.equal(await builtInPreset("nonsense", CONFIGURED), undefined);
  });
  it("can't be made to reach everything by a client's configuration", async () => {
    const evil = machine({ files: { "/home/me/.npmrc": "registry=https://*.com/\n" } });
    const loaded = await presetFromText(
      "npm.yaml",
      "preset: { name: npm, description: x, registry: npm }\nnetwork_policies: { npm: { endpoints: [{ host: $registry, port: 443 }] } }",
      evil,
    );
    assert.equal(loaded.ok, false);
  });
});

describe("registries from clients' configuration", () => {
  const hosts = async (client: "npm" | "pip" | "docker", parts: Parameters<typeof machine>[0]) =>
    (await registriesOf(client, machine(parts))).map(({ host, port }) => `${host}:${port}`);
  it("npm: environment, user file with scopes, else npm's own word", async () => {
    assert.deepEqual(await hosts("npm", { env: { npm_config_registry: "http://a.example:4873/" } }), [
      "a.example:4873",
    ]);
    assert.deepEqual(
      await hosts("npm", {
        files: {
          "/home/me/.npmrc":
            '; comment\n//a.example/:_authToken=x\nregistry = "https://a.example/"\n@me:registry=https://b.example/npm/\nregistry=https://a.example/other\n',
        },
      }),
      ["a.example:443", "b.example:443"],
    );
    assert.deepEqual(await hosts("npm", { programs: { npm: "https://default.example/" } }), [
      "default.example:443",
    ]);
    assert.deepEqual(await hosts("npm", {}), []);
  });
  it("pip: environment, files with several lines, else pip's own default", async () => {
    assert.deepEqual(await hosts("pip", { env: { PIP_INDEX_URL: "https://user:pw@a.example/simple" } }), [
      "a.example:443",
    ]);
    assert.deepEqual(
      await hosts("pip", {
        files: {
          "/home/me/.config/pip/pip.conf":
            "[global]\nindex-url = https://a.example/simple\nextra-index-url =\n    https://b.example/simple\n    http://c.example:8080/simple\ntimeout = 5\n",
        },
      }),
      ["a.example:443", "b.example:443", "c.example:8080"],
    );
    assert.deepEqual(
      await hosts("pip", { programs: { python3: "https://d.example/simple https://files.example" } }),
      ["d.example:443", "files.example:443"],
    );
  });
  it("docker: mirrors and logins, else the daemon's word; broken files are no reason to fail", async () => {
    assert.deepEqual(
      await hosts("docker", {
        files: {
          "/etc/docker/daemon.json": '{"registry-mirrors":["https://m.example"]}',
          "/home/me/.docker/config.json": '{"auths":{"https://i.example/v1/":{},"r.example:5000":{}}}',
        },
      }),
      ["m.example:443", "i.example:443", "r.example:5000"],
    );
    assert.deepEqual(
      await hosts("docker", {
        files: { "/etc/docker/daemon.json": "{" },
        programs: { docker: "https://i.example/v1/" },
      }),
      ["i.example:443"],
    );
  });
});
