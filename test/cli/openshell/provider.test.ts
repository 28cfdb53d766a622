/** `openshell provider …` and `inference …` as programs: both dialects, where the key goes, and what is refused. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { pathsOf } from "../../../src/lib/paths.ts";
import { type FakeVendor, startFakeVendor } from "../../fakes/vendor/index.ts";
import { scratch } from "../../gateway/policy/live-kit.ts";
import { runCommand } from "../../helpers/command.ts";

const KEY = "sk-fake-vendor-key-0123456789";
let vendor: FakeVendor;
let home: ReturnType<typeof scratch>;
before(async () => {
  vendor = await startFakeVendor({ key: KEY });
});
after(() => vendor.close());
beforeEach(() => {
  home = scratch();
});
afterEach(() => home.remove());

const openshell = (args: string[], more: { env?: Record<string, string>; input?: string } = {}) =>
  runCommand("openshell", args, { home: home.dir, ...more });
const keyFile = (name: string) => join(pathsOf(home.dir).secrets("gateway"), `${name}.key`);
const storeKey = () => {
  mkdirSync(pathsOf(home.dir).secrets("gateway"), { recursive: true });
  writeFileSync(keyFile("compatible"), KEY, { mode: 0o600 });
};
const config = () =>
  existsSync(home.file("config.yaml")) ? readFileSync(home.file("config.yaml"), "utf8") : "";

describe("openshell provider", () => {
  it("the guide's command works, and warns of the argument", async () => {
    const run = await openshell([
      "provider",
      "update",
      "--provider",
      "defapi",
      "--api-key",
      "sk-secret-1",
      "--no-verify",
    ]);
    assert.equal(run.code, 0, run.err);
    assert.equal(run.out, "✓ Updated provider defapi\n");
    assert.match(run.err, /others can see it[\s\S]*--api-key-stdin/);
    assert.doesNotMatch(run.err, /still answers/, "the only key answers");
    assert.equal(readFileSync(keyFile("defapi"), "utf8"), "sk-secret-1");
    assert.equal(statSync(keyFile("defapi")).mode & 0o777, 0o600);
    assert.doesNotMatch(run.out + run.err + config(), /sk-secret-1/);
  });
  it("the guide's update is a switch: that provider answers from then on, NVIDIA's only keeps the key", async () => {
    writeFileSync(home.file("config.yaml"), "inference: { default: { provider: nvidia, model: m-1 } }\n");
    const kept = await openshell(["provider", "update", "openai", "--api-key-stdin", "--no-verify"], {
      input: "k",
    });
    assert.match(kept.err, /nvidia still answers/);
    const run = await openshell(
      ["provider", "update", "--provider", "defapi", "--api-key-stdin", "--no-verify"],
      {
        input: "k",
      },
    );
    assert.match(run.err, /defapi\/claude-sonnet-4\.5 answers from now on \(before: nvidia\/m-1\)/);
    const got = await openshell(["inference", "get"]);
    assert.match(got.out, /Provider: defapi\n {2}Model: claude-sonnet-4\.5\n/);
  });
  it("NVIDIA's command works: another name, a type, a credential by variable, an address; the key is tried", async () => {
    const args = ["provider", "create", "--name", "my-vendor", "--type", "openai", "--credential", "MY_KEY"];
    const run = await openshell([...args, "--config", `OPENAI_BASE_URL=${vendor.url}/`], {
      env: { MY_KEY: KEY },
    });
    assert.equal(run.code, 0, run.err);
    assert.equal(run.out, "✓ Created provider my-vendor\n");
    assert.match(run.err, /my-vendor is called compatible here/);
    assert.doesNotMatch(run.err, /others can see it/);
    assert.equal(readFileSync(keyFile("compatible"), "utf8"), KEY);
    assert.match(config(), new RegExp(`baseUrl: ${vendor.url}`));
    assert.equal(vendor.seen.at(-1)?.path, "/v1/models");
    const got = await openshell(["provider", "get", "compatible"]);
    assert.match(
      got.out,
      /^Provider:\n\n {2}Id: compatible\n {2}Name: compatible\n {2}Type: openai\n {2}Resource version: \d+\n {2}Credential keys: COMPATIBLE_API_KEY\n {2}Config keys: BASE_URL\n$/,
    );
    const listed = await openshell(["provider", "list"]);
    assert.match(
      listed.out,
      /^NAME {8}TYPE {4}CREDENTIAL_KEYS {2}CONFIG_KEYS\ncompatible {2}openai {2}1 {16}1\n$/,
    );
    const json = JSON.parse((await openshell(["provider", "list", "-o", "json"])).out);
    assert.deepEqual(json.providers[0].credential_keys, ["COMPATIBLE_API_KEY"]);
  });
  it("a key that the vendor refuses is not stored", async () => {
    const args = [
      "provider",
      "create",
      "x",
      "--type",
      "openai",
      "--config",
      `base_url=${vendor.url}`,
      "--api-key-stdin",
    ];
    const run = await openshell(args, { input: "sk-wrong\n" });
    assert.equal(run.code, 1);
    assert.match(run.err, /the key was not accepted \(HTTP 401\)\n {2}→ nothing was changed/);
    assert.equal(existsSync(keyFile("compatible")), false);
    assert.equal(config(), "");
  });
  it("from the environment, by alias, deleted again; not while it answers", async () => {
    const made = await openshell(["provider", "create", "nvidia-nim", "--from-existing", "--no-verify"], {
      env: { NVIDIA_API_KEY: "nvapi-1" },
    });
    assert.equal(made.code, 0, made.err);
    assert.equal(readFileSync(keyFile("nvidia"), "utf8"), "nvapi-1");
    await openshell(["inference", "set", "--provider", "nvidia-nim", "--no-verify"]);
    const used = await openshell(["provider", "delete", "nvidia-nim"]);
    assert.equal(used.code, 1);
    assert.match(used.err, /in use: the default/);
    await openshell(["inference", "set", "--provider", "demo"]);
    assert.equal((await openshell(["provider", "delete", "nvidia"])).out, "✓ Deleted provider nvidia\n");
    assert.equal(existsSync(keyFile("nvidia")), false);
    assert.equal((await openshell(["provider", "get", "nvidia"])).code, 1);
  });
  it("wrong words are said with what to do, and change nothing", async () => {
    const cases: [args: string[], code: number, err: RegExp][] = [
      [["update"], 2, /which provider\?/],
      [["update", "a", "--provider", "b"], 2, /one provider at a time: a, b/],
      [["create", "defapy", "--api-key-stdin"], 2, /did you mean defapi\?[\s\S]*providers: demo, defapi/],
      [["create", "x", "--type", "opnai"], 2, /there is no type opnai/],
      [["create", "x", "--type", "openai", "--config", "OPENAI_BASE_URL=ftp://x"], 2, /http or https/],
      [["create", "x", "--type", "openai", "--config", "OPENAI_BASE_URL=https://u:p@x/"], 2, /without user/],
      [["create", "x", "--type", "openai", "--config", "region=eu"], 2, /only an address/],
      [["create", "compatible", "--api-key-stdin"], 2, /needs an address/],
      [["create", "defapi", "--api-key", "two words", "--no-verify"], 2, /one word/],
      [["create", "defapi", "--api-key", "x", "--api-key-stdin"], 2, /one key, in one way/],
      [["create", "defapi", "--credential", "=x"], 2, /expected NAME/],
      [["create", "defapi", "--credential", "NOT_SET"], 2, /NOT_SET is not in the environment/],
      [["create", "defapi"], 2, /there is no terminal/],
    ];
    const check = async ([args, code, err]: (typeof cases)[number]) => {
      const run = await openshell(["provider", ...args]);
      assert.equal(run.code, code, `${args.join(" ")}: ${run.err}`);
      assert.match(run.err, err);
    };
    await Promise.all(cases.map(check));
    assert.equal(config(), "");
    assert.equal(existsSync(keyFile("defapi")), false);
  });
});

describe("openshell inference", () => {
  it("set tries the model by a real call and tells it in OpenShell's lines; comments of the file stay", async () => {
    writeFileSync(
      home.file("config.yaml"),
      `# mine\nsandboxes:\n  my-agent: { provider: demo, model: demo-1 } # the first\n  other: { provider: openai, model: gpt-5.4 }\ninference:\n  default: { provider: demo, model: demo-1 }\n  providers:\n    compatible: { baseUrl: ${vendor.url} }\n`,
    );
    storeKey();
    const run = await openshell([
      "inference",
      "set",
      "--provider",
      "compatible-endpoint",
      "--model",
      "fake-1",
    ]);
    assert.equal(run.code, 0, run.err);
    assert.match(
      run.out,
      new RegExp(
        `^Inference configured:\n\n {2}Workspace: default\n {2}Route: inference\\.local\n {2}Provider: compatible\n {2}Model: fake-1\n {2}Version: \\d+\n {2}Validated Endpoints:\n {4}- ${vendor.url}/chat/completions \\(openai\\)\n$`,
      ),
    );
    assert.match(config(), /^# mine\n/);
    const got = async (...args: string[]) =>
      JSON.parse((await openshell(["inference", "get", "-o", "json", ...args])).out);
    assert.equal((await got()).model, "fake-1");
    assert.equal((await got("--sandbox", "my-agent")).model, "fake-1", "it followed the default");
    assert.equal((await got("--sandbox", "other")).model, "gpt-5.4", "it had its own");
    await openshell(["inference", "set", "--sandbox", "other", "--provider", "demo"]);
    assert.deepEqual(
      [(await got("--sandbox", "other")).provider, (await got()).provider],
      ["demo", "compatible"],
    );
  });
  it("a model that is refused, no key, an unknown name: nothing changes", async () => {
    writeFileSync(
      home.file("config.yaml"),
      `inference: { providers: { compatible: { baseUrl: ${vendor.url} } } }\n`,
    );
    storeKey();
    const before = config();
    const cases: [args: string[], code: number, err: RegExp][] = [
      [["--provider", "compatible", "--model", "no-such"], 1, /compatible\/no-such/],
      [["--provider", "compatible"], 2, /no usual model/],
      [["--provider", "defapi"], 1, /no key yet[\s\S]*provider create defapi/],
      [["--provider", "defapy"], 2, /did you mean defapi/],
      [["--model", "x y", "--no-verify"], 2, /model/],
      [["--provider", "demo", "--sandbox", "nobody"], 1, /was not onboarded/],
      [[], 2, /--provider, --model or both/],
    ];
    const check = async ([args, code, err]: (typeof cases)[number]) => {
      const run = await openshell(["inference", "set", ...args]);
      assert.equal(run.code, code, `${args.join(" ")}: ${run.err}`);
      assert.match(run.err, err);
    };
    await Promise.all(cases.map(check));
    assert.equal(config(), before);
  });
});
