/** Onboarding's questions about chats: each platform's token, checked by the platform itself. */
import { Fault } from "../../lib/errors.ts";
import { BOT_TOKENS, type BotName } from "../supervisor/secrets.ts";
import { PLATFORMS, type Platform, type TokenCheck } from "./platforms.ts";
import type { NewSecret, SecretBag } from "./secrets.ts";
import type { Ui } from "./ui.ts";

/** What the step is told. */
export interface ChatContext {
  ui: Ui;
  bag: SecretBag;
  verify: boolean;
  /** Where each platform is; tests have their own. */
  apiRoots: Readonly<Record<BotName, string>>;
  /** Bridges whose token lies there already. */
  stored: readonly BotName[];
}

/** Asks about each platform; returns the new tokens. */
export async function askChat(context: ChatContext): Promise<NewSecret[]> {
  const secrets: NewSecret[] = [];
  for (const platform of PLATFORMS) {
    const { ui, bag, stored } = context;
    const { variable } = BOT_TOKENS[platform.process];
    const said = bag.get(variable);
    const message = stored.includes(platform.process)
      ? `${platform.label} is set up. Another bot instead?`
      : `Chat by ${platform.label}?`;
    const wanted =
      said !== undefined || (ui.interactive && (await ui.sure({ message, flag: variable, initial: false })));
    if (wanted) secrets.push(await tokenOf(context, platform, said));
  }
  return secrets;
}

async function tokenOf(
  { ui, verify, apiRoots }: ChatContext,
  platform: Platform,
  said: string | undefined,
): Promise<NewSecret> {
  const { process, label, from } = platform;
  const { variable, file } = BOT_TOKENS[process];
  for (let value = said; ; value = undefined) {
    value ??= await ui.secret({ message: `Bot token from ${from} (not shown)`, flag: variable });
    const secret: NewSecret = { process, name: file, value };
    if (!platform.token.test(value)) {
      if (!ui.interactive)
        throw new Fault({ code: "usage", message: `${variable} is no bot token (${platform.example})` });
      ui.warn(`That is no bot token; they look like ${platform.example}`);
      continue;
    }
    if (!verify) return secret;
    const token = value;
    const checked = await ui.busy(
      `Asking ${label}`,
      () => platform.check(apiRoots[process], token),
      (result) => (result.kind === "ok" ? sayCheck(result) : `! ${label}: ${sayCheck(result)}`),
    );
    if (checked.kind === "ok") return secret;
    const refused = checked.kind === "refused";
    if (ui.interactive) {
      if (await ui.sure({ message: "Save it anyway?", flag: "--no-verify", initial: !refused }))
        return secret;
    } else if (refused) {
      throw new Fault({
        code: "token-check",
        message: `${label}: ${sayCheck(checked)}`,
        hint: `get a new one from ${from}, or save it unchecked with --no-verify`,
      });
    } else {
      ui.warn("the bot token is saved without a check");
      return secret;
    }
  }
}

const sayCheck = (check: TokenCheck): string =>
  check.kind === "ok"
    ? `the bot is @${check.bot}`
    : check.kind === "refused"
      ? "the token was not accepted"
      : `can't be reached: ${check.why}`;
