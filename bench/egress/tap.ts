/**
 * From a tap in a bridge to the held connection's answer, through a real Redis with the product's durability: tap stored,
 * taken by the gateway, judged, decided, written, and a TCP connection dialled. Beside it what no such path can be
 * without: one bare publish on the same Redis, and the dial. Interleaved, one at a time.
 */
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { Approvals } from "../../src/gateway/approvals/index.ts";
import { newId, principalOf } from "../../src/lib/ids.ts";
import { silent, startTestRedis } from "../../test/helpers/redis.ts";

const BRIDGE = "telegram.7";
const USER = "5";

/** Milliseconds by round. */
export interface TapTimes {
  ours: number[][];
  bare: number[][];
}

/** Measures `rounds` × `each` of both. */
export async function tapRounds(rounds: number, each: number): Promise<TapTimes> {
  const redis = await startTestRedis();
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const dial = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve();
      });
      socket.on("error", reject);
    });
  const [gateway, bridge, worker] = [
    redis.store("gateway"),
    redis.store("bridge-telegram"),
    redis.store("worker"),
  ] as const;
  await Promise.all([gateway.ready(), bridge.ready(), worker.ready()]);
  const approvals = new Approvals({
    store: gateway.approvals,
    asks: gateway.commandAsks,
    turns: gateway.contexts,
    logger: silent,
    limits: { perMinute: 100_000 },
  });
  await approvals.start();
  const principal = principalOf("telegram", USER);
  const conversation = `telegram.7.${USER}`;
  const turn = { turnId: newId("t"), kind: "turn" as const, scopeId: "c:1", conversation };
  await worker.contexts.begin(principal, { ...turn, bridge: BRIDGE, deliver: { chat: USER } }, 600_000);
  const cards = bridge.cards(BRIDGE);
  const client = () => new Redis({ path: redis.socketPath, ...redis.users.gateway, enableReadyCheck: false });
  const [publisher, subscriber] = [client(), client()];
  await subscriber.subscribe("nc:policy");
  let heard = () => {};
  subscriber.on("message", () => heard());

  const one = async (n: string): Promise<number> => {
    const { desk } = approvals.of(principal);
    const question = { scheme: "tunnel", kind: "name", idn: false, port: 443, policyHash: "h" } as const;
    const held = desk.hold(
      { ...question, sandboxId: principal, host: `h${n}.example.com` },
      new AbortController().signal,
    );
    let record = (await cards.open(principal))[0];
    for (; !record; record = (await cards.open(principal))[0]) await sleep(2);
    const { approvalId } = record;
    await cards.setMessage(approvalId, {
      v: 1,
      state: "sent",
      message: "1",
      conversation,
      principal,
      rev: 1,
    });
    await sleep(20);
    const since = performance.now();
    const by = { via: "telegram", identity: USER, name: "" };
    const tap = { kind: "decide", v: 1, tapId: newId("x"), approvalId, verb: "once", by } as const;
    const answer = cards.tap(principal, { ...tap, bridge: BRIDGE, conversation, message: "1" });
    const outcome = await held;
    if (outcome.kind !== "allowed") throw new Error(`the tap gave ${outcome.kind}`);
    await dial();
    const ms = performance.now() - since;
    await answer;
    return ms;
  };
  const bareOne = async (): Promise<number> => {
    await sleep(20);
    const since = performance.now();
    const got = new Promise<void>((resolve) => {
      heard = resolve;
    });
    void publisher.publish("nc:policy", "bench");
    await got;
    await dial();
    return performance.now() - since;
  };

  const times: TapTimes = { ours: [], bare: [] };
  try {
    for (let i = 0; i < 20; i++) await one(`w${i}`);
    for (let round = 0; round < rounds; round++) {
      const [ours, bare]: [number[], number[]] = [[], []];
      for (let i = 0; i < each; i++) {
        ours.push(await one(`r${round}x${i}`));
        bare.push(await bareOne());
      }
      times.ours.push(ours);
      times.bare.push(bare);
    }
  } finally {
    await approvals.close();
    publisher.disconnect();
    subscriber.disconnect();
    for (const store of [gateway, bridge, worker]) await store.close();
    server.close();
    await redis.stop();
  }
  return times;
}
