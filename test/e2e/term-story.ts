/**
 * `openshell term` in a real terminal over the whole service: what an agent does is on the screen, keys let through and
 * refuse what really waits, and the screen lives on while gateway and Redis die. Runs inside `inOwnNetwork`; rejects at
 * the first thing that went another way.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startInternet } from "../helpers/internet.ts";
import { startService } from "../helpers/service.ts";
import { startTerminal } from "../helpers/tmux.ts";
import { playSandboxes } from "./sandbox-commands.ts";

const HELLO = /hello from the public host/;
const ASKS = /\[OpenShell\] Agent attempted to reach example\.test:80[\s\S]*Allow\? \[y\/n\/a\]:/;
/** Longer than a question must have been on the screen before a key answers it. */
const READ_MS = 600;
const facts: Record<string, number> = {};

const internet = await startInternet();
const service = await startService();
const openshell = join(import.meta.dirname, "..", "..", "bin", "openshell");
const shell = `"${process.execPath}" "${openshell}" term; echo "ended with $?"; read -r _`;
const env = { NEMOCLAW_HOME: service.home, PATH: process.env["PATH"] ?? "" };
const since = performance.now();
const terminal = startTerminal(["sh", "-c", shell], { env });
try {
  await terminal.shows(/gateway ✓ {2}worker ✓ {2}launcher ✓/);
  facts["firstScreenMs"] = Math.round(performance.now() - since);

  const record = join(service.home, "screen.bytes");
  terminal.record(record);
  const recordedAt = performance.now();
  await service.ask("What is 1+2?");
  await terminal.shows(/(warm|busy) +my-agent/);
  await terminal.shows(/ok +demo\/\S+ +\S+→\S+ tok/);

  // A held connection, let through by a key.
  let answer = service.ask("run curl -sS http://example.test/hello");
  await terminal.shows(ASKS);
  await terminal.shows(/ask +GET example\.test:80\/hello/);
  await terminal.shows(/run +curl -sS/);
  await sleep(READ_MS);
  assert.equal(internet.visits.length, 0, "nothing left before the key");
  const pressedAt = performance.timeOrigin + performance.now();
  terminal.press("y");
  assert.match((await answer).markdown, HELLO);
  facts["keyToUpstreamMs"] = Math.round((internet.visits[0]?.connectedAt ?? Number.NaN) - pressedAt);
  await terminal.shows(/allow +GET example\.test:80\/hello/);
  await terminal.shows(/✓ a_\w+ +GET example\.test/);

  // Another one, refused.
  answer = service.ask("run curl -sS http://example.test/again");
  await terminal.shows(/GET example\.test:80\/again[\s\S]*Allow\?/);
  await sleep(READ_MS);
  terminal.press("n");
  assert.match((await answer).markdown, /approval_denied/);
  await terminal.shows(/deny +GET example\.test:80\/again/);
  assert.equal(internet.visits.length, 1);

  // Files that programs of the sandbox write, without any tool of the agent saying so.
  await service.ask("run echo x > report.txt");
  await terminal.shows(/(create|write) +~\/workspace\/report\.txt/);

  // Nothing of that cleared the screen: what changes is written in place, in one piece for terminals that can wait.
  terminal.record();
  const written = readFileSync(record, "latin1");
  assert.ok(written.includes("\u001b[?2026h"), "updates are synchronized");
  for (const clear of ["\u001b[J", "\u001b[2J", "\u001b[3J"])
    assert.ok(!written.includes(clear), "the screen is never cleared");
  facts["bytesPerSecond"] = Math.round((written.length * 1_000) / (performance.now() - recordedAt));

  // Another size, and back.
  terminal.resize(120, 40);
  await terminal.shows(/Network requests[\s\S]*\n[^\n]{100,}╮/);
  terminal.resize(60, 30);
  await terminal.shows(/^╭─ 1 Sandboxes 1 ─+╮\n/m);
  terminal.resize(80, 24);
  await terminal.shows(/Sandboxes 1 ─+╮╭─ 3 Network requests/);
  terminal.press("?");
  await terminal.shows(/Keys[\s\S]*deny, and don't ask again/);
  terminal.press("?");

  // The gateway dies and comes back; then Redis. The screen says so and goes on.
  await service.kill("gateway");
  await terminal.shows(/gateway ✗/);
  await terminal.shows(/gateway ✓/);
  await service.kill("redis");
  await sleep(1_500);
  await service.ready();
  answer = service.ask("run curl -sS http://example.test/later");
  await terminal.shows(/GET example\.test:80\/later[\s\S]*Allow\?/, 60_000);
  await sleep(READ_MS);
  terminal.press("s");
  assert.match((await answer).markdown, HELLO);

  await playSandboxes(service.home, facts);

  const quitAt = performance.now();
  terminal.press("q");
  await terminal.shows(/ended with 0/);
  facts["quitMs"] = Math.round(performance.now() - quitAt);
  assert.ok((facts["quitMs"] ?? 0) < 5_000, "nothing is waited for");
  assert.doesNotMatch(terminal.screen(), /Network requests/, "the screen before is there again");
  console.log(JSON.stringify(facts));
} catch (error) {
  console.log(terminal.screen());
  throw error;
} finally {
  terminal.close();
  await service.stop();
  await internet.close();
}
