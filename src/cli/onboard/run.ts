/**
 * `nemoclaw onboard`: asks what wasn't said, keeps the answers while it goes, and writes everything at the end. An
 * interrupted onboarding has changed nothing but its own list of answers.
 */

import { text as readAll } from "node:stream/consumers";
import { InferenceConfig, type ProviderName, presetNames } from "../../gateway/index.ts";
import type { Config } from "../../lib/config.ts";
import { Fault } from "../../lib/errors.ts";
import { homeFrom, type Paths } from "../../lib/paths.ts";
import { EXIT, say } from "../io.ts";
import { knownSandboxes } from "../names/registry.ts";
import { describeFinding } from "../preflight/finding.ts";
import { thisHost } from "../preflight/host.ts";
import { preflight } from "../preflight/index.ts";
import { readConfig } from "../settings/read.ts";
import { runningStatus } from "../start/join.ts";
import { makeLayout } from "../supervisor/layout.ts";
import { botsWithToken } from "../supervisor/secrets.ts";
import { usersFor } from "../supervisor/users.ts";
import { bringUp, type Complete, idFor, isFirst, write } from "./apply.ts";
import { askChat } from "./chat.ts";
import { welcomeLines } from "./claim.ts";
import { type Given, givenBy, type OnboardOptions } from "./given.ts";
import { askBaseUrl, askKey, askModel, askProvider } from "./model.ts";
import { askName } from "./name.ts";
import { askPolicy, askPresets, preparePresets } from "./policy.ts";
import { parseSecretLines, type SecretBag, takeFromEnvironment } from "./secrets.ts";
import { type Answers, forgetAnswers, loadAnswers, saveAnswers } from "./state.ts";
import { summaryText } from "./summary.ts";
import { Interrupted, plainUi, terminalUi, type Ui } from "./ui.ts";

const STEPS = 7;
/** Variables that onboarding reads and the service must not: there they would override what was written. */
const OURS = [
  "NEMOCLAW_PROVIDER",
  "NEMOCLAW_MODEL",
  "TELEGRAM_ALLOWED_USERS",
  "DISCORD_ALLOWED_USERS",
  "NEMOCLAW_EGRESS_UNKNOWN",
];

/** Runs it; returns the exit code. `reserved`: names of commands, which no sandbox may have. */
export async function runOnboard(options: OnboardOptions, reserved: readonly string[]): Promise<number> {
  const terminal = process.stdin.isTTY === true && process.stderr.isTTY === true;
  const given = givenBy(options, process.env, terminal, presetNames());
  const bag = takeFromEnvironment(process.env);
  for (const variable of OURS) delete process.env[variable];
  const ui = given.interactive ? await terminalUi() : plainUi();
  const fromStdin = options.apiKeyStdin ? (await readAll(process.stdin)).trim() : undefined;
  if (fromStdin === "") throw new Fault({ code: "usage", message: "standard input holds no key" });
  if (options.secretsStdin)
    for (const [name, value] of parseSecretLines(await readAll(process.stdin))) bag.set(name, value);
  const home = options.home ?? homeFrom(process.env);
  const uid = process.getuid?.() ?? -1;
  const paths = makeLayout(home, usersFor(uid, process.getgid?.() ?? -1), uid === 0);
  try {
    return await onboard({ ui, given, bag, fromStdin, paths, options, reserved });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    say("\nStopped; nothing was set up. Go on from here with: nemoclaw onboard --resume");
    return EXIT.interrupted;
  }
}

interface Context {
  ui: Ui;
  given: Given;
  bag: SecretBag;
  fromStdin: string | undefined;
  paths: Paths;
  options: OnboardOptions;
  reserved: readonly string[];
}

