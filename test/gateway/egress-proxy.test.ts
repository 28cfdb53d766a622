import assert from "node:assert/strict";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import fc from "fast-check";
import { targetOf } from "../../src/gateway/inference/target.ts";
import { chat, OTHER, SANDBOX, send, startRig } from "./harness.ts";

/** Writes raw bytes, returns everything that came back until the end or `until` matches. */
function raw(
  path: string,
  bytes: string | Buffer,
  until?: RegExp,
  then?: (socket: Socket, text: string) => void,
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = "";
    let told = false;
    let from = 0;
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (until && !told && until.test(text)) {
        told = true;
        if (then) {
          from = text.length;
          then(socket, text);
        } else {
          resolve(text);
          socket.destroy();
        }
      }
    });
    socket.on("error", () => resolve(text.slice(from)));
    socket.on("close", () => resolve(text.slice(from)));
    socket.write(bytes);
  });
}

const body = JSON.stringify(chat("What is 2+2?"));
const post = (target: string, host = "inference.local", extra = "") =>
  `POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${extra}Content-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;

describe("the model is reached in every form that clients use", () => {
  const forms: [string, string][] = [
    ["absolute form", post("http://inference.local/v1/chat/completions")],
    ["host with port and dot", post("http://INFERENCE.local.:80/v1/chat/completions", "INFERENCE.local.:80")],
    ["absolute form with port", post("HTTP://inference.local:80/v1/chat/completions", "inference.local:80")],
  ];
  for (const [name, bytes] of forms) {
    test(name, async () => {
      await using r = await startRig();
      assert.match(await raw(r.socket(), bytes), /^HTTP\/1\.1 200 OK[\s\S]*2\+2 = 4/);
    });
  }
  test("inside a tunnel, also when the request comes with the CONNECT, twice on one tunnel", async () => {
    await using r = await startRig();
    const head = "CONNECT inference.local:80 HTTP/1.1\r\nHost: inference.local:80\r\n\r\n";
    const later = await raw(r.socket(), head, /200 Connection established\r\n\r\n/, (socket) => {
      socket.write(post("/v1/chat/completions").replace("Connection: close\r\n", ""));
      // Within the tunnel it is origin form that counts.
      setTimeout(() => socket.write(post("/v1/chat/completions")), 50);
    });
    assert.equal(later.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
    const early = await raw(r.socket(), head + post("/v1/chat/completions"));
    assert.match(early, /200 Connection established\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*2\+2 = 4/);
  });
});

describe("everything else is denied, in words that an agent can use", () => {
  const denied: [string, string, string, number][] = [
    ["absolute form", post("http://example.com/x?secret=1", "example.com"), "example.com", 80],
    ["another port", post("http://example.com:8080/x", "example.com:8080"), "example.com", 8080],
    ["address", post("http://169.254.169.254/latest", "169.254.169.254"), "169.254.169.254", 80],
    ["loopback", post("http://127.0.0.1:11434/v1/models", "127.0.0.1:11434"), "127.0.0.1", 11434],
    ["tunnel", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", "example.com", 443],
    [
      "tunnel to the model's other ports",
      "CONNECT inference.local:443 HTTP/1.1\r\nHost: inference.local\r\n\r\n",
      "inference.local",
      443,
    ],
    [
      "another name for it",
      post("http://inference.local.evil.com/v1/models", "inference.local.evil.com"),
      "inference.local.evil.com",
      80,
    ],
    ["below it", post("http://x.inference.local/v1/models", "x.inference.local"), "x.inference.local", 80],
    [
      "upgrade",
      "GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "example.com",
      80,
    ],
  ];
  for (const [name, bytes, host, port] of denied) {
    test(name, async () => {
      await using r = await startRig();
      const reply = await raw(r.socket(), bytes);
      assert.match(reply, /^HTTP\/1\.1 403 Forbidden\r\n/);
      const json = JSON.parse(reply.slice(reply.indexOf("\r\n\r\n") + 4));
      assert.deepEqual([json.error, json.host, json.port], ["policy_denied", host, port]);
      assert.ok(json.detail && json.agent_guidance);
      assert.doesNotMatch(reply, /secret=1/);
      await r.until(() => r.logs.some((line) => line.includes('"audit":"egress"')));
      const row = JSON.parse(r.logs.find((line) => line.includes('"audit":"egress"'))!);
      assert.deepEqual([row.sandboxId, row.verdict, row.host, row.port], [SANDBOX, "deny", host, port]);
      assert.doesNotMatch(r.logs.join(""), /secret=1/);
    });
  }
});

describe("what can't be read without doubt is refused and the connection ends", () => {
  const smuggled = "GET http://inference.local/v1/models HTTP/1.1\r\nHost: inference.local\r\n\r\n";
  const cases: [string, string | Buffer][] = [
    ["origin form", post("/v1/chat/completions")],
    ["two hosts", post("http://inference.local/v1/models", "inference.local", "Host: example.com\r\n")],
    ["host against target", post("http://inference.local/v1/models", "example.com")],
    ["userinfo", post("http://inference.local@example.com/", "inference.local")],
    ["userinfo the other way", post("http://example.com@inference.local/v1/models")],
    ["percent in the host", post("http://inference%2elocal/v1/models")],
    ["decimal address", post("http://2130706433/", "2130706433")],
    ["hex address", post("http://0x7f.1/x", "0x7f.1")],
    ["https in forward form", post("https://inference.local/v1/models")],
    ["ftp", post("ftp://inference.local/v1/models")],
    ["no path", post("inference.local")],
    ["backslash", post("http://inference.local\\@example.com/")],
    ["connect without port", "CONNECT inference.local HTTP/1.1\r\nHost: inference.local\r\n\r\n"],
    ["connect to port 0", "CONNECT inference.local:0 HTTP/1.1\r\nHost: inference.local\r\n\r\n"],
    ["connect to port 080", "CONNECT inference.local:080 HTTP/1.1\r\nHost: inference.local\r\n\r\n"],
    ["no host", "GET http://inference.local/v1/models HTTP/1.1\r\n\r\n"],
    [
      "length and chunks",
      `POST http://inference.local/v1/chat/completions HTTP/1.1\r\nHost: inference.local\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      "two lengths",
      `POST http://inference.local/v1/chat/completions HTTP/1.1\r\nHost: inference.local\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
    ],
    [
      "folded header",
      "GET http://inference.local/v1/models HTTP/1.1\r\nHost: inference.local\r\nX-A: b\r\n c\r\n\r\n",
    ],
    ["bare LF", "GET http://inference.local/v1/models HTTP/1.1\nHost: inference.local\n\n"],
    [
      "space before the colon",
      "GET http://inference.local/v1/models HTTP/1.1\r\nHost : inference.local\r\n\r\n",
    ],
    [
      "bad chunk size",
      "POST http://inference.local/v1/chat/completions HTTP/1.1\r\nHost: inference.local\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ["TLS", Buffer.from("1603010200010001fc0303", "hex")],
    [
      "large head",
      `GET http://inference.local/v1/models HTTP/1.1\r\nHost: inference.local\r\nX: ${"a".repeat(17_000)}\r\n\r\n`,
    ],
    [
      "many headers",
      `GET http://inference.local/v1/models HTTP/1.1\r\nHost: inference.local\r\n${"a: b\r\n".repeat(70)}\r\n`,
    ],
  ];
  for (const [name, bytes] of cases) {
    test(name, async () => {
      await using r = await startRig();
      const reply = await raw(r.socket(), bytes);
      assert.match(reply, /^HTTP\/1\.1 4(00|31) /, reply.slice(0, 200));
      assert.equal(reply.match(/HTTP\/1\.1 /g)?.length, 1);
      assert.doesNotMatch(reply, /"object":"list"/);
    });
  }
  test("a tunnel in a tunnel, and another host inside one", async () => {
    await using r = await startRig();
    const head = "CONNECT inference.local:80 HTTP/1.1\r\nHost: inference.local:80\r\n\r\n";
    for (const inner of [head, post("/x", "example.com")]) {
      const reply = await raw(r.socket(), head, /established\r\n\r\n/, (socket) => socket.write(inner));
      assert.match(reply, /^HTTP\/1\.1 400 /);
    }
  });
});

