/** How the first admin comes in, said at the end of onboarding. The code is for a terminal's eyes only. */
import type { Paths } from "../../lib/paths.ts";
import { howToClaim } from "../access/ask.ts";
import type { ServiceStatus } from "../supervisor/control.ts";

/** Lines about the bots that run, and how to be let in there. `shown`: a person reads them on a terminal. */
export async function welcomeLines(
  paths: Paths,
  status: ServiceStatus | undefined,
  shown: boolean,
): Promise<string[]> {
  const bridges = status?.services.filter(({ name }) => name.endsWith("-bridge")) ?? [];
  const lines = bridges.map(({ name, state, trouble, facts }) => {
    const bot = facts["bot"];
    if (state !== "ready" || !bot)
      return `${name}: ${trouble || "not ready yet"}; nemoclaw status shows when it is`;
    return `Chat with your agent: ${name === "telegram-bridge" ? telegramLink(bot) : (facts["invite"] ?? bot)}`;
  });
  return [...lines, ...(await howToClaim({ home: paths.home }, bridges, shown))];
}

const telegramLink = (bot: string): string => `https://t.me/${bot.replace(/^@/, "")}`;
