/** What every `openshell` command has: help with examples, near words, exit codes; `status`, `logs` and lines of `term` with nothing running. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { Command } from "commander";
import { openshellLine, parseLine, spanOf } from "../../../src/cli/logs/line.ts";
import { openshellProgram } from "../../../src/cli/openshell-program.ts";
import { OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import { scratch } from "../../gateway/policy/live-kit.ts";
import { runCommand } from "../../helpers/command.ts";

const home = scratch();
after(() => home.remove());
const openshell = (...args: string[]) => runCommand("openshell", args, { home: home.dir });

describe("every command", () => {
  const walk = (command: Command): Command[] => [command, ...command.commands.flatMap(walk)];
  for (const command of openshellProgram().commands) {
    it(`${command.name()}: a description for it and all below, and examples`, () => {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      assert.match(help, /Examples:\n {2}\S/, command.name());
      for (const one of walk(command)) assert.ok(one.description().length > 10, one.name());
    });
  }
  it("near words, unknown words, wrong options end with 2 and say what is meant", async () => {
    const near = await openshell("sttus");
    assert.deepEqual([near.code, near.out], [2, ""]);
    assert.match(near.err, /Did you mean status\?/);
    assert.equal((await openshell("logs", "--since", "yesterday")).code, 2);
    assert.equal((await openshell("--version")).out, "0.1.0\n");
  });
  it("with nothing running: says so, ends with 3, quickly", async () => {
    for (const args of [["rule", "get"], ["policy", "get"], ["status"]]) {
      const run = await openshell(...args);
      assert.equal(run.code, 3, args.join(" "));
      assert.match(run.out + run.err, /nemoclaw start/);
      assert.ok(run.ms < 3_000, `${args.join(" ")} took ${Math.round(run.ms)} ms`);
    }
    assert.equal(JSON.parse((await openshell("status", "-o", "json")).out).status, "Not running");
  });
});

describe("openshell logs", () => {
  const line = (more: object) =>
    JSON.stringify({
      level: "info",
      time: "2026-11-26T12:00:00.250Z",
      process: "gateway",
      msg: "hello",
      ...more,
    });
  it("has OpenShell's shape, one line whatever is in it", () => {
    const text = openshellLine(parseLine(line({ n: 1, host: "a b\n\u001b[2J", err: { message: "boom" } }))!);
    assert.equal(
      text,
      '[1795694400.250] [gateway ] [INFO ] [nemoclaw] hello n=1 host="a b\\u{a}\\u{1b}[2J" reason=boom',
    );
    assert.equal(parseLine("no json"), undefined);
    assert.deepEqual(["30s", "5m", "2h", "1d", "5", "m", "5w"].map(spanOf), [
      30_000,
      300_000,
      7_200_000,
      86_400_000,
      undefined,
      undefined,
      undefined,
    ]);
  });
  it("filters by sandbox, source, level, age and number", async () => {
    mkdirSync(join(home.dir, "logs"));
    const lines = [
      line({ msg: "old", time: "2026-01-01T00:00:00.000Z" }),
      line({ msg: "mine", sandboxId: OPERATOR_PRINCIPAL, time: new Date().toISOString() }),
      line({ msg: "bad", level: "error", process: "worker", time: new Date().toISOString() }),
    ];
    writeFileSync(join(home.dir, "logs", "nemoclaw.jsonl"), `${lines.join("\n")}\n`);
    const said = async (...args: string[]) =>
      [...(await openshell("logs", ...args)).out.matchAll(/\[nemoclaw\] (\w+)/g)].map(([, word]) => word);
    assert.deepEqual(await said(), ["old", "mine", "bad"]);
    assert.deepEqual(await said("my-agent"), ["mine"]);
    assert.deepEqual(await said("--since", "5m"), ["mine", "bad"]);
    assert.deepEqual(await said("--level", "warn"), ["bad"]);
    assert.deepEqual(await said("--source", "gateway", "-n", "1"), ["mine"]);
  });
});

describe("openshell term without a terminal", () => {
  it("prints lines, says what is away, and ends in order by a signal", async () => {
    const bin = join(import.meta.dirname, "..", "..", "..", "bin", "openshell");
    const child = spawn(process.execPath, [bin, "term"], {
      env: { PATH: process.env["PATH"], NEMOCLAW_HOME: home.dir },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    const end = new Promise<number | null>((resolve) => child.once("close", resolve));
    await new Promise<void>((resolve) =>
      child.stdout.on("data", (chunk) => {
        out += chunk;
        if (out.includes("! worker")) resolve();
      }),
    );
    child.kill("SIGTERM");
    assert.equal(await end, 0);
    assert.match(out, /^Waiting for agents/);
    assert.match(out, /! gateway: nemoclaw is not running on this home \(start it with: nemoclaw start\)/);
  });
});
