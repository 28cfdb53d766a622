/** Who may speak for a sandbox: hello, lives, replacement, heartbeat, the ban on redialling. Real unix sockets. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { CONTROL_VERSION, type ToGuest } from "../../../src/sandbox/guest/protocol.ts";
import { ControlHub } from "../../../src/worker/control/hub.ts";
import { eventually } from "../helpers/harness.ts";

/** A raw dialler. */
class Dialler {
  readonly got: ToGuest[] = [];
  closed = false;
  /** Answers pings. */
  alive = true;
  readonly #socket: Socket;
  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.closed = true;
    });
    let buffer = Buffer.alloc(0);
    this.#socket.on("data", (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
        const frame = JSON.parse(buffer.toString("utf8", 4, 4 + buffer.readUInt32BE(0))) as ToGuest;
        this.got.push(frame);
        if (frame.type === "ping" && this.alive) this.send({ type: "pong", n: frame.n });
        buffer = buffer.subarray(4 + buffer.readUInt32BE(0));
      }
    });
  }
  get welcome(): boolean {
    return this.got.some((frame) => frame.type === "welcome");
  }
  send(value: unknown): this {
    const body = Buffer.from(JSON.stringify(value));
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    this.#socket.write(Buffer.concat([head, body]));
    return this;
  }
  hello(change: object = {}): this {
    const hello = {
      type: "hello",
      v: CONTROL_VERSION,
      sandbox: "box",
      bootId: "b1",
      agent: "warm",
      fence: 0,
      turns: [],
    };
    return this.send({ ...hello, ...change });
  }
  close(): void {
    this.#socket.destroy();
  }
}

describe("control hub", () => {
  const dir = mkdtempSync("/tmp/nc-");
  const path = join(dir, "r", "control.sock");
  let hub: ControlHub;
  let heard: string[] = [];
  let handedOver = 0;
  const open: Dialler[] = [];
  const dial = () => {
    const dialler = new Dialler(path);
    open.push(dialler);
    return dialler;
  };

  before(() => {
    hub = new ControlHub({
      log: pino({ level: "silent" }),
      handOver: async () => {
        handedOver++;
      },
      onDeath: (error) => {
        throw error;
      },
      caps: { heartbeatMs: 100, banMs: 300, helloMs: 300 },
    });
  });
  after(async () => {
    await hub.close();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    for (const dialler of open.splice(0)) dialler.close();
    // A new listener, so that dials of one test don't count for the next.
    await hub.listen("box", path, "b1", {
      up: (hello, conn) => heard.push(`up ${hello.bootId} ${conn > 0}`),
      down: (reason) => heard.push(`down ${reason}`),
      frame: (frame) => heard.push(frame.type),
    });
    heard = [];
  });

  it("makes a socket for its owner only, and hands it over", () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(handedOver > 0);
  });

  it("takes the right hello and passes frames on, not pongs", async () => {
    const guest = dial().hello();
    await eventually(() => guest.welcome);
    guest.send({ type: "pong", n: 1 }).send({ type: "agent", state: "warm", detail: "" });
    await eventually(() => heard.length >= 2);
    assert.deepEqual(heard, ["up b1 true", "agent"]);
  });

  for (const [what, hello] of [
    ["another sandbox's name", { sandbox: "other" }],
    ["another protocol version", { v: 2 }],
    ["no bootId at all", { bootId: 7 }],
  ] as const)
    it(`refuses a hello with ${what}`, async () => {
      const guest = dial().hello(hello);
      await eventually(() => guest.closed);
      assert.deepEqual(heard, []);
      assert.ok(!guest.welcome);
    });

  it("refuses anything but a hello first, and a second hello", async () => {
    const early = dial().send({ type: "pong", n: 1 });
    await eventually(() => early.closed);
    const twice = dial().hello();
    await eventually(() => twice.welcome);
    twice.hello();
    await eventually(() => twice.closed);
  });

  it("a hello of another life waits until that life is expected, else it is closed", async () => {
    const late = dial().hello({ bootId: "b2" });
    await sleep(100);
    assert.ok(!late.welcome && !late.closed);
    hub.expect("box", "b2");
    await eventually(() => late.welcome);
    const never = dial().hello({ bootId: "b9" });
    await eventually(() => never.closed, 2_000);
    assert.ok(!late.closed);
  });

  it("the end of a life ends its connection", async () => {
    const guest = dial().hello();
    await eventually(() => guest.welcome);
    hub.expect("box", "");
    await eventually(() => guest.closed);
    await eventually(() => heard.some((line) => line.startsWith("down")));
  });

  it("the newest fitting hello wins; the old connection's frames count no more", async () => {
    const first = dial().hello();
    await eventually(() => first.welcome);
    const second = dial().hello();
    await eventually(() => second.welcome && first.closed);
    assert.deepEqual(heard, ["up b1 true", "down replaced", "up b1 true"]);
    assert.ok(!second.closed);
  });

  it("a wrong hello doesn't disturb the one who speaks", async () => {
    const guest = dial().hello();
    await eventually(() => guest.welcome);
    const wrong = dial().hello({ bootId: "b7" });
    const mute = dial();
    await eventually(() => wrong.closed && mute.closed, 2_000);
    guest.send({ type: "agent", state: "warm", detail: "" });
    await eventually(() => heard.includes("agent"));
  });

  it("a guest that falls silent is given up; one that speaks isn't; a parked one isn't pinged", async () => {
    const silent = dial().hello();
    silent.alive = false;
    await eventually(() => silent.closed, 2_000);
    assert.ok(silent.got.filter((frame) => frame.type === "ping").length >= 2);
    const alive = dial().hello();
    await sleep(700);
    assert.ok(!alive.closed);
    hub.heartbeat("box", false);
    await sleep(50);
    alive.alive = false;
    await sleep(700);
    assert.ok(!alive.closed);
    hub.heartbeat("box", true);
    await eventually(() => alive.closed, 2_000);
  });

  it("whoever redials in a loop finds no socket for a while, then may come back", async () => {
    const before = handedOver;
    for (let i = 0; i < 12; i++) dial();
    await sleep(100);
    const banned = dial();
    await eventually(() => banned.closed);
    await eventually(() => handedOver > before, 2_000);
    await sleep(1_100);
    const back = dial().hello();
    await eventually(() => back.welcome);
  });
});
