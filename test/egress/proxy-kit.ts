/** What the scenarios share: a proxy with one client, requests as text, a policy that names one host. */
import assert from "node:assert/strict";
import { type Client, Harness, type HarnessOptions, policyOf } from "./harness.ts";

/** A CONNECT request. */
export const CONNECT = (to: string): string => `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`;
/** A GET in absolute form. */
export const GET = (url: string, more = ""): string =>
  `GET ${url} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${more}\r\n`;

/** Allows api.example.com on 80 and 443. */
export const EXACT = policyOf(`
version: 1
network_policies:
  api: { endpoints: [{ host: api.example.com, ports: [80, 443] }] }
`);

/** Runs a test with a proxy and a client, and cleans up. */
export async function withProxy(
  options: HarnessOptions,
  work: (harness: Harness, client: Client) => Promise<void>,
): Promise<void> {
  const harness = await Harness.start(options);
  const client = harness.client();
  try {
    await work(harness, client);
  } finally {
    client.socket.destroy();
    harness.close();
  }
}

/** Opens a tunnel and waits for the 200. */
export async function tunnel(client: Client, to: string): Promise<void> {
  client.send(CONNECT(to));
  assert.ok(await client.answered());
  assert.equal(client.status, 200, client.text);
  client.clear();
}
