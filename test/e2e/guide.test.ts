/**
 * Steps 5 and 6 of the deployment guide, typed literally, with the real OpenClaw in the real sandbox: the shell, the
 * terminal UI on the warm agent, one question by an agent of its own while the warm one lives.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { startService, type TestService } from "../helpers/service.ts";
import { hostShell } from "../helpers/shell.ts";

/** A cold start of the real agent, on a busy machine of two cores. */
const COLD_MS = 180_000;

describe("the deployment guide, steps 5 and 6", () => {
  let service: TestService;
  let terminal: ReturnType<typeof hostShell>;
  before(async () => {
    service = await startService({ agent: "real" });
    terminal = hostShell(service.home, "nemoclaw my-agent connect");
  });
  after(async () => {
    terminal?.close();
    await service?.stop();
  });

  it("connect shows the sandbox's prompt before the agent is warm", async () => {
    await terminal.shows(/^sandbox@my-agent:~\$$/m, 60_000);
  });

  it("openclaw tui joins the warm agent and answers", async () => {
    terminal.line("openclaw tui");
    await terminal.shows(/connected/i, COLD_MS);
    terminal.type("hello, can you introduce yourself?");
    terminal.press("Enter");
    await terminal.shows(/I am the built-in/, COLD_MS);
    terminal.press("C-c");
    terminal.press("C-c");
    await terminal.shows(/^sandbox@my-agent:~\$$/m, 30_000);
  });

  it("openclaw agent --local answers in the terminal, and the warm agent still does", async () => {
    terminal.line(
      'clear; openclaw agent --agent main --local -m "What is 2+2?" --session-id test; echo code=$?',
    );
    await terminal.shows(/^code=\d+$/m, COLD_MS);
    assert.match(terminal.screen(), /\b4\b[\s\S]*^code=0$/m);
    const answer = await service.ask("What is 3+4?", { timeoutMs: COLD_MS });
    assert.match(answer.markdown, /7/);
    terminal.line("exit");
    await terminal.shows(/^host>\s*$/m);
  });

  it("nemoclaw NAME agent asks the warm agent from outside", async () => {
    terminal.line('clear; nemoclaw my-agent agent -m "What is 40+2?"; echo code=$?');
    await terminal.shows(/^code=\d+$/m, COLD_MS);
    assert.match(terminal.screen(), /\b42\b[\s\S]*^code=0$/m);
  });
});
