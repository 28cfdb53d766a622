/**
 * What each command does, the same on every platform. Answers are read from the store or said at once: nothing here ever
 * waits for a running turn. Changes of a conversation's order go through its mailbox, at their seq (RELIABILITY §2).
 */
import type {
  AcceptResult,
  ConversationPort,
  Delivery,
  HomeFile,
  HomeLookPort,
  IngressPort,
  OrderCommand,
  ProfilePort,
  UsagePort,
} from "../../store/index.ts";
import { QueueMode } from "../../store/index.ts";
import { answerApprovals, answerRules, type CardCommandDeps, resetGrants } from "./cards/commands.ts";
import { type Words, wordsOf } from "./catalogue.ts";
import { COMMAND_TABLE, type CommandName, commandData } from "./commands.ts";
import { exportOf } from "./export.ts";
import { parseMarkdown } from "./markdown/parse.ts";
import type { BridgePlatform, Button, Content } from "./port.ts";
import { splitBlocks } from "./split.ts";
import { fileSize, statusText, usageText } from "./status-text.ts";

/** What the operator's configuration offers to everybody. */
export interface Offers {
  /** `<provider>/<model>`: what /model may choose. The gateway checks it again. */
  models: readonly string[];
  /** Used where neither conversation nor profile says otherwise. */
  model: string;
  dailyTokens?: number | undefined;
  dailyMicros?: number | undefined;
  /** Messages that one person may hand in; absent: any number. */
  messagesPerMinute?: number | undefined;
}

/** For bridges that weren't told of any configuration. */
export const NO_OFFERS: Offers = { models: [], model: "demo/demo-1" };

/** A command of somebody who was let in. */
export interface CommandEvent {
  conversation: string;
  bridge: string;
  updateKey: string;
  deliver: Delivery;
  sender: { id: string; name: string };
  principal: string;
}

/** What commands need. */
export interface CommandDeps extends CardCommandDeps {
  ingress: IngressPort;
  conversations: ConversationPort;
  homes: HomeLookPort;
  usage: Pick<UsagePort, "day">;
  profiles: Pick<ProfilePort, "get">;
  platform: BridgePlatform;
  offers: Offers;
}

/** What became of a command. `text`: what follows it is a message for the agent. */
export type CommandOutcome = { kind: "answered" } | { kind: "accepted"; result: AcceptResult; text?: string };

type Handler = (event: CommandEvent, args: string, deps: CommandDeps) => Promise<CommandOutcome>;

const ANSWERED = { kind: "answered" } as const;

/** One row for each row of the table of commands. */
const HANDLERS: Record<CommandName, Handler> = {
  async start(event, _args, deps) {
    // The chat was opened: its agent may warm up.
    void deps.ingress.wakeHint(event.principal).catch(() => {});
    return await say(event, deps, "welcome");
  },

  async help(event, _args, deps) {
    const words = wordsOf(event.deliver.language);
    const lines = COMMAND_TABLE.map(({ name }) => `- /${name} – ${words.sentence(`command.${name}`)}`);
    return await show(event, deps, [words.sentence("help"), lines.join("\n"), words.sentence("help.edits")]);
  },

  async new(event, args, deps) {
    const result = await order(event, deps, { name: "new" });
    resetGrants(event, deps);
    // `/new first question`: the question is a message of the new session.
    return { kind: "accepted", result, ...(args === "" ? {} : { text: args }) };
  },

  stop: async (event, _args, deps) => ({
    kind: "accepted",
    result: await order(event, deps, { name: "stop" }),
  }),

  async status(event, _args, deps) {
    const [look, profile, used] = await Promise.all([
      deps.conversations.look(event.conversation),
      deps.profiles.get(event.principal),
      deps.usage.day(event.principal),
    ]);
    const model = look.model ?? profiled(profile, deps.offers);
    return await show(event, deps, statusText(wordsOf(event.deliver.language), look, model, used));
  },

  async usage(event, _args, deps) {
    const [profile, used] = await Promise.all([
      deps.profiles.get(event.principal),
      deps.usage.day(event.principal),
    ]);
    const limits = {
      tokens: profile?.dailyTokens ?? deps.offers.dailyTokens,
      micros: profile?.dailyMicros ?? deps.offers.dailyMicros,
    };
    return await show(event, deps, usageText(wordsOf(event.deliver.language), used, limits));
  },

  async model(event, args, deps) {
    const { models } = deps.offers;
    const wanted = models.find((model) => model === args) ?? models[Number(args) - 1];
    const known = wanted ?? models.find((model) => model.split("/").slice(1).join("/") === args);
    if (known !== undefined) return ordered(event, deps, { name: "model", model: known });
    if (args !== "") return await say(event, deps, "model-unknown", { model: args });
    const [look, profile] = await Promise.all([
      deps.conversations.look(event.conversation),
      deps.profiles.get(event.principal),
    ]);
    const now = look.model ?? profiled(profile, deps.offers);
    const words = wordsOf(event.deliver.language);
    const lines = models.map((model, i) => `${i + 1}. \`${model}\`${model === now ? " ✓" : ""}`);
    const buttons = models
      .slice(0, 8)
      .flatMap((model, i) => button(model, commandData("model", model) ?? commandData("model", `${i + 1}`)));
    const text = [words.sentence("model-now", { model: now }), lines.join("\n"), words.sentence("model-how")];
    return await show(event, deps, text, buttons);
  },

  async queue(event, args, deps) {
    const wanted = QueueMode.options.find((mode) => mode === args.toLowerCase());
    if (wanted) return ordered(event, deps, { name: "queue", mode: wanted });
    if (args !== "") return await say(event, deps, "queue-unknown", { mode: args });
    const look = await deps.conversations.look(event.conversation);
    const words = wordsOf(event.deliver.language);
    const lines = QueueMode.options.map(
      (one) => `- \`${one}\`${one === look.mode ? " ✓" : ""} – ${words.sentence(`queue.${one}`)}`,
    );
    const buttons = QueueMode.options.flatMap((one) => button(one, commandData("queue", one)));
    const waiting = words.sentence("status.waiting", { count: String(look.waiting) });
    return await show(event, deps, [waiting, lines.join("\n"), words.sentence("queue-how")], buttons);
  },

  async approvals(event, _args, deps) {
    await answerApprovals(event, deps);
    return ANSWERED;
  },

  async rules(event, args, deps) {
    await answerRules(event, args, deps);
    return ANSWERED;
  },

  // Answered by the reception, where there is one (access/reception.ts).
  whoami: (event, _args, deps) => say(event, deps, "access.not-here"),
  link: (event, _args, deps) => say(event, deps, "access.not-here"),
  unlink: (event, _args, deps) => say(event, deps, "access.not-here"),

  async files(event, _args, deps) {
    const look = await deps.homes.files(event.principal);
    if (!look) return await say(event, deps, "files-no-answer");
    if (look.kind === "asleep") return await say(event, deps, "files-asleep");
    const words = wordsOf(event.deliver.language);
    return await show(event, deps, [
      words.sentence("files-inbox", { count: String(look.inbox.length) }),
      fileLines(look.inbox, words),
      words.sentence("files-outbox", { count: String(look.outbox.length) }),
      fileLines(look.outbox, words),
    ]);
  },

  async export(event, _args, deps) {
    const words = wordsOf(event.deliver.language);
    const turns = await deps.conversations.history(event.conversation);
    const { session } = await deps.conversations.look(event.conversation);
    const file = exportOf(
      words,
      turns.filter((turn) => turn.session === session),
    );
    if (!file) return await say(event, deps, "export-none");
    const caption = words.sentence("export-caption");
    const outcome = await deps.platform.sendFile?.(event.deliver, file, contentOf(caption));
    if (outcome?.kind === "ok") return ANSWERED;
    if (outcome) return await say(event, deps, "export-failed");
    return await show(event, deps, [file.bytes.toString("utf8")]);
  },
};