test("fuzz: whatever is read as the model's address names it and nothing else", () => {
  const piece = fc.constantFrom(
    "http://",
    "inference.local",
    "example.com",
    ":80",
    "@",
    "/",
    "\\",
    "%2e",
    "#",
    "?",
    ".",
    "v1",
    "[::1]",
    "\t",
    "é",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 7 }), fc.array(piece, { maxLength: 3 }), (url, host) => {
      const target = targetOf(url.join(""), ["Host", host.join("")]);
      if (!target.ok || target.host !== "inference.local") return;
      const text = url.join("");
      assert.match(text, /^(http:\/\/inference\.local\.?(:80)?([/?]|$)|\/)/);
      assert.match(host.join(""), /^inference\.local\.?(:80)?$/);
    }),
    { numRuns: 20_000 },
  );
});

describe("limits", () => {
  test("connections of one sandbox are capped; another sandbox is not affected", async () => {
    await using r = await startRig();
    r.launcher.set(OTHER, "run-name-b");
    const idle = Array.from({ length: 528 }, () => connect(r.socket()));
    let ended = 0;
    for (const socket of idle) socket.on("error", () => {}).on("close", () => ended++);
    await r.until(() => ended === 16);
    assert.equal((await send(r.socket(OTHER), { path: "/v1/models" })).status, 200);
    for (const socket of idle) socket.destroy();
  });
  test("a body over 10 MiB is refused with an answer that a client still writing can read, and isn't kept", async () => {
    await using r = await startRig();
    const large = Buffer.alloc(12 * 1024 * 1024, 120);
    const rss = process.memoryUsage().rss;
    for (let i = 0; i < 5; i++) {
      for (const headers of [{ "content-length": large.length }, { "transfer-encoding": "chunked" }]) {
        const reply = await send(r.socket(), { raw: large, headers });
        assert.equal(reply.status, 413);
        assert.match(reply.text, /request_too_large/);
      }
    }
    assert.ok(process.memoryUsage().rss - rss < 150 * 2 ** 20);
  });
  test("one that never ends is cut", async () => {
    await using r = await startRig();
    const socket = connect(r.socket());
    let closed = false;
    socket.resume();
    socket
      .on("error", () => {})
      .on("close", () => {
        closed = true;
      });
    socket.write(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: inference.local\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const block = `100000\r\n${"x".repeat(1_048_576)}\r\n`;
    for (let i = 0; i < 200 && !closed; i++) {
      if (!socket.write(block))
        await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
    }
    await r.until(() => closed, 8_000);
    assert.ok(socket.bytesWritten < 100 * 2 ** 20, `${socket.bytesWritten}`);
  });
});

describe("sockets", () => {
  test("bound privately for every sandbox, handed over, also when that needs several tries", async () => {
    await using r = await startRig();
    assert.equal(statSync(r.socket()).mode & 0o777, 0o600);
    r.launcher.failures = [new Error("launcher away"), new Error("launcher away")];
    r.launcher.set(OTHER, "run-name-b");
    await r.until(() => r.launcher.handed.includes(OTHER));
    assert.ok(r.launcher.handed.includes(SANDBOX));
    assert.deepEqual(r.gateway.listening().sort(), [SANDBOX, OTHER]);
  });
  test("a new life of a sandbox gets a new socket; a destroyed one loses it and its connections", async () => {
    await using r = await startRig();
    const old = r.socket();
    const open = connect(old);
    let closed = false;
    open
      .on("error", () => {})
      .on("close", () => {
        closed = true;
      });
    await send(old, { path: "/v1/models" });
    r.launcher.set(SANDBOX, "run-name-c");
    assert.equal((await send(r.socket(), { path: "/v1/models" })).status, 200);
    await r.until(() => closed && !existsSync(old));
    const now = r.socket();
    r.launcher.set(SANDBOX, undefined);
    await r.until(() => !existsSync(now));
    assert.deepEqual(r.gateway.listening(), []);
  });
  test("after a restart all are bound again within a second, over what a dead gateway left", async () => {
    await using r = await startRig();
    for (let i = 0; i < 50; i++) {
      const id = `p_${String(i).padStart(20, "0")}`;
      r.launcher.sandboxes.set(id, { id, runName: `run-many-${i}` });
    }
    await r.gateway.close();
    // A killed gateway leaves its files.
    mkdirSync(r.paths.egressDir("run-many-7"), { recursive: true });
    writeFileSync(r.paths.egressSocket("run-many-7"), "");
    const at = performance.now();
    await r.restart();
    assert.equal((await send(r.paths.egressSocket("run-many-7"), { path: "/v1/models" })).status, 200);
    assert.equal(r.gateway.listening().length, 51);
    assert.ok(performance.now() - at < 1_000, `${performance.now() - at} ms`);
  });
  test("a directory name that is a path is refused", async () => {
    await using r = await startRig();
    r.launcher.set(OTHER, "../../../tmp/evil");
    assert.deepEqual(r.gateway.listening(), [SANDBOX]);
    assert.ok(r.logs.some((line) => line.includes("run-name-bad")));
  });
});
