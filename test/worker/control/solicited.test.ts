/**
 * What this end asked for (a program's output, a file's piece) passes a guest's caps at the pace of whoever takes it; what
 * comes in its place doesn't, and never more than was asked for. Real unix socket, caps far below one window.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { encodeFrame } from "../../../src/sandbox/guest/frames.ts";
import { CONTROL_VERSION, EXEC_WINDOW } from "../../../src/sandbox/guest/protocol.ts";
import { ControlHub } from "../../../src/worker/control/hub.ts";
import { eventually } from "../helpers/harness.ts";

describe("what was asked for", () => {
  const dir = mkdtempSync("/tmp/nc-");
  const path = join(dir, "r", "control.sock");
  let hub: ControlHub;
  let conn = 0;
  let heard = 0;
  let socket: Socket;
  before(async () => {
    hub = new ControlHub({
      log: pino({ level: "silent" }),
      handOver: async () => {},
      onDeath: (error) => {
        throw error;
      },
      caps: { bytes: { perSecond: 20_000, burst: 20_000 }, frames: { perSecond: 500, burst: 2_000 } },
    });
    await hub.listen("box", path, "b1", {
      up: (_hello, id) => {
        conn = id;
      },
      down: () => {},
      frame: (frame) => {
        heard += JSON.stringify(frame).length;
      },
    });
  });
  after(async () => {
    socket?.destroy();
    await hub.close();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    socket?.destroy();
    conn = 0;
    socket = connect(path);
    await once(socket, "connect");
    const hello = {
      type: "hello",
      v: CONTROL_VERSION,
      sandbox: "box",
      bootId: "b1",
      agent: "warm",
      fence: 0,
    };
    socket.write(encodeFrame({ ...hello, turns: [] }));
    await eventually(() => conn !== 0);
    heard = 0;
  });

  const output = (bytes: number) =>
    encodeFrame({ type: "exec.out", session: "s", stream: 1, data: Buffer.alloc(bytes).toString("base64") });
  const event = (bytes: number) =>
    encodeFrame({
      type: "event",
      turnId: "t",
      fence: 1,
      seq: 1,
      event: { kind: "delta", text: "x".repeat(bytes) },
    });
  const ask = () => hub.send("box", conn, { type: "exec", id: 1, session: "s", argv: ["true"] });

  it("a window's output comes at once, and again when more is granted; then it is paced", async () => {
    ask();
    for (let sent = 0; sent < EXEC_WINDOW; sent += 32_768) socket.write(output(32_768));
    await eventually(() => heard > EXEC_WINDOW * 1.3, 1_000);
    hub.send("box", conn, { type: "exec.took", session: "s", bytes: EXEC_WINDOW });
    for (let sent = 0; sent < EXEC_WINDOW; sent += 32_768) socket.write(output(32_768));
    await eventually(() => heard > 2 * EXEC_WINDOW * 1.3, 1_000);
    const before = heard;
    for (let i = 0; i < 10; i++) socket.write(output(32_768));
    await sleep(1_000);
    assert.ok(heard - before < 150_000, `${heard - before} bytes that nobody granted`);
    assert.ok(!socket.destroyed, "paced, not cut off");
  });

  it("something else in its place is no more than was asked for, and is paid for", async () => {
    ask();
    for (let i = 0; i < 40; i++) socket.write(event(30_000));
    await sleep(1_000);
    assert.ok(heard < EXEC_WINDOW * 1.4 + 120_000, `${heard} bytes`);
    assert.ok(!socket.destroyed);
  });
});
