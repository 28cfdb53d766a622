/**
 * The real egress proxy as a process: compiled policy, address guard and audit on. Only two things are stand-ins, since
 * the guard rightly never lets loopback through: the resolver gives a public address, and the connector then dials the
 * bench's upstream with the real one's code. Listens on a unix socket, as in the product, and on loopback, beside peers
 * that can only do that. Ends with its stdin.
 */
import type { AddressInfo } from "node:net";
import { createGuard, parseIp } from "../../src/gateway/egress/guard/index.ts";
import { createEgressServer } from "../../src/gateway/egress/proxy/index.ts";
import { tcpConnector } from "../../src/gateway/egress/proxy/ports.ts";
import { tuneHeap } from "../../src/gateway/heap.ts";
import { createLogger } from "../../src/lib/logging.ts";
import { openAudit } from "./audit.ts";
import { benchPolicy } from "./policy.ts";

// As the gateway's process does.
tuneHeap();
const [home = "", byte = "", stream = "", http = ""] = process.argv.slice(2);
const ports: Record<number, number> = { 443: Number(byte), 8443: Number(stream), 80: Number(http) };
const loopback = parseIp("127.0.0.1")!;
const policy = await benchPolicy();
const audit = openAudit(`${home}.audit`);

const make = () =>
  createEgressServer({
    sandboxId: "p_aaaaaaaaaaaaaaaaaaaa",
    policy: { current: () => ({ policy, grants: [] }), onChange: () => () => {} },
    guard: createGuard({ resolver: { resolve: async () => ["93.184.216.34"] } }),
    audit,
    logger: createLogger({ process: "gateway" }),
    connector: { dial: (_, port, signal) => tcpConnector.dial(loopback, ports[port]!, signal) },
    // A sandbox gets 256 tunnels; the memory of a thousand can't be measured with that.
    limits: { connections: 4_096, tunnels: 4_096 },
  });

const tcp = make();
make().listen(`${home}.sock`, () => {
  tcp.listen(0, "127.0.0.1", () =>
    console.log(JSON.stringify({ port: (tcp.address() as AddressInfo).port })),
  );
});
process.stdin.resume().on("end", () => process.exit(0));
