/** Proves the table of src/store/acl.ts against a real server: ports work, and what isn't a process's business is NOPERM. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "../../src/lib/errors.ts";
import { aclFile, type RedisRole, ROLES, type Store } from "../../src/store/index.ts";
import { startTestRedis, type TestRedis } from "../helpers/redis.ts";
import { claimed, command, final, message, principal } from "./events.ts";

let redis: TestRedis;
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());

/** Refusals that the server saw since the last call; a port that only seems to work leaves one. */
async function refusals(): Promise<string[]> {
  const log = (await redis.send("admin", "ACL", "LOG")) as unknown[][];
  await redis.send("admin", "ACL", "LOG", "RESET");
  return log.map((entry) => `${entry[9]}: ${entry[3]} ${entry[7]}`);
}

async function opened(role: RedisRole): Promise<Store> {
  const store = redis.store(role);
  await store.ready();
  return store;
}

for (const [role, bridge] of [
  ["bridge-console", "console"],
  ["bridge-telegram", "telegram.42"],
  ["bridge-discord", "discord.7"],
] as const) {
  test(`the ports of ${role} and of the worker work together, without one refusal`, async () => {
    await refusals();
    const b = await opened(role);
    const w = await opened("worker");
    const conversation = bridge === "console" ? "console.a" : `${bridge}.99`;
    const in_ = b.ingress(bridge);
    const out = b.outbox(bridge);
    const to = { conversation, bridge };
    const offs = [
      await out.onDraft(() => {}),
      await out.onOutboxHint(() => {}),
      await w.turns.onCancelHint(() => {}),
      await w.turns.onWakeHint(() => {}),
    ];
    // Nobody listens yet, so BullMQ has to keep this ring.
    await in_.accept(message("a", "hello", to));
    await in_.wakeHint(principal());
    for (let i = 0; i < 100 && (await b.doorbell.depth()) === 0; i++) await sleep(10);
    assert.equal(await b.doorbell.depth(), 1);
    const rung: string[] = [];
    const bell = await w.doorbell.listen(async (c) => void rung.push(c), 2);
    for (let i = 0; i < 300 && rung.length === 0; i++) await sleep(10);
    assert.deepEqual(rung, [conversation]);

    const mark = await w.turns.markOf(conversation);
    const turn = await claimed(w, conversation);
    await w.turns.advance(turn, { state: "dispatching" });
    await w.turns.renew(turn);
    w.turns.draft({
      conversation,
      turnId: turn.turnId,
      fence: 1,
      seq: 1,
      deliver: {},
      kind: "text",
      text: "x",
      bridge,
    } as never);
    await w.contexts.begin(
      turn.principal,
      { turnId: turn.turnId, kind: "turn", scopeId: "s", conversation },
      60_000,
    );
    assert.equal((await w.contexts.current(turn.principal)).length, 1);
    await out.setAnchor(conversation, turn.turnId, "sending", "");
    await w.turns.settle(turn, "answered", final("hi"));
    await w.turns.clean(conversation, mark);
    await w.contexts.end(turn.principal, turn.turnId);
    await w.turns.finished(conversation, turn.turnId);
    assert.equal(await w.profiles.get(turn.principal), undefined);
    await in_.accept(command("a", "new", to));
    await in_.accept(command("a", "stop", to));
    for (const { conversation: dirty, mark: m } of await out.dirty(10)) {
      for (const answer of await out.pending(dirty)) {
        await out.plan(dirty, answer.answerId, 1);
        await out.part(dirty, answer.answerId, 0, { state: "sent", attempt: 1, anchor: "5" });
        await out.anchor(dirty, answer.answerId);
        await out.done(dirty, answer.answerId);
      }
      await out.clean(dirty, m);
    }
    assert.deepEqual(await out.dirty(10), []);
    const facts = b.bridge(bridge);
    assert.equal(await facts.holdPoller("me", 1_000), "me");
    await facts.releasePoller("me");
    assert.equal(await facts.strangerKnocked("1"), true);
    for (const off of offs) await off();
    await bell.close();
    assert.deepEqual(await refusals(), []);
  });
}

