/**
 * `nemoclaw start SERVICE` while the service runs: hands over what it lacked (a bot token) and says how that process is.
 */
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { pathsOf } from "../../lib/paths.ts";
import { EXIT, say } from "../io.ts";
import { askControl, type ReloadReport, type ServiceStatus } from "../supervisor/control.ts";
import { BOT_TOKENS, readSecret, writeSecret } from "../supervisor/secrets.ts";
import { usersFor } from "../supervisor/users.ts";

/** The running service's status; undefined when none runs on this home. */
export async function runningStatus(home: string): Promise<ServiceStatus | undefined> {
  try {
    return await askControl<ServiceStatus>(pathsOf(home).status, { op: "status" });
  } catch (error) {
    if (error instanceof Fault && error.code === "not-running") return undefined;
    throw error;
  }
}

/** Makes sure that it runs; returns the exit code. */
export async function joinRunning(home: string, service: string): Promise<number> {
  const paths = pathsOf(home);
  const bridge = Object.keys(BOT_TOKENS).find((name): name is keyof typeof BOT_TOKENS => name === service);
  const token = bridge && BOT_TOKENS[bridge];
  const given = token && process.env[token.variable]?.trim();
  if (bridge && token && given) {
    const file = join(paths.secrets(bridge), token.file);
    const users = usersFor(process.getuid?.() ?? -1, process.getgid?.() ?? -1);
    if (readSecret(file) !== given) writeSecret(file, given, users[bridge]);
  }
  const { troubles } = await askControl<ReloadReport>(paths.status, { op: "reload" });
  const status = await askControl<ServiceStatus>(paths.status, { op: "status" });
  const one = status.services.find(({ name }) => name === service);
  if (!one) {
    throw new Fault({
      code: "service-missing",
      message: `${service} does not run: it lacks what it needs`,
      hint: token ? `${token.variable}=… nemoclaw start ${service}` : "nemoclaw status",
    });
  }
  const facts = Object.values(one.facts).join("  ");
  say(
    `${one.state === "ready" ? "●" : "○"} ${service} ${one.state} (pid ${one.pid})${facts ? `  ${facts}` : ""}`,
  );
  if (one.state === "ready") return EXIT.ok;
  say(`  → ${troubles[0] ?? (one.trouble || "nemoclaw logs --follow")}`);
  return EXIT.failed;
}
