/** What `nemoclaw start` does: runs the service, asks one question with `--once`, offers a chat prompt in a terminal. */
import { setImmediate } from "node:timers/promises";
import { Fault } from "../../lib/errors.ts";
import { homeFrom } from "../../lib/paths.ts";
import { howToClaim } from "../access/ask.ts";
import { askOnce } from "../chat/once.ts";
import { chatPrompt } from "../chat/prompt.ts";
import { EXIT, say } from "../io.ts";
import { hasColor, prettyLines } from "../pretty.ts";
import type { ServiceStatus } from "../supervisor/control.ts";
import { openInstallation } from "../supervisor/installation.ts";
import { BOT_TOKENS, type BotName, isBot } from "../supervisor/secrets.ts";
import { Supervisor } from "../supervisor/supervisor.ts";
import { startDetached } from "./detach.ts";
import { joinRunning, runningStatus } from "./join.ts";
import { NAMED, type StartOptions } from "./options.ts";

/** Runs until the service has ended; ends the process. */
export async function runStart(service: string | undefined, options: StartOptions): Promise<void> {
  const home = options.home ?? homeFrom(process.env);
  if (service !== undefined) insistKnown(service);
  if (options.once?.trim() === "")
    throw new Fault({ code: "usage", message: "--once: the question is empty" });
  const running = service === undefined && !options.detach ? undefined : await runningStatus(home);
  if (running && service !== undefined) process.exit(await joinRunning(home, service));
  if (options.detach) return runDetached(home, service, options, running);
  const installation = await openInstallation(home, process.env, {
    driver: options.driver,
    port: options.port,
  });
  if (service !== undefined) insistOn(service, installation.bots);
  const interactive = options.once === undefined && options.prompt && isTerminal();
  const pretty = prettyLines({
    color: hasColor(process.stderr),
    level: interactive || options.once !== undefined ? "error" : "info",
  });
  const supervisor = new Supervisor({
    installation,
    progress: say,
    onLog: (line) => {
      if (options.background) return; // All of it is in the log already.
      const text = pretty(line);
      if (text !== undefined) process.stderr.write(text);
    },
  });
  for (const notice of installation.notices) say(`! ${notice}`);

  // In a terminal, or for one question, an interrupt ends everything. A service manager's SIGTERM leaves the agents.
  const attended = interactive || options.once !== undefined;
  let interrupted = false;
  const interrupt = (sandboxes: boolean) => () => {
    if (interrupted) process.exit(130);
    interrupted = true;
    say("stopping (again to stop at once) …");
    void supervisor.stop({ sandboxes, hurry: sandboxes });
  };
  process.on("SIGINT", interrupt(attended));
  process.on("SIGTERM", interrupt(options.once !== undefined));
  process.on("SIGHUP", interrupt(attended));

  await supervisor.start();
  for (const warning of supervisor.status.warnings.filter((text) => !installation.notices.includes(text)))
    say(`! ${warning}`);
  if (options.once !== undefined) {
    const asking = new AbortController();
    void supervisor.ended.then(() => asking.abort());
    const code = await askOnce(installation.paths.consoleSocket, options.once, asking.signal);
    await supervisor.stop({ sandboxes: true });
    process.exit(interrupted ? 130 : code);
  }
  sayWhereToChat(supervisor);
  const bots = supervisor.status.services.filter(({ name }) => isBot(name));
  for (const line of await howToClaim({ home }, bots, isTerminal() && process.stderr.isTTY === true))
    say(line);
  // A bridge whose platform is away may come later; READY is said when it has, and else before the prompt.
  await Promise.race([supervisor.ready.then(() => say("READY")), setImmediate()]);
  if (interactive) {
    await Promise.race([chatPrompt(installation.paths.consoleSocket), supervisor.ended]);
    await supervisor.stop({ sandboxes: true, hurry: true });
  }
  await supervisor.ended;
  await supervisor.answered;
  process.exit(EXIT.ok);
}

function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** In the background, unless it runs there already. */
async function runDetached(
  home: string,
  service: string | undefined,
  { port, driver }: StartOptions,
  running: ServiceStatus | undefined,
): Promise<void> {
  if (running) return say(`nemoclaw runs already (pid ${running.pid}); nemoclaw status shows how it is`);
  const args = [
    ...(service === undefined ? [] : [service]),
    ...(port === undefined ? [] : ["--port", port]),
    ...(driver === undefined ? [] : ["--driver", driver]),
  ];
  const status = await startDetached({ home, args, progress: say });
  say(`runs in the background (pid ${status.pid}); nemoclaw status, nemoclaw logs --follow, nemoclaw stop`);
}

/** @throws Fault `usage` */
function insistKnown(service: string): void {
  if (NAMED.includes(service)) return;
  throw new Fault({
    code: "usage",
    message: `"${service}" can't be started by itself`,
    hint: `nemoclaw start runs everything; by name: ${NAMED.join(", ")}`,
  });
}

/** Where a bot's token comes from. */
const TOKEN_FROM: Record<BotName, string> = {
  "telegram-bridge": "get one from @BotFather",
  "discord-bridge": "take one from discord.com/developers → your application → Bot",
};

/** @throws Fault when a service that was asked for by name lacks what it needs. */
function insistOn(service: string, bots: readonly BotName[]): void {
  if (!isBot(service) || bots.includes(service)) return;
  const [platform = ""] = service.split("-");
  throw new Fault({
    code: `${platform}-token-missing`,
    message: `the ${platform[0]!.toUpperCase()}${platform.slice(1)} bridge needs a bot token`,
    hint: `${TOKEN_FROM[service]}, then: ${BOT_TOKENS[service].variable}=… nemoclaw start ${service}`,
  });
}

function sayWhereToChat(supervisor: Supervisor): void {
  if (supervisor.consoleUrl) say(`Chat in a browser on this machine: ${supervisor.consoleUrl}`);
  const bots = [
    { name: "telegram-bridge", platform: "Telegram", from: "@BotFather" },
    { name: "discord-bridge", platform: "Discord", from: "discord.com/developers" },
  ];
  for (const { name, platform, from } of bots) {
    const variable = platform.toUpperCase();
    const facts = supervisor.status.services.find((service) => service.name === name)?.facts;
    if (!facts) say(`${platform}: set ${variable}_BOT_TOKEN (from ${from}) to chat there`);
    const where = facts?.["invite"] ?? (facts?.["bot"] && `https://t.me/${facts["bot"].replace(/^@/, "")}`);
    if (where) say(`${platform}: ${where}`);
  }
}