test("the ports of gateway, access, operator and supervisor work, without one refusal", async () => {
  await refusals();
  const gateway = await opened("gateway");
  const access = await opened("access");
  const operator = await opened("operator");
  const supervisor = await opened("supervisor");
  assert.deepEqual(await gateway.usage.reserve(principal(), { id: "r", tokens: 1, micros: 1 }, {}), {
    kind: "ok",
  });
  await gateway.usage.settle(principal(), "r", {
    model: "m",
    input: 1,
    output: 2,
    micros: 3,
    estimated: false,
    turnId: "t",
  });
  assert.equal((await gateway.usage.day(principal())).output, 2);
  await gateway.contexts.current(principal());
  await access.profiles.change(principal(), () => ({ v: 1, name: "ann" }));
  assert.equal((await gateway.profiles.get(principal()))?.name, "ann");
  const telegram = await opened("bridge-telegram");
  const worker = await opened("worker");
  const taking = await access.accessBook.onWishes((platform) =>
    access.accessBook.takeWishes(platform, async ({ wishId }) => ({ wishId, kind: "quiet", params: {} })),
  );
  const wish = { wishId: "w1", kind: "unlink", by: "telegram:1", name: "Ann" } as const;
  assert.equal((await telegram.accessWishes("telegram.42").hand(wish)).kind, "quiet");
  const { rev } = await access.accessBook.load();
  assert.equal(await access.accessBook.commit(rev, [{ table: "shut", key: principal(), value: 5 }]), rev + 1);
  assert.equal(await access.accessBook.commit(rev, []), undefined, "an old revision writes nothing");
  const note = { v: 1, noteId: "n", deliver: { chat: "1" }, code: "x", params: {}, buttons: [] };
  await access.accessBook.note("telegram.42/n", { v: 1, bridge: "telegram.42", note });
  assert.equal((await telegram.accessWishes("telegram.42").notes()).length, 1);
  const message = { v: 1, conversation: "telegram.42.1", message: "7" };
  await telegram.accessWishes("telegram.42").shown("n", message);
  assert.deepEqual(await telegram.accessWishes("telegram.42").notes(), []);
  assert.equal((await access.accessBook.noteMessage("telegram.42", "n"))?.message, "7");
  for (const reader of [gateway, worker]) assert.deepEqual([...(await reader.access.shut())], [principal()]);
  for (const reader of [gateway, telegram]) {
    assert.equal(await reader.access.rev(), rev + 1);
    assert.equal(await reader.access.person("telegram:1"), undefined);
    assert.equal(await reader.access.principal(principal()), undefined);
    await (await reader.access.onChange(() => {}))();
  }
  await taking();
  await operator.profiles.change(principal(), () => ({ v: 1, name: "bob" }));
  assert.equal((await operator.usage.day(principal())).calls, 1);
  await supervisor.prepare(false);
  assert.deepEqual(await supervisor.durabilityProblems(false), []);
  assert.deepEqual(await refusals(), []);
});

