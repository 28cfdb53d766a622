/** Writes the systemd units of an installation, and the users that they run as. Makes, starts and enables nothing. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../../lib/errors.ts";
import { pathsOf } from "../../lib/paths.ts";
import { PROJECT_ROOT } from "../project.ts";
import { botsWithToken } from "../supervisor/secrets.ts";
import { usersFor } from "../supervisor/users.ts";
import { sysusers } from "./sysusers.ts";
import { systemdUnits } from "./units.ts";

/** Where the files go. */
export interface UnitDirs {
  units: string;
  users: string;
}

/** @throws Fault `service-install` where this can't work */
export function installUnits(home: string, dirs: UnitDirs, say: (line: string) => void): void {
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
  const users = usersFor(0, 0);
  const units = systemdUnits({
    ...{ home, redisServer, users, bots: botsWithToken(pathsOf(home)) },
    command: `${process.execPath} ${join(PROJECT_ROOT, "bin", "nemoclaw")}`,
  });
  const write = (dir: string, files: Readonly<Record<string, string>>) => {
    mkdirSync(dir, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text, { mode: 0o644 });
  };
  write(dirs.units, units);
  write(dirs.users, { "nemoclaw.conf": sysusers(users) });
  say(`✓ ${Object.keys(units).length} units in ${dirs.units}, their users in ${dirs.users}/nemoclaw.conf`);
  say("  then: systemd-sysusers && systemctl daemon-reload && systemctl enable --now nemoclaw.target");
}
