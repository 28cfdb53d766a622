/**
 * One process of the service, from its settings to its end. Supervised, it takes its settings over IPC, says when it is
 * ready, and ends when it is told to or when the supervisor is gone; alone (compose, systemd) they are handed in, and it
 * ends by SIGTERM.
 */
import { writeFileSync } from "node:fs";
import { describeError, Fault } from "../lib/errors.ts";
import { createLogger } from "../lib/logging.ts";
import type { RunningService, StartService } from "./services/service.ts";
import type { FromService, ServiceSettings, ToService } from "./supervisor/messages.ts";
import type { ServiceName } from "./supervisor/users.ts";

/** Each is loaded only in its own process: no other holds its libraries. */
const STARTERS: Record<ServiceName, () => Promise<StartService>> = {
  launcher: async () => (await import("./services/launcher.ts")).startLauncher,
  access: async () => (await import("./services/access.ts")).startAccess,
  gateway: async () => (await import("./services/gateway.ts")).startGateway,
  worker: async () => (await import("./services/worker.ts")).startWorker,
  console: async () => (await import("./services/console.ts")).startConsole,
  "telegram-bridge": async () => (await import("./services/telegram-bridge.ts")).startTelegram,
  "discord-bridge": async () => (await import("./services/discord-bridge.ts")).startDiscord,
};

/** After an exception that nobody caught, and after the supervisor's death, ending may take this long. */
const LAST_MOMENTS_MS = 3_000;

/** Touched while the process is well, for health checks of compose: a loop that hangs touches nothing. */
const BEAT_FILE = "/tmp/nemoclaw-alive";
const BEAT_MS = 5_000;

function beat(): void {
  const touch = () => {
    try {
      writeFileSync(BEAT_FILE, "");
    } catch {
      // No place for it: nobody looks there either.
    }
  };
  touch();
  setInterval(touch, BEAT_MS).unref();
}

const tell = (message: FromService) => {
  if (process.connected) process.send?.(message);
};

/** Ends the process even when what is to be done before hangs. */
function endAfter(work: Promise<unknown> | undefined, code: number, limitMs?: number): void {
  const end = () => process.exit(code);
  if (limitMs !== undefined) setTimeout(end, limitMs).unref();
  Promise.resolve(work).then(end, end);
}

/** Runs the service `name`; `alone`: its settings, where no supervisor tells them. Ends the process. */
export async function serve(name: ServiceName, alone?: ServiceSettings): Promise<void> {
  process.umask(0o077);
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});
  process.title = `nemoclaw ${name}`;
  let running: RunningService | undefined;
  let begun = false;
  const gone = () => process.exit(0); // Nothing has begun yet.
  const told = new Promise<ServiceSettings>((resolve) => {
    process.on("message", (message: ToService) => {
      if (message.type === "settings") resolve(message.settings);
      else if (message.type === "ping")
        tell({ type: "pong", n: message.n, ...(running ? { facts: running.facts } : {}) });
      else if (message.type === "drain" && !begun) gone();
    });
  });
  process.once("disconnect", gone);
  const loading = STARTERS[name]();
  loading.catch(() => {}); // Reported below, when there is a log to report to.
  const settings = alone ?? (await told);
  begun = true;
  process.off("disconnect", gone);
  const logger = createLogger({ process: name, level: settings.config.log.level });

  let ending = false;
  const end = (
    why: string,
    how: (service: RunningService) => Promise<void>,
    code: number,
    limitMs?: number,
  ) => {
    // A drain that hangs must not outlive the supervisor: a later, shorter limit counts.
    if (ending && limitMs !== undefined) setTimeout(() => process.exit(code), limitMs).unref();
    if (ending) return;
    ending = true;
    logger.info({ why }, "ending");
    endAfter(running && how(running), code, limitMs);
  };
  process.on("message", (message: ToService) => {
    if (message.type === "config") {
      logger.level = message.config.log.level;
      running?.reconfigure?.(message.config);
      logger.info("settings changed");
    }
    if (message.type !== "drain") return;
    const leave = (service: RunningService) => service.leave?.() ?? service.drain();
    end("drain", message.hurry ? leave : (service) => service.drain(), 0);
  });
  process.on("SIGTERM", () => end("SIGTERM", (service) => service.drain(), 0));
  process.on("disconnect", () =>
    end("the supervisor is gone", (service) => service.leave?.() ?? service.drain(), 0, LAST_MOMENTS_MS),
  );
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      logger.fatal({ err: error }, event);
      end(event, (service) => service.leave?.() ?? service.drain(), 1, LAST_MOMENTS_MS);
    });
  }

  try {
    const start = await loading;
    running = await start(settings, logger);
    tell({ type: "ready", facts: running.facts });
    logger.info("ready");
    if (alone) beat();
  } catch (error) {
    logger.error({ err: error }, "can't start");
    const { code = "service-start", hint, retryable = true } = error instanceof Fault ? error : {};
    const message = error instanceof Fault ? error.message : describeError(error);
    tell({ type: "failed", code, message, hint, retryable });
    endAfter(new Promise((resolve) => setTimeout(resolve, 50)), 1);
  }
}