const NOBODY: string[][] = [
  ["FLUSHALL"],
  ["FLUSHDB"],
  ["KEYS", "*"],
  ["CONFIG", "SET", "appendfsync", "no"],
  ["CONFIG", "REWRITE"],
  ["DEBUG", "SLEEP", "0"],
  ["MODULE", "LIST"],
  ["ACL", "SETUSER", "worker", "+@all"],
  ["ACL", "LIST"],
  ["MONITOR"],
  ["SCRIPT", "FLUSH"],
  ["FUNCTION", "LIST"],
  ["REPLICAOF", "127.0.0.1", "1"],
  ["BGREWRITEAOF"],
  ["SAVE"],
  ["CLIENT", "LIST"],
  ["CLIENT", "KILL", "ID", "1"],
  ["SWAPDB", "0", "0"],
  ["MIGRATE", "127.0.0.1", "1", "k", "0", "1"],
  ["RANDOMKEY"],
  ["GET", "unprefixed"],
];
const P = principal();
const C = "{c:console.a}";
/** What one process may do and these may not. */
const FORBIDDEN: [who: readonly RedisRole[], what: string, command: string[]][] = [
  [ROLES, "publishing to a foreign channel", ["PUBLISH", "other", "x"]],
  [ROLES.filter((r) => r !== "supervisor"), "stopping the server", ["SHUTDOWN", "NOSAVE"]],
  [ROLES.filter((r) => r !== "supervisor"), "reading the configuration", ["CONFIG", "GET", "*"]],
  [ROLES.filter((r) => r !== "supervisor"), "the schema version", ["SET", "nc:schema", "x"]],
  [ROLES.filter((r) => r !== "operator"), "scanning", ["SCAN", "0"]],
  [
    ROLES.filter((r) => r !== "access" && r !== "operator"),
    "writing a profile",
    ["SET", `nc:{p:${P}}:profile`, "{}"],
  ],
  [
    ROLES.filter((r) => r !== "gateway"),
    "writing usage",
    ["HINCRBY", `nc:{p:${P}}:usage`, "2026-01-01:micros", "-5"],
  ],
  [ROLES.filter((r) => r !== "gateway"), "dropping a reservation", ["HDEL", `nc:{p:${P}}:reserved`, "r"]],
  ...["approvals", "grants", "rules"].map((key): [RedisRole[], string, string[]] => [
    ROLES.filter((r) => r !== "gateway"),
    `writing ${key}`,
    ["HSET", `nc:{p:${P}}:${key}`, "a", "{}"],
  ]),
  [ROLES.filter((r) => r !== "gateway"), "writing a policy", ["HSET", `nc:{p:${P}}:policy`, "a", "{}"]],
  ...(
    [
      ["writing roles", "book", "person:telegram:1"],
      ["letting a group in", "book", "group:telegram:-1"],
      ["naming deciders", "book", `principal:${P}`],
      ["putting a code in", "codes", "code:x"],
      ["shutting somebody", "shut", P],
    ] as const
  ).map(([what, table, field]): [RedisRole[], string, string[]] => [
    ROLES.filter((r) => r !== "access"),
    what,
    ["HSET", `nc:{access}:${table}`, field, "{}"],
  ]),
  [ROLES.filter((r) => r !== "access"), "unshutting somebody", ["HDEL", "nc:{access}:shut", P]],
  [ROLES.filter((r) => r !== "access"), "raising the revision", ["HINCRBY", "nc:{access}:book", "rev", "1"]],
  [
    ROLES.filter((r) => r !== "access" && r !== "operator"),
    "reading codes' hashes",
    ["HGETALL", "nc:{access}:codes"],
  ],
  [["worker", "supervisor"], "reading people", ["HGETALL", "nc:{access}:book"]],
  [
    ROLES.filter((r) => r !== "access" && r !== "bridge-telegram"),
    "wishing for Telegram's people",
    ["LPOP", "nc:{access}:wishes:telegram"],
  ],
  [["bridge-telegram"], "wishing for Discord's people", ["RPUSH", "nc:{access}:wishes:discord", "{}"]],
  [
    ROLES.filter((r) => r !== "access" && r !== "bridge-telegram"),
    "speaking for the access component",
    ["HSET", "nc:{b:telegram.42}:notes", "n", "{}"],
  ],
  [
    ["access"],
    "faking where a question was posted",
    ["HSET", "nc:{b:telegram.42}:notes:messages", "n", "{}"],
  ],
  [["bridge-discord"], "what became of Telegram's wishes", ["SUBSCRIBE", "nc:wished:telegram.42"]],
  [
    ROLES.filter((r) => r !== "bridge-telegram" && r !== "gateway"),
    "tapping for Telegram's people",
    ["LINDEX", `nc:{p:${P}}:taps:telegram`, "0"],
  ],
  [
    ["bridge-discord", "worker", "access", "operator", "supervisor"],
    "tapping for Telegram's people",
    ["RPUSH", `nc:{p:${P}}:taps:telegram`, "{}"],
  ],
  [
    ["bridge-discord", "bridge-console"],
    "another platform's cards",
    ["HGETALL", "nc:{b:telegram.42}:cards:messages"],
  ],
  [
    ROLES.filter((r) => r !== "worker"),
    "faking a turn for the gateway",
    ["HSET", `nc:{p:${P}}:turns`, "t", "{}"],
  ],
  [ROLES.filter((r) => r !== "worker"), "taking a running slot", ["ZADD", `nc:{p:${P}}:running`, "1", "t"]],
  [ROLES.filter((r) => r !== "worker"), "writing a turn", ["HSET", `nc:${C}:turn`, "owner", "me"]],
  [
    ROLES.filter((r) => r !== "worker"),
    "faking a finished turn",
    ["HSET", `nc:${C}:turn:t`, "state", "answered"],
  ],
  [
    ["gateway", "access", "operator", "supervisor"],
    "putting a message in",
    ["HSET", `nc:${C}:entries`, "1", "{}"],
  ],
  [["gateway", "access", "supervisor"], "reading a mailbox", ["HGETALL", `nc:${C}:entries`]],
  [["gateway", "access", "supervisor"], "reading answers", ["HGETALL", `nc:${C}:answers`]],
  [["bridge-telegram", "bridge-discord"], "another platform's mailbox", ["HGETALL", `nc:${C}:entries`]],
  [
    ["bridge-console", "bridge-discord"],
    "another platform's cursor",
    ["SET", "nc:{b:telegram.42}:cursor", "1"],
  ],
  [["bridge-console", "bridge-telegram"], "another platform's drafts", ["SUBSCRIBE", "nc:drafts:discord.7"]],
  [
    ["gateway", "access", "operator", "supervisor"],
    "listening to drafts",
    ["SUBSCRIBE", "nc:drafts:console"],
  ],
  [ROLES, "listening to everything", ["PSUBSCRIBE", "*"]],
  [["gateway", "access", "supervisor"], "ringing", ["LPUSH", "{nc:q:host1}:turns:wait", "1"]],
  [
    ["bridge-telegram"],
    "a script that touches another's keys",
    ["EVAL", "return redis.call('GET', KEYS[1])", "1", `nc:{p:${P}}:profile`],
  ],
  [
    ["bridge-telegram"],
    "a script that hides the key it touches",
    ["EVAL", `return redis.call('HGET', 'nc:{p:${P}}:grants', 'x')`, "0"],
  ],
];