async function onboard(context: Context): Promise<number> {
  const { ui, given, bag, fromStdin, paths, options, reserved } = context;
  const { verify } = options;
  const { config } = readConfig(paths, { env: process.env });
  const answers = await earlier(context);
  const keep = (more: Partial<Answers>) => {
    Object.assign(answers, more);
    saveAnswers(paths, answers);
  };

  ui.step(1, STEPS, "Checking this machine");
  await checkMachine(context, config.sandbox.driver, config.redis.url);

  ui.step(2, STEPS, "Sandbox");
  const name = await askName(ui, given, answers.name, knownSandboxes(paths), reserved);
  keep({ name });

  ui.step(3, STEPS, "Inference provider");
  const provider = await askProvider(ui, given, answers.provider);
  if (provider !== answers.provider) keep({ baseUrl: undefined, model: undefined });
  const baseUrl = await askBaseUrl(ui, provider, given, answers.baseUrl ?? configuredUrl(config, provider));
  keep({ provider, ...(baseUrl === undefined ? {} : { baseUrl }) });
  const key = await askKey({ ui, paths, bag, fromStdin, verify }, provider, baseUrl);

  ui.step(4, STEPS, "Model");
  const model = await askModel({ ui, verify }, key.choice, key.models, given, answers.model);
  keep({ model });

  ui.step(5, STEPS, "Network policy");
  const first = isFirst(paths, name);
  const policy = first ? await askPolicy(ui, given, answers.policy) : "strict";
  keep({ policy });
  keep({ presets: await askPresets(ui, given, answers.presets) });
  const presets = await preparePresets(ui, answers.presets ?? [], first ? "default" : idFor(paths, name));

  ui.step(6, STEPS, "Chat");
  const tokens = await askChat({
    ...{ ui, bag, verify, stored: botsWithToken(paths) },
    apiRoots: {
      "telegram-bridge": process.env["TELEGRAM_API_ROOT"] || config.telegram.apiRoot,
      "discord-bridge": process.env["DISCORD_API_ROOT"] || config.discord.apiRoot,
    },
  });
  keep({
    telegramUsers: given.telegramUsers ?? answers.telegramUsers,
    discordUsers: given.discordUsers ?? answers.discordUsers,
  });

  ui.step(7, STEPS, "Installing");
  const secrets = [...(key.choice.secret ? [key.choice.secret] : []), ...tokens];
  const complete: Complete = { ...answers, name, provider, model, policy };
  write({ paths, answers: complete, secrets, presets, driver: options.driver });
  ui.line(`Settings: ${paths.config}`);
  const running = options.start || (await runningStatus(paths.home)) !== undefined;
  const status = running
    ? await ui.busy(
        "Starting the service",
        (tell) => bringUp(paths, tell),
        ({ pid }) => `The service runs (pid ${pid})`,
      )
    : undefined;
  forgetAnswers(paths);
  for (const warning of status?.warnings ?? []) ui.warn(warning);
  for (const line of await welcomeLines(paths, status, ui.interactive)) ui.line(line);
  if (ui.interactive) say("");
  console.log(summaryText({ name, model: `${provider}/${model}`, layers: status?.layers }));
  return EXIT.ok;
}

/** Answers of an interrupted onboarding: taken with --resume, offered in a terminal, else begun anew. */
async function earlier({ ui, paths, options }: Context): Promise<Answers> {
  const none: Answers = { v: 1 };
  const before = options.fresh ? undefined : loadAnswers(paths);
  if (before === undefined) {
    if (options.resume) ui.line("There is no interrupted onboarding; this one begins at the beginning.");
    return none;
  }
  if (options.resume) return before;
  if (!ui.interactive) return none;
  const wanted = await ui.sure({
    message: `An onboarding${before.name ? ` of ${before.name}` : ""} was interrupted. Go on with its answers?`,
    ...{ flag: "--resume", initial: true },
  });
  return wanted ? before : none;
}

/** @throws Fault `preflight` when something is missing that nothing works without. */
async function checkMachine(
  { ui, paths, options }: Context,
  configured: "process" | "docker",
  redisUrl: string | undefined,
): Promise<void> {
  const driver =
    options.driver === "docker" ? "docker" : options.driver === "process" ? "process" : configured;
  const findings = await preflight(thisHost(), { home: paths.home, driver, redisUrl });
  for (const finding of findings) {
    const text = describeFinding(finding);
    if (finding.verdict === "ok") ui.line(text);
    else ui.warn(text);
  }
  const failed = findings.filter(({ verdict }) => verdict === "fail");
  if (failed.length === 0) return;
  const names = failed.map(({ name }) => name).join(", ");
  const goOn =
    ui.interactive && (await ui.sure({ message: `Go on without ${names}?`, flag: "--yes", initial: false }));
  if (goOn || options.yes) return;
  throw new Fault({
    code: "preflight",
    message: `this machine isn't ready: ${names}`,
    hint: "mend it as said above and run nemoclaw onboard --resume",
  });
}

/** Where config.yaml says that this provider is. */
function configuredUrl({ inference }: Config, provider: string): string | undefined {
  return InferenceConfig.parse(inference).providers[provider as ProviderName]?.baseUrl;
}
