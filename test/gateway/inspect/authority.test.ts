/**
 * Certificates checked by OpenSSL, and the life of a sandbox's authority: kept over restarts, renewed in two steps,
 * readable by nobody else.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import pino from "pino";
import { parseAuthority } from "../../../src/gateway/egress/guard/index.ts";
import { eraseAuthority, renewed, SandboxAuthority } from "../../../src/gateway/egress/inspect/authority.ts";
import {
  CA_MS,
  keyPem,
  newCa,
  newKey,
  newLeaf,
  readCa,
} from "../../../src/gateway/egress/inspect/certificate.ts";
import { integer, oid, sequence, time } from "../../../src/gateway/egress/inspect/der.ts";
import { Inspector } from "../../../src/gateway/egress/inspect/inspector.ts";

const DAY = 86_400_000;
const dir = mkdtempSync(join(tmpdir(), "ca-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const at = (text: string) => {
  const parsed = parseAuthority(text);
  assert.ok(parsed.ok);
  return parsed.value;
};

/** OpenSSL's opinion, with its strictest reading of RFC 5280. */
function verify(ca: string, leaf: string, ...more: string[]): string {
  writeFileSync(join(dir, "ca.pem"), ca);
  writeFileSync(join(dir, "leaf.pem"), leaf);
  const args = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", join(dir, "ca.pem"), ...more];
  const { stdout, stderr } = spawnSync("/usr/bin/openssl", [...args, join(dir, "leaf.pem")], {
    encoding: "utf8",
  });
  return stdout.endsWith("leaf.pem: OK\n") ? "ok" : stdout + stderr;
}

describe("DER", () => {
  it("writes what X.690 says", () => {
    assert.equal(integer(0).toString("hex"), "020100");
    assert.equal(integer(Buffer.from("00ff", "hex")).toString("hex"), "020200ff");
    assert.equal(oid("1.2.840.10045.4.3.2").toString("hex"), "06082a8648ce3d040302");
    assert.equal(time(Date.UTC(2049, 11, 31)).toString("latin1"), "\x17\x0d491231000000Z");
    assert.equal(time(Date.UTC(2050, 0, 1)).toString("latin1"), "\x18\x0f20500101000000Z");
    assert.equal(sequence(Buffer.alloc(200)).subarray(0, 3).toString("hex"), "3081c8");
    assert.equal(sequence(Buffer.alloc(300)).subarray(0, 4).toString("hex"), "3082012c");
    assert.throws(() => sequence(Buffer.alloc(70_000)), RangeError);
  });
});

