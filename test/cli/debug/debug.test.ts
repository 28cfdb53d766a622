/** `nemoclaw debug` with secrets planted everywhere, `nemoclaw update`, `nemoclaw completion` in real shells. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { isNewer } from "../../../src/cli/commands/update.ts";
import { runCommand } from "../../helpers/command.ts";
import { plantSecret, ROOT, sickHome } from "../doctor/kit.ts";

describe("nemoclaw debug", () => {
  /** None of them looks like a key: only their values give them away. */
  const PLANTED = {
    provider: "correct-horse-battery",
    token: "1234567890:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr",
    redis: "a/b+c=redis password?",
    credential: "hunter2-but-longer",
    environment: "from-the-environment",
  };
  let temp = "";
  let sick: ReturnType<typeof sickHome>;
  before(() => {
    temp = mkdtempSync(join(tmpdir(), "nc-dbg-"));
    sick = sickHome({ log: { level: "info" }, inference: { default: { provider: "demo" } } });
    const { paths } = sick;
    plantSecret(paths, "gateway", "compatible.key", PLANTED.provider);
    plantSecret(paths, "telegram-bridge", "bot-token", PLANTED.token);
    plantSecret(paths, "gateway", "redis-password", `${PLANTED.redis}\n`);
    mkdirSync(join(paths.secrets("gateway"), "credentials"));
    const credential = { name: "github", secret: PLANTED.credential };
    writeFileSync(join(paths.secrets("gateway"), "credentials", "github.json"), JSON.stringify(credential));
    const line = (msg: string) =>
      `${JSON.stringify({ level: "info", time: new Date(), process: "gateway", msg })}\n`;
    for (const secret of Object.values(PLANTED)) {
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")])
        appendFileSync(join(paths.logs, "nemoclaw.jsonl"), line(`went wrong with ${form} at the vendor`));
    }
    appendFileSync(join(paths.logs, "nemoclaw.jsonl"), line("and Bearer sk-unknown-to-anybody-0123456789"));
    writeFileSync(paths.policyFile, `# ${PLANTED.credential}\negress:\n  allowed: []\n`);
  });
  after(() => {
    for (const dir of [temp, sick.home]) rmSync(dir, { recursive: true, force: true });
  });
  const debug = (...args: string[]) =>
    runCommand("nemoclaw", ["debug", ...args], { home: sick.home, env: { MY_API_KEY: PLANTED.environment } });

  for (const quick of [true, false])
    it(`holds no secret, in no form${quick ? " (--quick)" : ""}`, async () => {
      const file = join(temp, quick ? "quick.tar.gz" : "full.tar.gz");
      const { code, out, err } = await debug("-o", file, ...(quick ? ["--quick"] : []));
      assert.equal(code, 0, err);
      assert.equal(out, `${file}\n`);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      const text = gunzipSync(readFileSync(file)).toString("utf8");
      assert.match(text, /went wrong with \[secret gateway\/compatible\.key\] at the vendor/);
      for (const secret of Object.values(PLANTED))
        for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64")])
          assert.ok(!text.includes(form), `${form} is in it`);
      assert.doesNotMatch(text, /sk-unknown/);
    });

  it("holds what helps: facts, settings, status, log; in full also what the doctor says", () => {
    const names = execFileSync("tar", ["tzf", join(temp, "full.tar.gz")], { encoding: "utf8" });
    for (const name of [
      "facts.json",
      "config.yaml",
      "policy.yaml",
      "status.json",
      "log.jsonl",
      "doctor.json",
    ])
      assert.match(names, new RegExp(`^nemoclaw-debug/${name.replace(".", "\\.")}$`, "m"));
    const quick = execFileSync("tar", ["tzf", join(temp, "quick.tar.gz")], { encoding: "utf8" });
    assert.doesNotMatch(quick, /doctor/);
  });

  it("never writes over a file", async () => {
    const { code, err } = await debug("--quick", "-o", join(temp, "quick.tar.gz"));
    assert.equal(code, 1);
    assert.match(err, /can't be written: EEXIST[\s\S]*another --output/);
  });
});

