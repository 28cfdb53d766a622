/**
 * What NVIDIA's own documentation says to type (reference, table 0): the same things by other words, over one service with
 * the fake agent.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startService, type TestService } from "../helpers/service.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const POLICY = `version: 1
network_policies:
  api:
    endpoints:
      - { host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: read-only }
`;

describe("NVIDIA's words", () => {
  let service: TestService;
  let folder = "";
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "nc-nv-"));
    writeFileSync(join(folder, "X.yaml"), POLICY);
    service = await startService();
    await service.ask("What is 1+2?");
  });
  after(async () => {
    await service.stop();
    rmSync(folder, { recursive: true });
  });

  /** Runs a line as a shell does. */
  const run = (line: string, env: Record<string, string> = {}) => {
    const child = spawn("bash", ["-c", line], {
      cwd: folder,
      env: { PATH: `${join(ROOT, "bin")}:${process.env["PATH"]}`, NEMOCLAW_HOME: service.home, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => (text += data.toString()));
    return new Promise<{ code: number | null; text: string }>((resolve) =>
      child.once("close", (code) => resolve({ code, text })),
    );
  };

  const typed: [line: string, code: number, says: RegExp, env?: Record<string, string>][] = [
    ["nemoclaw -V", 0, /^\d+\.\d+\.\d+\n$/],
    ["nemoclaw help", 0, /^Usage: nemoclaw /],
    ["nemoclaw list", 0, /^\n {2}Sandboxes:\n {4}my-agent \*\n {6}model: .* {2}provider: demo\n/],
    ["nemoclaw my-agent status", 0, /^\n? *Sandbox: my-agent\n {4}Model: {4}demo-1\n {4}Provider: demo\n/],
    ["nemoclaw my-agent policy-list", 0, /^\n {2}Policy presets for sandbox 'my-agent':\n {4}○ brave — /],
    ["nemoclaw my-agent policy-add weather", 0, /Applied preset: weather/],
    ["nemoclaw my-agent policy-list", 0, /\n {4}● weather — /],
    ["nemoclaw my-agent logs", 0, /supervisor|worker|gateway|launcher/],
    [
      "openshell policy set my-agent --policy X.yaml --wait --timeout 60",
      0,
      /✓ Policy version \d+ loaded \(active version: \d+\)/,
    ],
    ["openshell policy set my-agent --policy X.yaml", 0, /· Policy unchanged \(version \d+, hash: /],
    ["openshell policy update my-agent --add-endpoint files.example.com:443:read-only", 0, /submitted/],
    ["openshell policy list my-agent", 0, /^VERSION +HASH +STATUS +CREATED +ERROR\n/],
    ["openshell policy get my-agent --full", 0, /^Version: \d+\nHash: /],
    ["openshell rule get", 0, /^No network rules\./],
    [
      "openshell provider create --name nvidia-nim --type openai --credential NVIDIA_API_KEY",
      0,
      /nvidia/,
      { NVIDIA_API_KEY: "nvapi-0123456789abcdef0123" },
    ],
    ["openshell provider list", 0, /nvidia/],
    ["openshell provider get nvidia-nim", 0, /^Provider:\n/],
    [
      "openshell inference set --no-verify --provider nvidia-nim --model moonshotai/kimi-k2.5",
      0,
      /^Inference configured:\n/,
    ],
    ["openshell inference get", 0, /Model: moonshotai\/kimi-k2\.5/],
    ["nemoclaw inference get --json", 0, /"provider":"nvidia"/],
    ["nemoclaw my-agnt status", 2, /Did you mean my-agent\?[\s\S]*Sandboxes: my-agent/],
    ["nemoclaw my-agent stop", 0, /✓ /],
    ["nemoclaw my-agent destroy --yes", 0, /✓ Sandbox 'my-agent' destroyed/],
  ];
  for (const [line, code, says, env] of typed)
    it(line, async () => {
      const result = await run(line, env);
      assert.match(result.text, says);
      assert.equal(result.code, code, result.text);
      assert.doesNotMatch(result.text, /nvapi-0123/);
    });
});
