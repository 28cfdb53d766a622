/**
 * What OpenClaw is told: its configuration and environment. Pure: same start, same result but for the token.
 * Holds no secret that is worth something outside this sandbox: the key is a placeholder (the inference router adds
 * the real one), the token is random per start and opens only this sandbox's own loopback gateway.
 */
import { join } from "node:path";
import type { GuestPaths, StartConfig } from "./paths.ts";

/** The provider's name inside OpenClaw; the router decides what is really called. */
export const PROVIDER = "bridge";

/** Skills that would set up hosts, channels or providers, or need OpenClaw's own web page: not this agent's business. */
const SKILLS_OFF = [
  "add-model-provider",
  "cloud-image-bake",
  "configure-channel",
  "diagnose-gateway",
  "clawhub",
  "control-ui",
  "healthcheck",
  "node-connect",
  "taskflow",
  "taskflow-inbox-triage",
  "visualize",
];

/** Tools that wait for OpenClaw's own web page, which nobody has open. */
const TOOLS_OFF = [
  "ask_user",
  "secrets",
  "dashboard",
  "theme",
  "progress_card",
  "github_identity_status",
  "gateway",
];

/** What it may call a model that was chosen for a conversation (protocol.ts, MODEL_ALIAS). */
const ALIASES = Array.from({ length: 16 }, (_, i) => `choice-${i}`);

/** `openclaw.json`. Written anew at each start: whatever the agent did to the last one is gone. */
export function openclawConfig(
  start: StartConfig,
  paths: GuestPaths,
  token: string,
): Record<string, unknown> {
  const { model, contextWindow, maxTokens, askCommands } = start.agent;
  return {
    models: {
      mode: "replace",
      providers: {
        [PROVIDER]: {
          // Reached by OPENCLAW_PROXY_URL: CONNECT inference.local:80 on 127.0.0.1:3128, no name is resolved here.
          baseUrl: "http://inference.local/v1",
          apiKey: "not-a-secret",
          api: "openai-completions",
          models: [model, ...ALIASES].map((id) => ({
            ...{ id, name: id, reasoning: false, input: ["text"], contextWindow, maxTokens },
          })),
        },
      },
    },
    agents: {
      defaults: {
        model: { primary: `${PROVIDER}/${model}` },
        workspace: paths.workspace,
        // Our own seeds (seed.ts): OpenClaw's would begin each new user's first chat with its birth ritual.
        skipBootstrap: true,
        heartbeat: { every: "0m" },
      },
    },
    gateway: {
      mode: "local",
      port: paths.agentPort,
      bind: "loopback",
      // Here and not in the environment: the agent's tools inherit that.
      auth: { mode: "token", token },
      controlUi: { enabled: false },
    },
    // `ask` needs a client that can answer (gateway-client.ts); without one OpenClaw denies.
    tools: { profile: "coding", deny: TOOLS_OFF, ...(askCommands ? { exec: { mode: "ask" } } : {}) },
    skills: { entries: Object.fromEntries(SKILLS_OFF.map((name) => [name, { enabled: false }])) },
    memory: { search: { enabled: false } },
    plugins: { enabled: false },
    discovery: { mdns: { mode: "off" } },
    cron: { enabled: false },
    browser: { enabled: false },
    update: { checkOnStart: false },
    logging: { level: "warn", consoleLevel: "warn" },
  };
}

/** Says of every process of the agent that it is one (processes.ts). */
export const MARKER = "NEMOCLAW_AGENT";

/** Says of every process of an operator's session which one it belongs to. */
export const SHELL_MARKER = "NEMOCLAW_SHELL";

/** The agent's whole environment; nothing of the guest's own is passed on. */
export function agentEnv(start: StartConfig, paths: GuestPaths): Record<string, string> {
  const proxy = `http://127.0.0.1:${paths.proxyPort}`;
  return {
    HOME: paths.home,
    USER: "sandbox",
    LANG: "C.UTF-8",
    PATH: `${join(paths.home, ".local/bin")}:/usr/local/bin:/usr/bin:/bin:${join(paths.node, "..")}`,
    SHELL: "/bin/bash",
    TMPDIR: "/tmp",
    [MARKER]: start.bootId,
    OPENCLAW_STATE_DIR: paths.state,
    OPENCLAW_CONFIG_PATH: join(paths.state, "openclaw.json"),
    OPENCLAW_PROXY_URL: proxy,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    NO_PROXY: "127.0.0.1,localhost,::1",
    no_proxy: "127.0.0.1,localhost,::1",
    // Node in the agent's tools honours the proxy only when told to.
    NODE_USE_ENV_PROXY: "1",
    NODE_COMPILE_CACHE: join(paths.home, ".cache/node-compile-cache"),
    // The cache is where OpenClaw wants it: without this its launcher starts itself a second time (60 MB more).
    OPENCLAW_PACKAGED_COMPILE_CACHE_RESPAWNED: "1",
    OPENCLAW_NO_RESPAWN: "1",
    OPENCLAW_DISABLE_BONJOUR: "1",
    OPENCLAW_EXEC_SHELL_SNAPSHOT: "0",
    OPENCLAW_SKIP_CHANNELS: "1",
    OPENCLAW_SKIP_CANVAS_HOST: "1",
    OPENCLAW_SKIP_BROWSER_CONTROL_SERVER: "1",
    OPENCLAW_SKIP_CRON: "1",
    OPENCLAW_NO_AUTO_UPDATE: "1",
  };
}

/** The command of the agent without its sub-command. `--max-semi-space-size=2` saves 100 MB and costs no time. */
export function agentCommand(start: StartConfig, paths: GuestPaths): string[] {
  const program = start.agent.program;
  if (program === undefined)
    return [paths.node, "--max-semi-space-size=2", join(paths.agentPackage, "openclaw.mjs")];
  return /\.[mc]?[jt]s$/.test(program) ? [paths.node, program] : [program];
}