describe("nemoclaw update --check", () => {
  let temp = "";
  before(() => {
    temp = mkdtempSync(join(tmpdir(), "nc-upd-"));
  });
  after(() => rmSync(temp, { recursive: true }));

  it("says what this copy is, and either whether it is the newest or why nobody can say", async () => {
    const { code, out, err } = await runCommand("nemoclaw", ["update", "--check", "--json"], { home: temp });
    const report = JSON.parse(out) as { current: string; newer?: boolean; why: string; how: string };
    assert.match(report.current, /^\d+\.\d+\.\d+/);
    assert.equal(code, report.newer === undefined ? 1 : 0, err);
    assert.ok(report.newer !== undefined || report.why !== "");
    assert.notEqual(report.how, "");
  });

  it("names runtimes that no blueprint uses any more", async () => {
    const old = join(temp, "runtime", "0".repeat(64));
    mkdirSync(old, { recursive: true });
    const { out } = await runCommand("nemoclaw", ["update", "--check"], { home: temp });
    assert.match(out, new RegExp(`old runtime, not used any more: ${old}`));
  });

  it("compares versions by number", () => {
    for (const [one, other, newer] of [
      ["0.10.0", "0.9.9", true],
      ["1.0.0", "1.0.0", false],
      ["0.1.0", "0.2.0", false],
      ["1.2.3-beta.1", "1.2.2", true],
    ] as const)
      assert.equal(isNewer(one, other), newer, `${one} ${other}`);
  });
});

describe("nemoclaw completion", () => {
  let home = "";
  const scripts = new Map<string, string>();
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "nc-cmp-"));
    writeFileSync(
      join(home, "config.yaml"),
      "sandboxes:\n  research:\n    provider: demo\n    model: demo-1\n",
    );
    for (const shell of ["bash", "zsh", "fish"]) {
      const { code, out, err } = await runCommand("nemoclaw", ["completion", shell], { home });
      assert.equal(code, 0, err);
      scripts.set(shell, join(home, `completion.${shell}`));
      writeFileSync(join(home, `completion.${shell}`), out);
    }
  });
  after(() => rmSync(home, { recursive: true }));
  const env = () => ({
    PATH: `${join(ROOT, "bin")}:${process.env["PATH"]}`,
    NEMOCLAW_HOME: home,
    HOME: home,
  });

  /** What bash would offer for this line; the last word is the one being typed. */
  function bash(...words: string[]): string[] {
    const line = words.map((word) => `'${word}'`).join(" ");
    const program = `source ${scripts.get("bash")}; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _${words[0]}; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", program], { encoding: "utf8", env: env() });
    assert.equal(stderr, "");
    return stdout.trim().split("\n").filter(Boolean);
  }

  it("bash: commands, their options, commands of commands", () => {
    assert.ok(bash("nemoclaw", "st").includes("status") && bash("nemoclaw", "st").includes("start"));
    assert.deepEqual(bash("nemoclaw", "backup", "--with"), ["--with-secrets"]);
    assert.deepEqual(bash("nemoclaw", "policy", "exp"), ["explain"]);
    assert.deepEqual(bash("nemoclaw", "backup", "--output", "x", "--js"), ["--json"]);
    assert.deepEqual(bash("openshell", "policy", "app"), ["apply"]);
  });

  it("bash: names of sandboxes, and what may come after one", () => {
    assert.deepEqual(bash("nemoclaw", "rese"), ["research"]);
    assert.ok(bash("nemoclaw", "research", "policy-").includes("policy-list"));
  });

  it("bash: nothing hidden is offered", () => {
    assert.deepEqual(bash("nemoclaw", "completion", "--nam"), []);
  });

  for (const shell of ["zsh", "fish"] as const) {
    const there = spawnSync(shell, ["--version"]).status === 0;
    it(`${shell} takes its script`, { skip: there ? false : `${shell} is not installed` }, () => {
      const { status, stderr } = spawnSync(shell, ["-n", scripts.get(shell) ?? ""], {
        encoding: "utf8",
        env: env(),
      });
      assert.deepEqual([status, stderr], [0, ""]);
    });
  }

  const fish = spawnSync("fish", ["--version"]).status === 0;
  it("fish offers the same", { skip: fish ? false : "fish is not installed" }, () => {
    const offer = (line: string) =>
      spawnSync("fish", ["-c", `source ${scripts.get("fish")}; complete -C '${line}'`], {
        encoding: "utf8",
        env: env(),
      })
        .stdout.trim()
        .split("\n")
        .map((row) => row.split("\t")[0]);
    assert.deepEqual(offer("nemoclaw policy exp"), ["explain"]);
    assert.deepEqual(offer("nemoclaw rese"), ["research"]);
    assert.ok(offer("nemoclaw research policy-").includes("policy-list"));
  });
});