describe("certificates", () => {
  const now = Date.now();
  const ca = newCa(now);
  const key = newKey();

  it("satisfy OpenSSL for names and addresses, and for no other", () => {
    for (const [host, flag, other] of [
      ["api.example.com:443", "-verify_hostname", "b.example.com"],
      [`${"a".repeat(63)}.${"b".repeat(63)}.example.com:443`, "-verify_hostname", "example.com"],
      ["192.0.2.7:443", "-verify_ip", "192.0.2.8"],
      ["[2001:db8::7]:443", "-verify_ip", "2001:db8::8"],
    ] as const) {
      const target = at(host);
      const leaf = newLeaf(ca, key, target, now).certificate;
      assert.equal(verify(ca.certificate, leaf, flag, target.host), "ok");
      assert.match(verify(ca.certificate, leaf, flag, other), /mismatch/);
      assert.match(verify(newCa(now).certificate, leaf), /unable to get local issuer/);
    }
  });

  it("are P-256, short-lived, and the CA signs leaves only", () => {
    const parsed = new X509Certificate(ca.certificate);
    assert.equal(parsed.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    assert.ok(parsed.validToDate.getTime() - now <= 30 * DAY);
    const text = spawnSync("/usr/bin/openssl", ["x509", "-noout", "-text"], {
      input: ca.certificate,
      encoding: "utf8",
    });
    assert.match(text.stdout, /CA:TRUE, pathlen:0/);
    assert.match(text.stdout, /X509v3 Key Usage: critical\s+Certificate Sign\n/);
    const leaf = new X509Certificate(newLeaf(ca, key, at("api.example.com:443"), now).certificate);
    assert.equal(leaf.ca, false);
    assert.ok(leaf.validToDate.getTime() - now <= DAY);
    // A leaf can't be an authority, even for one who had its key.
    const below = newLeaf({ ...ca, key }, newKey(), at("evil.com:443"), now).certificate;
    assert.notEqual(verify(ca.certificate, below), "ok");
  });

  it("a leaf never outlives its CA", () => {
    const late = now + CA_MS - 3_600_000;
    assert.equal(newLeaf(ca, key, at("a.example:443"), late).until, ca.until);
  });

  it("a key of another CA is refused when read back", () => {
    assert.ok(readCa(keyPem(ca.key), ca.certificate));
    assert.equal(readCa(keyPem(newKey()), ca.certificate), undefined);
    assert.equal(readCa(keyPem(key), newLeaf(ca, key, at("a.example:443"), now).certificate), undefined);
    assert.equal(readCa("rubbish", "rubbish"), undefined);
  });
});

describe("a sandbox's authority", () => {
  it("is renewed so that no program that is younger than half a life loses its trust", () => {
    const start = Date.UTC(2030, 0, 1);
    let cas = renewed([], start);
    const trusted = new Map<number, readonly string[]>();
    let changes = 0;
    for (let hour = 0; hour < 24 * 120; hour++) {
      const now = start + hour * 3_600_000;
      const next = renewed(cas, now);
      if (next.length !== cas.length) changes++;
      cas = next;
      trusted.set(
        hour,
        cas.map((ca) => ca.certificate),
      );
      const signer = cas[0]!;
      assert.ok(signer.from <= now && signer.until > now + DAY - 1);
      const then = trusted.get(hour - 24 * 14);
      if (then) assert.ok(then.includes(signer.certificate), `signed by a stranger at hour ${hour}`);
    }
    assert.ok(cas.length <= 2 && changes >= 6);
  });

  it("keeps its key over restarts, in a file for its owner alone; rubbish is replaced", () => {
    const home = join(dir, "keep");
    const first = new SandboxAuthority(home, "p_a").certificates;
    const file = join(home, "p_a.pem");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(home).mode & 0o777, 0o700);
    assert.equal(new SandboxAuthority(home, "p_a").certificates, first);
    assert.notEqual(new SandboxAuthority(home, "p_b").certificates, first);
    writeFileSync(file, readFileSync(file, "utf8").slice(0, 400));
    const fresh = new SandboxAuthority(home, "p_a").certificates;
    assert.notEqual(fresh, first);
    assert.equal(new SandboxAuthority(home, "p_a").certificates, fresh);
    eraseAuthority(home, "p_a");
    assert.equal(existsSync(file), false);
    assert.throws(() => new SandboxAuthority(home, "../p_a"), { code: "sandbox-id-bad" });
  });

  it("makes leaves once and again when half their life is over", () => {
    let now = Date.now();
    const authority = new SandboxAuthority(join(dir, "leaves"), "p_a", () => now);
    const host = at("api.example.com:443");
    const context = authority.contextFor(host);
    assert.equal(authority.contextFor(host), context);
    now += DAY / 2 + 1;
    assert.notEqual(authority.contextFor(host), context);
  });

  it("tells the sandbox: bundle and CA, world-readable, no key; again after a renewal", () => {
    let now = Date.now();
    const egress = join(dir, "egress");
    const operator = newCa(now).certificate;
    writeFileSync(join(dir, "operator.pem"), `# ours\n${operator}`);
    const inspector = new Inspector({
      ...{ dir: join(dir, "told"), logger: pino({ level: "fatal" }), now: () => now },
      operatorCaFile: join(dir, "operator.pem"),
    });
    inspector.prepare("p_a", egress);
    const read = (name: string) => readFileSync(join(egress, "trust", name), "utf8");
    const ca = read("ca.pem");
    assert.equal(statSync(join(egress, "trust", "ca.pem")).mode & 0o777, 0o644);
    assert.ok(read("bundle.pem").endsWith(ca) && read("bundle.pem").includes(operator));
    assert.ok((read("bundle.pem").match(/BEGIN CERTIFICATE/g)?.length ?? 0) > 100);
    assert.ok(!/PRIVATE/.test(read("bundle.pem") + ca));
    now += 20 * DAY;
    inspector.renew();
    assert.ok(read("ca.pem").startsWith(ca) && read("ca.pem") !== ca, "old and new");
    assert.ok(read("bundle.pem").endsWith(read("ca.pem")));
    inspector.forget("p_a");
    assert.equal(existsSync(join(dir, "told", "p_a.pem")), false);
    inspector.close();
  });

  it("a missing or empty file of further authorities is named at once", () => {
    writeFileSync(join(dir, "empty.pem"), "nothing\n");
    const make = (name: string) => () =>
      new Inspector({ dir, logger: pino({ level: "fatal" }), operatorCaFile: join(dir, name) });
    assert.throws(make("absent.pem"), { code: "ca-file-unreadable" });
    assert.throws(make("empty.pem"), { code: "ca-file-empty" });
  });
});
