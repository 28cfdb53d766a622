/** The forwarder is a pipe behind one line about the client: bytes unchanged, ends passed on, a slow side slows the other; no gateway = 503. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startForwarder } from "../../../src/sandbox/guest/forwarder.ts";
import { until } from "./harness.ts";

const dir = mkdtempSync("/tmp/fw-");
const open: { close(): void }[] = [];
after(() => {
  for (const server of open) server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A gateway's socket and a forwarder to it. */
async function rig(name: string, onClient: (socket: Socket) => void): Promise<number> {
  const path = join(dir, name);
  const upstream: Server = createServer({ allowHalfOpen: true }, onClient);
  await new Promise<void>((resolve) => upstream.listen(path, resolve));
  const forwarder = await startForwarder(0, path, () => undefined);
  open.push(upstream, forwarder);
  return (forwarder.address() as AddressInfo).port;
}

test("half-close: the request's end arrives, the answer still comes back", async () => {
  const port = await rig("half", (socket) => {
    let got = "";
    socket.on("data", (d) => (got += d));
    socket.on("end", () => socket.end(`got ${got}`));
  });
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.end("hello");
  let from = 0;
  client.once("connect", () => {
    from = client.localPort ?? 0;
  });
  let answer = "";
  for await (const chunk of client) answer += chunk;
  // The client's own port first, for the gateway to ask whose it is; then the bytes as they were.
  assert.equal(answer, `got PROXY TCP4 127.0.0.1 127.0.0.1 ${from} ${port}\r\nhello`);
});

test("a reader that doesn't read stops the sender; nothing is lost when it reads on", async () => {
  const size = 64 * 1024 * 1024;
  let sent = 0;
  const port = await rig("slow", (socket) => {
    const block = Buffer.alloc(64 * 1024, 7);
    const write = () => {
      while (sent < size) {
        sent += block.length;
        if (!socket.write(block)) return socket.once("drain", write);
      }
      socket.end();
    };
    socket.on("error", () => undefined);
    write();
  });
  const client = connect(port, "127.0.0.1");
  client.pause();
  await sleep(400);
  const held = sent;
  assert.ok(held < 16 * 1024 * 1024, `${held} bytes were taken from the sender without a reader`);
  let received = 0;
  for await (const chunk of client) received += (chunk as Buffer).length;
  assert.equal(received, size);
});

test("a client that leaves closes the gateway's side, and the other way round", async () => {
  const upstreams: Socket[] = [];
  const port = await rig("leave", (socket) => {
    upstreams.push(socket.resume());
    socket.on("error", () => undefined);
  });
  const client = connect(port, "127.0.0.1");
  client.write("x");
  const upstream = await until(() => upstreams[0], "connection");
  const gone = new Promise((resolve) => upstream.once("end", resolve));
  client.resetAndDestroy();
  await gone;
  const second = connect(port, "127.0.0.1");
  second.on("error", () => undefined);
  const closed = new Promise((resolve) => second.once("close", resolve));
  (await until(() => upstreams[1], "connection")).destroy();
  await closed;
});

test("without a gateway: 503 with Retry-After, for CONNECT and for plain requests", async () => {
  const forwarder = await startForwarder(0, join(dir, "absent"), () => undefined);
  open.push(forwarder);
  for (const request of [
    "CONNECT inference.local:80 HTTP/1.1\r\n\r\n",
    "GET http://a.test/ HTTP/1.1\r\n\r\n",
  ]) {
    const client = connect((forwarder.address() as AddressInfo).port, "127.0.0.1");
    client.write(request);
    let answer = "";
    for await (const chunk of client) answer += chunk;
    assert.match(answer, /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n/);
    assert.match(answer, /"gateway_unavailable"/);
  }
});
