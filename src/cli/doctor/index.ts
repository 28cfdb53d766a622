/** Every check of `nemoclaw doctor`, in the order in which people read them. */
import type { Finding } from "../preflight/finding.ts";
import { preflight } from "../preflight/index.ts";
import { checkAgent, checkRecords } from "./agent.ts";
import { checkAudit } from "./audit.ts";
import { checkClock } from "./clock.ts";
import { checkConfig, checkPolicyFile } from "./config.ts";
import { checkDiscord } from "./discord.ts";
import { type Examined, examine } from "./examined.ts";
import { guarded } from "./guard.ts";
import { checkHome, checkLock, checkSandboxLocks, checkSecrets } from "./home.ts";
import { checkLimits } from "./limits.ts";
import { checkProviders } from "./provider.ts";
import { checkRedis } from "./redis.ts";
import { checkPort, checkProtections, checkServices, checkSwapped } from "./service.ts";
import { checkTelegram } from "./telegram.ts";

/**
 * Examines a home. Changes nothing but for a control group and locks that it tries out for an instant. What this user may
 * not look at is a finding too.
 */
export async function diagnose(home: string, project: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const it = await examine(home, project, env);
  const groups = await Promise.all([
    checkMachine(it),
    guarded("control groups", () => checkLimits(it)),
    guarded("home", () => checkHome(it)),
    guarded("config", () => checkConfig(it)),
    guarded("secrets", () => checkSecrets(it)),
    guarded("lock", () => checkLock(it)),
    guarded("agents' locks", () => checkSandboxLocks(it)),
    checkPort(it),
    guarded("redis", () => checkRedis(it)),
    guarded("blueprint", () => checkAgent(it)),
    guarded("sandbox records", () => checkRecords(it)),
    guarded("policy file", () => checkPolicyFile(it)),
    guarded("audit", () => checkAudit(it)),
    checkServices(it),
    checkProtections(it),
    checkSwapped(it),
    guarded("provider", () => checkProviders(it)),
    guarded("telegram token", () => checkTelegram(it)),
    guarded("discord token", () => checkDiscord(it)),
  ]);
  return [...groups.flat(), checkClock(it.outside.skews)];
}

/** What `onboard` asks of a machine; Redis has checks of its own here. */
async function checkMachine({ host, paths, config }: Examined): Promise<Finding[]> {
  const driver = config?.sandbox.driver ?? "process";
  const findings = await preflight(host, { home: paths.home, driver, redisUrl: undefined });
  return findings.filter(({ name }) => name !== "redis");
}
