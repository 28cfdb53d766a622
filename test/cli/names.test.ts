/** Sandboxes by name: what the disk knows of them, what is said about names that nobody has, names before commands. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findSandbox, knownSandboxes, onboardedId } from "../../src/cli/names/registry.ts";
import { didYouMean } from "../../src/cli/names/similar.ts";
import { resolveTarget } from "../../src/cli/policy/target.ts";
import { Fault } from "../../src/lib/errors.ts";
import { OPERATOR_PRINCIPAL, principalOf } from "../../src/lib/ids.ts";
import { pathsOf } from "../../src/lib/paths.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const ANN = principalOf("telegram", "7");
let home = "";

before(() => {
  home = mkdtempSync(join(tmpdir(), "nc-"));
});
after(() => rmSync(home, { recursive: true }));

const config = (text: string) => writeFileSync(join(home, "config.yaml"), text);
const record = (id: string, name: string, state: string) => {
  const { records } = pathsOf(home).launcher;
  mkdirSync(records, { recursive: true });
  writeFileSync(
    join(records, `${id}.json`),
    JSON.stringify({ v: 1, id, name, state, agent: { model: "demo/demo-1" }, uid: 1_900_000_001 }),
  );
};
const run = (...args: string[]) => {
  const result = spawnSync(process.execPath, [join(ROOT, "bin", "nemoclaw"), ...args], {
    env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home },
    encoding: "utf8",
    timeout: 30_000,
  });
  return { code: result.status, out: result.stdout, err: result.stderr };
};

describe("sandboxes by name", () => {
  it("an empty home has the operator's my-agent", () => {
    assert.deepEqual(knownSandboxes(pathsOf(home)), {
      sandboxes: [{ id: OPERATOR_PRINCIPAL, name: "my-agent", operators: true, named: false }],
      default: "my-agent",
    });
    assert.equal(resolveTarget("my-agent", { home }), OPERATOR_PRINCIPAL);
    assert.equal(resolveTarget(undefined, { home }), "default");
  });

  it("onboarded ones, other people's, the default first; a damaged record hides nothing else", () => {
    config(
      `sandboxes:\n  helper: { id: ${OPERATOR_PRINCIPAL} }\n  research:\ndefaultSandbox: research\ntelegram: {}\n`,
    );
    record(ANN, "ann", "parked");
    record(OPERATOR_PRINCIPAL, "helper", "running");
    writeFileSync(join(pathsOf(home).launcher.records, "p_damaged.json"), "{");
    const { sandboxes, default: chosen } = knownSandboxes(pathsOf(home));
    assert.equal(chosen, "research");
    assert.deepEqual(
      sandboxes.map(({ name, operators, state }) => [name, operators, state]),
      [
        ["research", true, undefined],
        ["ann", false, "parked"],
        ["helper", true, "running"],
      ],
    );
    assert.equal(findSandbox(home, "research").id, onboardedId("research"));
    assert.equal(findSandbox(home, ANN).name, "ann");
  });

  it("a name that nobody has: those there are, and the nearest", () => {
    assert.throws(
      () => findSandbox(home, "helpr"),
      (error) => {
        assert.ok(error instanceof Fault);
        assert.equal(error.code, "sandbox-unknown");
        assert.match(error.message, /did you mean helper\?/);
        assert.match(error.hint ?? "", /research, ann, helper/);
        return true;
      },
    );
  });

  it("a name that two have is not guessed", () => {
    const other = principalOf("discord", "8");
    record(other, "ann", "stopped");
    assert.throws(() => findSandbox(home, "ann"), /several sandboxes are called ann/);
    rmSync(join(pathsOf(home).launcher.records, `${other}.json`));
  });

  it("a broken config.yaml doesn't keep names of records from being known", () => {
    config("sandboxes: [");
    assert.equal(findSandbox(home, "ann").id, ANN);
    config("");
  });

  for (const [typed, near] of [
    ["stauts", "status"],
    ["polcy", "policy"],
    ["zzz", undefined],
    ["s", undefined],
  ] as const)
    it(`${typed}: ${near ?? "nothing is near"}`, () => {
      assert.equal(didYouMean(typed, ["status", "start", "stop", "policy"]), near);
    });
});

describe("nemoclaw NAME", () => {
  it("asks the service about that sandbox", () => {
    const { code, err } = run("my-agent", "policy-list");
    assert.equal(code, 3);
    assert.match(err, /not running on this home/);
  });

  it("an unknown first word: the nearest word, the sandboxes, exit code 2", () => {
    assert.deepEqual(run("polcy"), {
      code: 2,
      out: "",
      err: "error: unknown command 'polcy'\n(Did you mean policy?)\nSandboxes: my-agent, ann\nnemoclaw --help lists the commands.\n",
    });
    assert.match(run("my-agnt", "policy-list").err, /Did you mean my-agent\?/);
  });

  it("an unknown verb: the nearest one", () => {
    const { code, err } = run("my-agent", "policy-lst");
    assert.equal(code, 2);
    assert.match(err, /unknown command 'policy-lst'\n\(Did you mean policy-list\?\)/);
  });

  it("--help shows the sandbox's own commands, bound to it", () => {
    const { code, out } = run("my-agent", "--help");
    assert.equal(code, 0);
    assert.match(out, /^Usage: nemoclaw my-agent \[options\] \[command\]/);
    assert.match(
      run("my-agent", "policy", "explain", "--help").out,
      /Usage: nemoclaw my-agent policy explain/,
    );
    assert.doesNotMatch(run("my-agent", "policy-add", "--help").out, /--sandbox/);
  });
});
