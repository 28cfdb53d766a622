/** Newline-separated text from a socket, with an end to how long a line may be. */
import type { Socket } from "node:net";

/** Longest line either side may send: a list of a thousand sandboxes fits. */
const MAX_LINE = 2 << 20;

/** Calls `each` for every complete line; a longer one ends the connection. */
export function readLines(socket: Socket, each: (line: string) => unknown): void {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) each(line);
    if (rest.length > MAX_LINE) socket.destroy();
  });
}