/** Within a script the refusal comes wrapped. */
const NOPERM = /NOPERM|can.t access at least one of the keys|DEBUG command not allowed/;

for (const forbidden of NOBODY) {
  test(`nobody may ${forbidden.join(" ")}`, async () => {
    for (const role of ROLES)
      await assert.rejects(redis.send(role, forbidden[0]!, ...forbidden.slice(1)), NOPERM, role);
  });
}
for (const [who, what, forbidden] of FORBIDDEN) {
  test(`refused: ${what} (${who.length === ROLES.length ? "all" : who.join(", ")})`, async () => {
    for (const role of who)
      await assert.rejects(redis.send(role, forbidden[0]!, ...forbidden.slice(1)), NOPERM, role);
  });
}

test("without a login nothing works; a wrong password is a Fault that says so", async () => {
  await assert.rejects(redis.send("nobody" as RedisRole, "PING"), /NOAUTH/);
  await assert.rejects(redis.send("worker", "AUTH", "default", ""), /WRONGPASS/);
  await assert.rejects(redis.send("worker", "AUTH", ""), /WRONGPASS/);
  const store = redis.store("worker");
  redis.users.worker.password += "x";
  const wrong = redis.store("worker");
  redis.users.worker.password = redis.users.worker.password.slice(0, -1);
  await store.ready();
  await assert.rejects(
    wrong.ready(500),
    (e) => e instanceof Fault && e.code === "redis-auth" && !e.retryable,
  );
});

test("a port used by the wrong process is a Fault, not retryable, and nothing happened", async () => {
  const worker = redis.store("worker");
  await worker.ready();
  await assert.rejects(
    worker.profiles.change(principal(9), () => ({ v: 1, name: "x" })),
    (e) => e instanceof Fault && e.code === "redis-forbidden" && !e.retryable && e.certain,
  );
});

test("the aclfile holds no password, and refuses one that isn't hashed", () => {
  for (const { password } of Object.values(redis.users)) assert.ok(!redis.acl.includes(password));
  assert.match(redis.acl, /^user default off /m);
  assert.throws(() => aclFile({ users: [{ name: "worker", passwordSha256: "secret" }] }), Fault);
});
