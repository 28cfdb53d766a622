/** Writes the systemd units of an installation. Starts and enables nothing. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { pathsOf } from "../../lib/paths.ts";
import { PROJECT_ROOT } from "../project.ts";
import { botsWithToken } from "../supervisor/secrets.ts";
import { usersFor } from "../supervisor/users.ts";
import { systemdUnits } from "./units.ts";

/** @throws Fault `service-install` where this can't work */
export function installUnits(home: string, dir: string, say: (line: string) => void): void {
  if (process.getuid?.() !== 0) {
    throw new Fault({
      code: "service-install",
      message: "system units run several users: only root installs them",
      hint: "sudo",
    });
  }
  const redisServer = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].find((path) =>
    existsSync(path),
  );
  if (redisServer === undefined) {
    throw new Fault({
      code: "service-install",
      message: "there is no redis-server",
      hint: "apt-get install redis-server",
    });
  }
  const units = systemdUnits({
    ...{ home, redisServer, users: usersFor(0, 0), bots: botsWithToken(pathsOf(home)) },
    command: `${process.execPath} ${join(PROJECT_ROOT, "bin", "nemoclaw")}`,
  });
  mkdirSync(dir, { recursive: true });
  for (const [name, text] of Object.entries(units)) writeFileSync(join(dir, name), text, { mode: 0o644 });
  say(`✓ ${Object.keys(units).length} units in ${dir}`);
  say("  then: systemctl daemon-reload && systemctl enable --now nemoclaw.target");
}
