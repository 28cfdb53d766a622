/**
 * What the tests of inspection share: a world with an authority of its own that upstream's certificates come from, an
 * inspector that believes in it, and a client that trusts the sandbox's CA.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createSecureContext, type TLSSocket, type TlsOptions } from "node:tls";
import pino from "pino";
import { type Ca, keyPem, newCa, newKey, newLeaf } from "../../src/gateway/egress/inspect/certificate.ts";
import { Inspector } from "../../src/gateway/egress/inspect/inspector.ts";
import { Client, Harness, type HarnessOptions, policyOf } from "./harness.ts";
import { CONNECT } from "./proxy-kit.ts";

/** GET is allowed at api.example.com, POST isn't. */
export const READ_ONLY = policyOf(`
version: 1
network_policies:
  api:
    endpoints:
      - { host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: read-only }
`);

/** A name as the guard would parse it. */
export const named = (host: string) => ({ host, kind: "name", idn: false, port: 443 }) as const;

/** TLS options of an upstream: certificates of `ca` for whatever name is asked, or always for `fixed`. */
export function upstreamOf(ca: Ca, fixed?: string, now: number = Date.now()): TlsOptions {
  const key = newKey();
  const context = (name: string) =>
    createSecureContext({
      key: keyPem(key),
      cert: newLeaf(ca, key, named(fixed ?? name), now).certificate,
    });
  return {
    key: keyPem(key),
    cert: newLeaf(ca, key, named(fixed ?? "nobody.example"), now).certificate,
    SNICallback: (name, done) => done(null, context(name)),
    ALPNProtocols: ["http/1.1"],
  };
}

/** A proxy that inspects, and its world. */
export interface InspectedWorld {
  readonly harness: Harness;
  readonly inspector: Inspector;
  /** Opens an inspected tunnel and a TLS client in it. */
  open(host: string, options?: OpenOptions): Promise<Client>;
}

/** What a client may do otherwise. */
export interface OpenOptions {
  readonly servername?: string;
  readonly alpn?: string[];
}

/** Runs a test in such a world, and cleans up. */
export async function withInspection(
  options: HarnessOptions & { world?: (ca: Ca) => TlsOptions },
  work: (world: InspectedWorld) => Promise<void>,
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "ei-"));
  const ca = newCa(Date.now());
  writeFileSync(join(dir, "world.pem"), ca.certificate);
  const inspector = new Inspector({
    dir: join(dir, "ca"),
    logger: pino({ level: "fatal" }),
    operatorCaFile: join(dir, "world.pem"),
  });
  inspector.prepare("p_test", dir);
  const harness = await Harness.start({
    policy: READ_ONLY,
    inspection: inspector.forSandbox("p_test"),
    upstreamTls: (options.world ?? upstreamOf)(ca),
    ...options,
  });
  const clients: Client[] = [];
  try {
    await work({
      harness,
      inspector,
      open: async (host, how = {}) => {
        const stream = await inTunnel(harness, host, how, trustOf(dir));
        clients.push(new Client(stream));
        return clients.at(-1)!;
      },
    });
  } finally {
    for (const client of clients) client.socket.destroy();
    harness.close();
    inspector.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function trustOf(dir: string): string {
  return join(dir, "trust", "ca.pem");
}

async function inTunnel(
  harness: Harness,
  host: string,
  how: OpenOptions,
  caFile: string,
): Promise<TLSSocket> {
  const { readFileSync } = await import("node:fs");
  const outer = harness.client().send(CONNECT(`${host}:443`));
  assert.ok(await outer.answered());
  assert.equal(outer.status, 200, outer.text);
  outer.socket.removeAllListeners("data");
  const stream = connectTls({
    socket: outer.socket,
    servername: how.servername ?? host,
    ca: readFileSync(caFile, "utf8"),
    ...(how.alpn ? { ALPNProtocols: how.alpn } : {}),
  });
  await new Promise<void>((resolve, reject) => {
    stream.once("secureConnect", resolve);
    stream.once("error", reject);
    stream.once("close", () => reject(new Error("closed in the handshake")));
  });
  return stream;
}

/** A request inside a tunnel. */
export const inside = (method: string, path: string, more = "", host = "api.example.com"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
