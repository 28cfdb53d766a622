/**
 * A well-behaved guest as a process of its own: acks every command, and sends an event with its clock each 5 ms.
 * Arguments: socket, sandbox id, boot id.
 */
import { connect } from "node:net";
import { CONTROL_VERSION, type ToGuest } from "../../../src/sandbox/guest/protocol.ts";

const [path = "", sandbox = "", bootId = ""] = process.argv.slice(2);
const socket = connect(path);

function send(value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
}

send({ type: "hello", v: CONTROL_VERSION, sandbox, bootId, agent: "warm", fence: 0, turns: [] });
let buffer = Buffer.alloc(0);
socket.on("data", (chunk: Buffer) => {
  buffer = Buffer.concat([buffer, chunk]);
  while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
    const command = JSON.parse(buffer.toString("utf8", 4, 4 + buffer.readUInt32BE(0))) as ToGuest;
    buffer = buffer.subarray(4 + buffer.readUInt32BE(0));
    if (command.type === "ping") send({ type: "pong", n: command.n });
    else if ("id" in command) send({ type: "ack", id: command.id, ok: true });
  }
});
let seq = 0;
setInterval(() => {
  const text = String(process.hrtime.bigint()); // one clock for all processes of the machine
  send({ type: "event", turnId: "t_echo", fence: 1, seq: ++seq, event: { kind: "delta", text } });
}, 5);
