/**
 * A hostile guest: dials a control.sock with the right hello, then sends as fast as the socket takes it.
 * Arguments: socket, sandbox id, boot id, mode. Redials at once whenever it is cut off. Prints what it got rid of.
 */
import { connect } from "node:net";
import { CONTROL_VERSION } from "../../../src/sandbox/guest/protocol.ts";

const [path = "", sandbox = "", bootId = "", mode = ""] = process.argv.slice(2);

function frame(json: string): Buffer {
  const body = Buffer.from(json);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

const hello = frame(
  JSON.stringify({ type: "hello", v: CONTROL_VERSION, sandbox, bootId, agent: "warm", fence: 0, turns: [] }),
);
const event = (text: string) =>
  frame(JSON.stringify({ type: "event", turnId: "t_x", fence: 1, seq: 1, event: { kind: "delta", text } }));

const FLOODS: Record<string, Buffer> = {
  huge: event("x".repeat(250_000)),
  wide: frame(`{"type":"pong","n":1,"x":[${"{},".repeat(80_000)}0]}`),
  tiny: Buffer.concat(Array.from({ length: 2_000 }, () => frame('{"type":"pong","n":1}'))),
  events: Buffer.concat(Array.from({ length: 500 }, () => event("word "))),
  deep: frame(`${"[".repeat(100_000)}${"]".repeat(100_000)}`),
  invalid: frame("no JSON at all"),
  oversized: Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]),
  redial: Buffer.alloc(0),
};
const flood = FLOODS[mode];
if (!flood) throw new Error(`mode ${mode}`);

let connections = 0;
let bytes = 0;
function dial(): void {
  const socket = connect(path);
  connections++;
  socket.on("error", () => {});
  socket.on("close", () => setImmediate(dial));
  socket.on("data", () => {});
  socket.on("connect", () => {
    if (mode === "redial") {
      socket.destroy();
      return;
    }
    socket.write(hello);
    const pour = () => {
      while (!socket.destroyed && socket.writableLength < 1 << 20) {
        bytes += flood?.length ?? 0;
        if (!socket.write(flood as Buffer)) break;
      }
    };
    socket.on("drain", pour);
    pour();
  });
}
dial();
process.on("SIGTERM", () => {
  console.log(JSON.stringify({ connections, bytes }));
  process.exit(0);
});
