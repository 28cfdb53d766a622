/** Chat platforms as onboarding asks about them: their tokens, and the call that proves one. */
import { describeError } from "../../lib/errors.ts";
import type { BotName } from "../supervisor/secrets.ts";

/** What became of a check. */
export type TokenCheck =
  | { kind: "ok"; bot: string }
  | { kind: "refused" }
  | { kind: "unreachable"; why: string };

/** One platform. */
export interface Platform {
  process: BotName;
  label: string;
  /** Where an operator gets a token. */
  from: string;
  /** What a token looks like. */
  token: RegExp;
  example: string;
  /** Asks the platform who the token is. Never rejects, never shows the token. */
  check(apiRoot: string, token: string): Promise<TokenCheck>;
}

const LIMIT_MS = 10_000;

/** In the order in which they are asked about. */
export const PLATFORMS: readonly Platform[] = [
  {
    process: "telegram-bridge",
    label: "Telegram",
    from: "@BotFather",
    token: /^\d{5,12}:[A-Za-z0-9_-]{30,}$/,
    example: "12345678:AA…",
    // Bot API "getMe"; a wrong token is 401 or 404.
    check: (apiRoot, token) =>
      ask(`${trimmed(apiRoot)}/bot${token}/getMe`, {}, token, [401, 404], (body) => {
        const { ok, result } = body as { ok?: boolean; result?: { username?: string } };
        return ok === true ? result?.username : undefined;
      }),
  },
  {
    process: "discord-bridge",
    label: "Discord",
    from: "discord.com/developers/applications",
    token: /^[A-Za-z0-9_-]{18,40}\.[A-Za-z0-9_-]{4,10}\.[A-Za-z0-9_-]{20,}$/,
    example: "MTIz….Gabc.…",
    // API v10 "Get Current User".
    check: (apiRoot, token) =>
      ask(
        `${trimmed(apiRoot)}/v10/users/@me`,
        { authorization: `Bot ${token}` },
        token,
        [401, 403],
        (body) => (body as { username?: string }).username,
      ),
  },
];

const trimmed = (url: string): string => url.replace(/\/+$/, "");

async function ask(
  url: string,
  headers: Record<string, string>,
  token: string,
  refusals: readonly number[],
  nameIn: (body: unknown) => string | undefined,
): Promise<TokenCheck> {
  try {
    const response = await fetch(url, {
      headers: { "user-agent": "DiscordBot (nemoclaw-bridge, 1)", ...headers },
      redirect: "manual",
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    if (refusals.includes(response.status)) return { kind: "refused" };
    const bot = nameIn((await response.json()) as unknown);
    return bot && /^[\w.-]{2,64}$/.test(bot)
      ? { kind: "ok", bot }
      : { kind: "unreachable", why: `HTTP ${response.status}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { kind: "unreachable", why: describeError(cause).replaceAll(token, "…") };
  }
}
