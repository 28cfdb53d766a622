/** How the first admin comes in, said at the end of onboarding. The code is for a terminal's eyes only. */
import type { Paths } from "../../lib/paths.ts";
import { claimLines, freshClaimCode, hasAdmin } from "../access/ask.ts";
import type { ServiceStatus } from "../supervisor/control.ts";

/** Lines about the bots that run, and how to be let in there. `shown`: a person reads them on a terminal. */
export async function welcomeLines(
  paths: Paths,
  status: ServiceStatus | undefined,
  shown: boolean,
): Promise<string[]> {
  const bridges = status?.services.filter(({ name }) => name.endsWith("-bridge")) ?? [];
  if (bridges.length === 0) return [];
  const lines = bridges.map(({ name, state, trouble, facts }) => {
    const bot = facts["bot"];
    if (state !== "ready" || !bot)
      return `${name}: ${trouble || "not ready yet"}; nemoclaw status shows when it is`;
    return `Chat with your agent: ${name === "telegram-bridge" ? telegramLink(bot) : (facts["invite"] ?? bot)}`;
  });
  const home = { home: paths.home };
  try {
    if (await hasAdmin(home)) return lines;
    if (!shown) return [...lines, "You have no admin yet: nemoclaw users claim"];
    const { code } = await freshClaimCode(home);
    const telegram = bridges.find(({ name }) => name === "telegram-bridge")?.facts["bot"];
    return [...lines, ...claimLines(code, telegram)];
  } catch {
    return [...lines, "To be let in: nemoclaw users claim"]; // The access component is not up yet.
  }
}

const telegramLink = (bot: string): string => `https://t.me/${bot.replace(/^@/, "")}`;
