/** How the first admin comes in, said at the end of onboarding. */
import type { Paths } from "../../lib/paths.ts";
import type { ServiceStatus } from "../supervisor/control.ts";

/** Lines about the bots that run and how to be let in there. */
export async function claimLines(_paths: Paths, status: ServiceStatus | undefined): Promise<string[]> {
  const bridges = status?.services.filter(({ name }) => name.endsWith("-bridge")) ?? [];
  return bridges.map(({ name, state, trouble, facts }) => {
    const bot = facts["bot"];
    if (state !== "ready" || !bot)
      return `${name}: ${trouble || "not ready yet"}; nemoclaw status shows when it is`;
    const where = name === "telegram-bridge" ? `https://t.me/${bot.replace(/^@/, "")}` : bot;
    return `Chat with your agent: ${where}`;
  });
}
