/** npm's `proxy-chain` with nothing configured, as a process. Prints its port; ends with its stdin. */
import { Server } from "proxy-chain";

const server = new Server({ port: 0, host: "127.0.0.1", verbose: false });
await server.listen();
console.log(JSON.stringify({ port: server.port }));
process.stdin.resume().on("end", () => process.exit(0));
