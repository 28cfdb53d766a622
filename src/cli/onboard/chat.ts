/** Onboarding's questions about chats: the bot's token, checked by the platform itself, and who may write to it. */
import { describeError, Fault } from "../../lib/errors.ts";
import { type Given, idsOf } from "./given.ts";
import type { NewSecret, SecretBag } from "./secrets.ts";
import type { Ui } from "./ui.ts";

/** What is chosen. */
export interface ChatChoice {
  secrets: NewSecret[];
  /** Absent: as it is. */
  telegramUsers?: string[] | undefined;
}

/** What the step is told. */
export interface ChatContext {
  ui: Ui;
  given: Given;
  bag: SecretBag;
  verify: boolean;
  /** Where Telegram is; tests have their own. */
  apiRoot: string;
  /** A token lies there already. */
  hasToken: boolean;
}

const LIMIT_MS = 10_000;

/** Asks about Telegram. */
export async function askChat(context: ChatContext): Promise<ChatChoice> {
  const { ui, given, bag, hasToken } = context;
  const said = bag.get("TELEGRAM_BOT_TOKEN");
  const wanted =
    said !== undefined ||
    (ui.interactive &&
      (await ui.sure({
        message: hasToken ? "Telegram is set up. Another bot instead?" : "Chat by Telegram?",
        flag: "TELEGRAM_BOT_TOKEN",
        initial: false,
      })));
  const secrets = wanted ? [await telegramToken(context, said)] : [];
  const users =
    given.telegramUsers ??
    (ui.interactive && wanted
      ? idsOf(
          await ui.text({
            message: "Your Telegram user id (nobody else is let in; 0 = later)",
            flag: "--telegram-users",
            initial: "0",
            check: (value) =>
              /^[\d\s,]+$/.test(value) ? undefined : "numeric ids; the bot tells a stranger theirs",
          }),
        ).filter((id) => id !== "0")
      : undefined);
  return { secrets, ...(users && users.length > 0 ? { telegramUsers: users } : {}) };
}

async function telegramToken(
  { ui, verify, apiRoot }: ChatContext,
  said: string | undefined,
): Promise<NewSecret> {
  for (let value = said; ; value = undefined) {
    value ??= await ui.secret({
      message: "Bot token from @BotFather (not shown)",
      flag: "TELEGRAM_BOT_TOKEN",
    });
    const secret: NewSecret = { process: "telegram-bridge", name: "bot-token", value };
    if (!/^\d{5,12}:[A-Za-z0-9_-]{30,}$/.test(value)) {
      if (!ui.interactive)
        throw new Fault({ code: "usage", message: "TELEGRAM_BOT_TOKEN is no bot token (12345678:AA…)" });
      ui.warn("That is no bot token; they look like 12345678:AA…");
      continue;
    }
    if (!verify) return secret;
    const token = value;
    const checked = await ui.busy(
      "Asking Telegram",
      () => getMe(apiRoot, token),
      (result) => (result.kind === "ok" ? sayCheck(result) : `! Telegram: ${sayCheck(result)}`),
    );
    if (checked.kind === "ok") return secret;
    const refused = checked.kind === "refused";
    if (ui.interactive) {
      if (await ui.sure({ message: "Save it anyway?", flag: "--no-verify", initial: !refused }))
        return secret;
    } else if (refused) {
      throw new Fault({
        code: "token-check",
        message: `Telegram: ${sayCheck(checked)}`,
        hint: "@BotFather: /token",
      });
    } else {
      ui.warn("the bot token is saved without a check");
      return secret;
    }
  }
}

type Check = { kind: "ok"; bot: string } | { kind: "refused" } | { kind: "unreachable"; why: string };

const sayCheck = (check: Check): string =>
  check.kind === "ok"
    ? `the bot is @${check.bot}`
    : check.kind === "refused"
      ? "the token was not accepted"
      : `can't be reached: ${check.why}`;

/** Bot API "getMe". The token is part of the URL: no error may show it. */
async function getMe(apiRoot: string, token: string): Promise<Check> {
  try {
    const response = await fetch(`${apiRoot.replace(/\/+$/, "")}/bot${token}/getMe`, {
      redirect: "manual",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    if (response.status === 401 || response.status === 404) return { kind: "refused" };
    const body = (await response.json()) as { ok?: boolean; result?: { username?: string } };
    const bot = body.result?.username;
    return body.ok && bot && /^\w{3,64}$/.test(bot)
      ? { kind: "ok", bot }
      : { kind: "unreachable", why: `HTTP ${response.status}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { kind: "unreachable", why: describeError(cause).replaceAll(token, "…") };
  }
}
