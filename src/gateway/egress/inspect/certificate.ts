/**
 * The two certificates that inspection needs: a sandbox's CA (ECDSA P-256, path length 0, servers only) and a leaf for
 * one host. Pure but for the keys and serial numbers; what is made here is checked against OpenSSL in the tests.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import type { Authority } from "../guard/index.ts";
import { bits, explicit, implicit, integer, octets, oid, sequence, set, text, time, yes } from "./der.ts";

/** A CA and its key. */
export interface Ca {
  readonly key: KeyObject;
  /** PEM. */
  readonly certificate: string;
  readonly from: number;
  readonly until: number;
}

/** A leaf, to be served together with the key that it was made for. */
export interface Leaf {
  /** PEM. */
  readonly certificate: string;
  readonly until: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long a CA is valid, and a leaf at most. Clients inside share this machine's clock: an hour back is plenty. */
export const CA_MS: number = 30 * DAY;
export const LEAF_MS: number = DAY;
const BACK_MS = HOUR;

const ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const OID = {
  commonName: oid("2.5.4.3"),
  subjectKeyId: oid("2.5.29.14"),
  keyUsage: oid("2.5.29.15"),
  subjectAltName: oid("2.5.29.17"),
  basicConstraints: oid("2.5.29.19"),
  authorityKeyId: oid("2.5.29.35"),
  extendedKeyUsage: oid("2.5.29.37"),
  serverAuth: oid("1.3.6.1.5.5.7.3.1"),
};

/** A new key on P-256. */
export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** A new CA with a key of its own. */
export function newCa(now: number): Ca {
  const key = newKey();
  const id = keyId(key);
  const name = nameOf(`NemoClaw Bridge egress CA ${id.toString("hex", 0, 4)}`);
  const [from, until] = [now - BACK_MS, now + CA_MS];
  const extensions = [
    extension(OID.basicConstraints, sequence(yes, integer(0)), true),
    // keyCertSign.
    extension(OID.keyUsage, bits(Buffer.from([0b0000_0100]), 2), true),
    extension(OID.extendedKeyUsage, sequence(OID.serverAuth)),
    extension(OID.subjectKeyId, octets(id)),
  ];
  const certificate = signed({ issuer: name, subject: name, from, until, extensions }, key, key);
  return { key, certificate, from, until };
}

/** A leaf for a host that policy inspects; never outlives its CA. */
export function newLeaf(ca: Ca, key: KeyObject, host: Authority, now: number): Leaf {
  const until = Math.min(now + LEAF_MS, ca.until);
  const issuerId = keyId(ca.key);
  const extensions = [
    extension(OID.keyUsage, bits(Buffer.from([0b1000_0000]), 7), true),
    extension(OID.extendedKeyUsage, sequence(OID.serverAuth)),
    // dNSName is [2], iPAddress [7] (RFC 5280 §4.2.1.6).
    extension(
      OID.subjectAltName,
      sequence(host.ip ? implicit(7, host.ip.bytes) : implicit(2, Buffer.from(host.host, "ascii"))),
    ),
    extension(OID.subjectKeyId, octets(keyId(key))),
    extension(OID.authorityKeyId, sequence(implicit(0, issuerId))),
  ];
  const issuer = nameOf(`NemoClaw Bridge egress CA ${issuerId.toString("hex", 0, 4)}`);
  // Names of hosts may be longer than a common name: it only says whose certificate this is.
  const subject = nameOf("inspected by NemoClaw Bridge");
  const from = Math.max(now - BACK_MS, ca.from);
  return { certificate: signed({ issuer, subject, from, until, extensions }, key, ca.key), until };
}

/** A CA read back from its PEM texts; undefined when they don't belong together or aren't a CA's. */
export function readCa(keyPem: string, certificate: string): Ca | undefined {
  try {
    const key = createPrivateKey(keyPem);
    const parsed = new X509Certificate(certificate);
    if (!parsed.ca || !parsed.checkPrivateKey(key)) return undefined;
    return {
      key,
      certificate,
      from: parsed.validFromDate.getTime(),
      until: parsed.validToDate.getTime(),
    };
  } catch {
    return undefined;
  }
}

/** A private key as PEM. */
export function keyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

interface Parts {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly from: number;
  readonly until: number;
  readonly extensions: readonly Buffer[];
}

function signed(
  { issuer, subject, from, until, extensions }: Parts,
  key: KeyObject,
  signer: KeyObject,
): string {
  const body = sequence(
    explicit(0, integer(2)),
    integer(serial()),
    ECDSA_SHA256,
    issuer,
    sequence(time(from), time(until)),
    subject,
    publicKey(key),
    explicit(3, sequence(...extensions)),
  );
  const der = sequence(body, ECDSA_SHA256, bits(sign("sha256", body, signer)));
  const lines = der.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** 127 random bits: positive, and never zero. */
function serial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(OID.commonName, text(commonName))));
}

function extension(id: Buffer, value: Buffer, critical = false): Buffer {
  return critical ? sequence(id, yes, octets(value)) : sequence(id, octets(value));
}

function publicKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" });
}

/** RFC 7093 §2: 160 bits of a SHA-256 of the key. */
function keyId(key: KeyObject): Buffer {
  return createHash("sha256").update(publicKey(key)).digest().subarray(0, 20);
}
