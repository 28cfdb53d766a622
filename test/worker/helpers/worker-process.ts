/** A worker as a process of its own, so that tests can kill and stop it. Prints `ready`; SIGTERM drains for 1 s. */
import pino from "pino";
import { pathsOf } from "../../../src/lib/paths.ts";
import { LauncherClient } from "../../../src/sandbox/index.ts";
import { openStore } from "../../../src/store/index.ts";
import { runWorker, WorkerConfig } from "../../../src/worker/index.ts";

const paths = pathsOf(process.env["NEMOCLAW_HOME"] ?? "");
const login = JSON.parse(process.env["REDIS_LOGIN"] ?? "{}") as { username: string; password: string };
const log = pino({ level: process.env["LOG"] ?? "silent" }, pino.destination({ fd: 2, sync: true }));
const store = openStore({
  socketPath: paths.redis.socket,
  ...login,
  hostId: "host1",
  name: "worker",
  logger: log,
});
await store.ready();
const launcher = new LauncherClient({ socket: paths.launcher.workerSocket });
const worker = await runWorker({
  paths,
  config: WorkerConfig.parse({ coldStarts: 8 }),
  store,
  launcher,
  hostId: "host1",
  log,
  onFatal: (error) => {
    console.error(error);
    process.exit(1);
  },
});
process.on("SIGTERM", () => {
  void worker.drain(1_000).then(async () => {
    launcher.close();
    await store.close();
    process.exit(0);
  });
});
await worker.ready;
console.log("ready");
