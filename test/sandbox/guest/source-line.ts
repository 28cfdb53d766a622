/** The line that the guest's forwarder puts in front of each connection to `egress.sock`, for whoever serves that socket in a test. */
import { once } from "node:events";
import type { Socket } from "node:net";

const LINE = /^PROXY [^\r]*\r\n/;

/** Reads the line and puts what came behind it back; undefined when the connection begins otherwise or ends. */
export async function takeSourceLine(socket: Socket): Promise<string | undefined> {
  let got = Buffer.alloc(0);
  for (;;) {
    const piece = socket.read() as Buffer | null;
    if (piece) got = Buffer.concat([got, piece]);
    const line = LINE.exec(got.toString("latin1", 0, 107))?.[0];
    const other = !"PROXY ".startsWith(got.toString("latin1", 0, 6));
    if (line || other || socket.readableEnded || socket.destroyed) {
      const rest = got.subarray(line?.length ?? 0);
      if (rest.length > 0) socket.unshift(rest);
      return line?.trimEnd();
    }
    await Promise.race([once(socket, "readable"), once(socket, "end"), once(socket, "close")]).catch(
      () => undefined,
    );
  }
}
