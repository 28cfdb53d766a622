/**
 * systemd units, one per process, and the slice of the sandboxes. Pure. Stopping or restarting any process ends no agent:
 * agents run in that slice, outside of any unit of a process. Every process but the launcher and the two one-shots runs as its own user without any right.
 */
import { SERVICES, type ServiceName, type Users } from "../supervisor/users.ts";

/** What the units are made of; all paths are this machine's. */
export interface UnitParts {
  home: string;
  users: Users;
  /** The command, as a systemd command line without arguments. */
  command: string;
  redisServer: string;
  /** Folders of home per process, besides `run`. */
  bots: readonly ServiceName[];
}

const AFTER: Record<ServiceName, ServiceName[]> = {
  launcher: [],
  access: [],
  gateway: ["launcher"],
  worker: ["launcher", "gateway"],
  console: [],
  "telegram-bridge": [],
  "discord-bridge": [],
};
const REACHES_OUT: readonly ServiceName[] = ["gateway", "telegram-bridge", "discord-bridge", "console"];

/** What every process does without. V8 compiles code: MemoryDenyWriteExecute can't be had. */
const HARDENED = [
  "NoNewPrivileges=yes",
  "CapabilityBoundingSet=",
  "AmbientCapabilities=",
  "ProtectSystem=strict",
  "ProtectHome=yes",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "ProtectControlGroups=yes",
  "ProtectProc=invisible",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RemoveIPC=yes",
  "LockPersonality=yes",
  "KeyringMode=private",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources",
  "SystemCallErrorNumber=EPERM",
  "UMask=0077",
];

/**
 * Where sandboxes are: no unit's stop or restart reaches them there. The launcher makes groups below it by itself: a
 * service that is delegated its group would need a process, whose death would be theirs.
 */
const SLICE = "nemoclaw-sandboxes.slice";
/** Its control group as systemd lays it out: a dash in a slice's name is a level. */
const SLICE_GROUP = `nemoclaw.slice/${SLICE}`;

/** File name → text. */
export function systemdUnits(parts: UnitParts): Record<string, string> {
  const { home, users, command, redisServer, bots } = parts;
  const services = SERVICES.filter((name) => !name.endsWith("-bridge") || bots.includes(name));
  const unit = (name: string) => `nemoclaw-${name}.service`;
  const environment = `Environment=NEMOCLAW_HOME=${home}`;
  const files: Record<string, string> = {
    [SLICE]: text({
      Unit: ["Description=NemoClaw Bridge: all sandboxes"],
      Slice: ["MemoryAccounting=yes", "TasksAccounting=yes", "CPUAccounting=yes"],
    }),
    "nemoclaw.target": text({
      Unit: ["Description=NemoClaw Bridge", `Wants=${services.map(unit).join(" ")}`],
      Install: ["WantedBy=multi-user.target"],
    }),
    [unit("prepare")]: text({
      Unit: [
        "Description=NemoClaw Bridge: home, logins, runtime",
        "After=network-online.target",
        "Wants=network-online.target",
      ],
      Service: ["Type=oneshot", "RemainAfterExit=yes", environment, `ExecStart=${command} service prepare`],
    }),
    [unit("redis")]: text({
      Unit: [
        "Description=NemoClaw Bridge: Redis",
        `Requires=${unit("prepare")}`,
        `After=${unit("prepare")}`,
        "PartOf=nemoclaw.target",
      ],
      Service: [
        `User=${users.redis.uid}`,
        `Group=${users.redis.gid}`,
        `ExecStart=${redisServer} ${redisArguments(home).join(" ")}`,
        ...restarts(60),
        ...HARDENED.filter((line) => line !== "SystemCallFilter=~@privileged @resources"),
        "RestrictAddressFamilies=AF_UNIX",
        `ReadWritePaths=${home}/redis ${home}/run/redis`,
      ],
    }),
    [unit("store")]: text({
      Unit: ["Description=NemoClaw Bridge: schema", `Requires=${unit("redis")}`, `After=${unit("redis")}`],
      Service: ["Type=oneshot", "RemainAfterExit=yes", environment, `ExecStart=${command} service store`],
    }),
  };
  for (const name of services) {
    const after = [unit("store"), ...AFTER[name].map(unit)];
    const families = REACHES_OUT.includes(name) ? "AF_UNIX AF_INET AF_INET6 AF_NETLINK" : "AF_UNIX";
    const own = [
      `User=${users[name].uid}`,
      `Group=${users[name].gid}`,
      ...HARDENED,
      `RestrictAddressFamilies=${families}`,
      `ReadWritePaths=${home}`,
    ];
    // The launcher makes cages: it keeps root, and what it starts must not end with it, be it on its way to the slice.
    const root = [
      `Environment=NEMOCLAW_CGROUP=${SLICE_GROUP}`,
      ...["KillMode=process", "UMask=0077", "LimitCORE=0"],
    ];
    if (name === "launcher") after.push(SLICE);
    files[unit(name)] = text({
      Unit: [
        `Description=NemoClaw Bridge: ${name}`,
        `Requires=${unit("store")}`,
        ...(name === "launcher" ? [`Wants=${SLICE}`] : []),
        `After=${after.join(" ")}`,
        "PartOf=nemoclaw.target",
      ],
      Service: [
        environment,
        `ExecStart=${command} start ${name} --alone`,
        ...restarts(60),
        ...(name === "launcher" ? root : own),
      ],
    });
  }
  return files;
}

/** Redis as the store insists on it: everything on disk before it is acknowledged, nothing forgotten, no port. */
export function redisArguments(home: string): string[] {
  return [
    ...["--port", "0", "--unixsocket", `${home}/run/redis/redis.sock`, "--unixsocketperm", "770"],
    ...["--dir", `${home}/redis`, "--appendonly", "yes", "--appendfsync", "always", "--save", '""'],
    ...[
      "--maxmemory-policy",
      "noeviction",
      "--aclfile",
      `${home}/secrets/redis/users.acl`,
      "--daemonize",
      "no",
    ],
  ];
}

const restarts = (stopSeconds: number) => ["Restart=always", "RestartSec=1", `TimeoutStopSec=${stopSeconds}`];

function text(sections: Record<string, string[]>): string {
  const parts = Object.entries(sections).map(([name, lines]) => `[${name}]\n${lines.join("\n")}\n`);
  return `# Written by nemoclaw service install.\n${parts.join("\n")}`;
}