/** Runs one command. Rejects only when the store does. */
export async function runCommand(
  event: CommandEvent,
  name: CommandName,
  args: string,
  deps: CommandDeps,
): Promise<CommandOutcome> {
  return await HANDLERS[name](event, args, deps);
}

/** Names come from the sandbox: they stand in code, where nothing is markup or a link. */
function fileLines(files: readonly HomeFile[], words: Words): string {
  return files
    .map(
      ({ name, size }) => `- ${words.sentence("files-item", { name, size: fileSize(size, words.language) })}`,
    )
    .join("\n");
}

/** What the profile, or else the operator, says. */
function profiled(
  profile: { provider?: string | undefined; model?: string | undefined } | undefined,
  offers: Offers,
): string {
  const [provider = "", ...rest] = offers.model.split("/");
  if (profile?.provider) return `${profile.provider}/${profile.model ?? "-"}`;
  return `${provider}/${profile?.model ?? rest.join("/")}`;
}

async function ordered(event: CommandEvent, deps: CommandDeps, command: OrderCommand) {
  return { kind: "accepted" as const, result: await order(event, deps, command) };
}

async function order(event: CommandEvent, deps: CommandDeps, command: OrderCommand): Promise<AcceptResult> {
  const { conversation, bridge, updateKey, deliver, principal, sender } = event;
  const name = sender.name.slice(0, 128).toWellFormed();
  const who = { conversation, bridge, updateKey, deliver, principal, sender: { ...sender, name } };
  return await deps.ingress.accept({ ...who, command });
}

function button(label: string, data: string | undefined): Button[] {
  return data === undefined ? [] : [{ label, data }];
}

function contentOf(source: string, buttons: Button[] = []): Content {
  const content = { kind: "notice" as const, blocks: parseMarkdown(source), source };
  return buttons.length > 0 ? { ...content, buttons, perRow: 2 } : content;
}

async function say(
  event: CommandEvent,
  deps: CommandDeps,
  code: string,
  params = {},
): Promise<CommandOutcome> {
  return await show(event, deps, [wordsOf(event.deliver.language).sentence(code, params)]);
}

/** Paragraphs as one notice, or as several where the platform's messages are shorter. */
async function show(
  event: CommandEvent,
  deps: CommandDeps,
  paragraphs: string[],
  buttons: Button[] = [],
): Promise<CommandOutcome> {
  const source = paragraphs.filter((text) => text !== "").join("\n\n");
  const shown = deps.supportsButtons ? buttons : [];
  const { limits, measure } = deps.platform;
  const parts = splitBlocks(parseMarkdown(source), limits.textUnits, measure);
  for (const [i, blocks] of parts.entries()) {
    const last = i === parts.length - 1;
    await deps.show(event.deliver, { ...contentOf(source, last ? shown : []), blocks });
  }
  return ANSWERED;
}
