/** What the guest takes from the gateway's files: all or nothing of the trust, and only what a placeholder can look like. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gatewayWasHere, trustEnv } from "../../../src/sandbox/guest/trust.ts";

const dir = mkdtempSync(join(tmpdir(), "tr-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("without files nothing is set; a bundle without the CA isn't enough", () => {
  assert.deepEqual(trustEnv({ trust: join(dir, "absent") }), {});
  writeFileSync(join(dir, "bundle.pem"), "x");
  assert.deepEqual(trustEnv({ trust: dir }), {});
});

test("Node gets the CA alone, the others the bundle", () => {
  writeFileSync(join(dir, "ca.pem"), "x");
  const env = trustEnv({ trust: dir });
  assert.equal(env["NODE_EXTRA_CA_CERTS"], join(dir, "ca.pem"));
  for (const name of [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GIT_CONFIG_VALUE_0",
    "PIP_CERT",
    "npm_config_cafile",
  ])
    assert.equal(env[name], join(dir, "bundle.pem"), name);
});

test("of credentials.env only placeholders are taken", () => {
  const lines = [
    "NEMOCLAW_CREDENTIAL_A=nemoclaw-credential:a",
    "PATH=/tmp",
    "NEMOCLAW_CREDENTIAL_B=something else",
    "NEMOCLAW_CREDENTIAL_C_1=nemoclaw-credential:c-1",
    "LD_PRELOAD=nemoclaw-credential:x",
  ];
  writeFileSync(join(dir, "credentials.env"), `${lines.join("\n")}\n`);
  const env = trustEnv({ trust: dir });
  assert.equal(env["NEMOCLAW_CREDENTIAL_A"], "nemoclaw-credential:a");
  assert.equal(env["NEMOCLAW_CREDENTIAL_C_1"], "nemoclaw-credential:c-1");
  assert.ok(!("PATH" in env) && !("LD_PRELOAD" in env) && !("NEMOCLAW_CREDENTIAL_B" in env));
});

test("a start waits for the gateway's socket, but not for long", async () => {
  const egressSocket = join(dir, "later", "egress.sock");
  const begin = performance.now();
  const waiting = gatewayWasHere({ egressSocket });
  setTimeout(() => {
    mkdirSync(join(dir, "later"));
    writeFileSync(egressSocket, "");
  }, 100);
  await waiting;
  assert.ok(performance.now() - begin < 700);
  await gatewayWasHere({ egressSocket: join(dir, "never") });
  assert.ok(performance.now() - begin < 4_000);
});
