/**
 * Credentials on disk and as the operator adds them: for the gateway alone, listed without secrets, refused when they can't be
 * one; and what each sandbox is told.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import pino from "pino";
import { basicLabels, CredentialStore, credentialMethods } from "../../../src/gateway/credentials/index.ts";
import { OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";

const SECRET = "ghx_4f9a/+8Qz-verysecret==";
const PLACEHOLDER = "nemoclaw-credential:github";

async function withStore(
  work: (given: { store: CredentialStore; dir: string }) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "cs-"));
  const labelsOf = (id: string) => [id, "my-agent", "profile:default"];
  const store = new CredentialStore({ dir, logger: pino({ level: "fatal" }), labelsOf });
  const binding = {
    name: "github",
    host: "API.example.com",
    header: "Authorization: Bearer {}",
    for: ["my-agent"],
  };
  await credentialMethods(store)["credentials.add"]!.run({ ...binding, secret: SECRET });
  try {
    await work({ store, dir });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe("the store of credentials", () => {
  it("is kept in a file for the gateway alone, read again, listed without its secret", async () => {
    await withStore(async ({ store, dir }) => {
      const methods = credentialMethods(store);
      assert.deepEqual(readdirSync(dir), ["github.json"]);
      assert.equal(statSync(join(dir, "github.json")).mode & 0o777, 0o600);
      const listed = await methods["credentials.list"]!.run({});
      assert.deepEqual(listed, {
        credentials: [
          {
            ...{ name: "github", host: "api.example.com", port: 443, header: "Authorization: Bearer {}" },
            ...{ methods: [], paths: ["/**"], for: ["my-agent"] },
          },
        ],
      });
      const again = () => new CredentialStore({ dir, logger: pino({ level: "fatal" }), labelsOf: () => [] });
      assert.equal(again().list().length, 1);
      // One that others could have read, and one that was bent, are unknown rather than half in force.
      chmodSync(join(dir, "github.json"), 0o644);
      assert.equal(again().list().length, 0);
      chmodSync(join(dir, "github.json"), 0o600);
      writeFileSync(join(dir, "github.json"), "{}");
      assert.equal(again().list().length, 0);
      await assert.rejects(methods["credentials.remove"]!.run({ name: "nope" }), {
        code: "credential-unknown",
      });
    });
  });

  it("what can't be a credential is refused when it is added", async () => {
    await withStore(async ({ store }) => {
      const { run } = credentialMethods(store)["credentials.add"]!;
      const good = {
        name: "a",
        host: "a.example",
        header: "X-Key: {}",
        for: ["my-agent"],
        secret: "12345678",
      };
      for (const bad of [
        { host: "*.example.com" },
        { host: "a.example:443" },
        { header: "Host: {}" },
        { header: "Transfer-Encoding: {}" },
        { header: "X-Key: {} {}" },
        { header: "X-Key: nothing" },
        { header: "X-Key: {}\r\nHost: evil" },
        { for: [] },
        { secret: "short" },
        { secret: "two\nlines-of-it" },
        { name: "../up" },
        { paths: ["no-slash"] },
        { methods: ["get"] },
        { more: 1 },
      ]) {
        await assert.rejects(async () => run({ ...good, ...bad }), JSON.stringify(bad));
      }
      await run(good);
    });
  });

  it("the operator's sandbox is known by its name, the others by their ids", () => {
    assert.deepEqual(basicLabels(OPERATOR_PRINCIPAL), [OPERATOR_PRINCIPAL, "my-agent"]);
    assert.deepEqual(basicLabels("p_x"), ["p_x"]);
  });

  it("a sandbox is told its placeholders, and none of others'", async () => {
    await withStore(async ({ store, dir }) => {
      const egress = join(dir, "egress");
      store.prepare("p_test", egress);
      const told = () => readFileSync(join(egress, "trust", "credentials.env"), "utf8");
      assert.equal(told(), `NEMOCLAW_CREDENTIAL_GITHUB=${PLACEHOLDER}\n`);
      const { run } = credentialMethods(store)["credentials.add"]!;
      const base = { host: "a.example", header: "X-Key: {}", secret: "12345678" };
      await run({ ...base, name: "not-mine", for: ["other"] });
      await run({ ...base, name: "by-profile", for: ["profile:default"] });
      assert.equal(
        told(),
        `NEMOCLAW_CREDENTIAL_BY_PROFILE=nemoclaw-credential:by-profile\nNEMOCLAW_CREDENTIAL_GITHUB=${PLACEHOLDER}\n`,
      );
      store.remove("github");
      assert.ok(!told().includes("GITHUB"));
    });
  });
});
