/**
 * Who may decide for a sandbox, on a real Redis: owners, linked identities, persons named for a group; and what a block
 * ends. Each forged or outlived decider is a row.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AccessDesk } from "../../../src/access/desk.ts";
import { allowGroup, nameApprovers, placePrincipal } from "../../../src/access/groups.ts";
import { block, letIn, ownPrincipal, setRole, unblock } from "../../../src/access/people.ts";
import { Approvals, decidersOf } from "../../../src/gateway/approvals/index.ts";
import type { PolicyPort } from "../../../src/gateway/egress/proxy/index.ts";
import { compilePolicy } from "../../../src/gateway/policy/index.ts";
import { ShutSandboxes } from "../../../src/gateway/shut.ts";
import { newId, OPERATOR_PRINCIPAL } from "../../../src/lib/ids.ts";
import type { Store } from "../../../src/store/index.ts";
import { silent, startTestRedis, type TestRedis } from "../../helpers/redis.ts";

const [ANN, ANN_D, BOB, ADMIN, EVE] = ["telegram:1", "discord:1", "telegram:2", "telegram:3", "telegram:666"];
const GROUP = "telegram:-500";
const EMPTY = "telegram:-501";

describe("who decides", () => {
  let redis: TestRedis;
  let gateway: Store;
  let worker: Store;
  let desk: AccessDesk;
  before(async () => {
    redis = await startTestRedis();
    const access = redis.store("access");
    gateway = redis.store("gateway");
    worker = redis.store("worker");
    await Promise.all([access.ready(), gateway.ready(), worker.ready()]);
    desk = new AccessDesk({ store: access.accessBook, profiles: access.profiles, logger: silent });
    await desk.decide((draft) => {
      for (const one of [ANN, ANN_D, BOB, ADMIN]) letIn(draft, one!, { source: "operator", by: "test" });
      draft.people.set(ANN_D!, { ...draft.people.get(ANN_D!)!, principal: ownPrincipal(ANN!) });
      setRole(draft, ADMIN!, "admin", true);
      for (const place of [GROUP, EMPTY]) allowGroup(draft, place, {}, "test");
      nameApprovers(draft, GROUP, { add: [BOB!] });
    });
  });
  after(() => redis.stop());

  const by = (identity: string) => {
    const [via = "", id = ""] = identity.split(":");
    return { via, identity: id, name: "Ann" };
  };
  const ROWS: [what: string, principal: string, who: string, may: boolean][] = [
    ["the owner", ownPrincipal(ANN!), ANN!, true],
    ["the owner's linked identity", ownPrincipal(ANN!), ANN_D!, true],
    ["a linked identity for the sandbox it left", ownPrincipal(ANN_D!), ANN_D!, false],
    ["the same number on another platform", ownPrincipal(BOB!), "discord:2", false],
    ["somebody else", ownPrincipal(ANN!), BOB!, false],
    ["an admin, who is no approver", ownPrincipal(ANN!), ADMIN!, false],
    ["an admin in a group", placePrincipal(GROUP), ADMIN!, false],
    ["a person named for the group", placePrincipal(GROUP), BOB!, true],
    ["the same person in another group", placePrincipal(EMPTY), BOB!, false],
    ["a member", placePrincipal(GROUP), ANN!, false],
    ["the group itself", placePrincipal(GROUP), "telegram:-500", false],
    ["the console for its own", OPERATOR_PRINCIPAL, "console:operator", true],
    ["the console for others", ownPrincipal(ANN!), "console:operator", false],
    ["a user called operator", OPERATOR_PRINCIPAL, "telegram:operator", false],
    ["an unknown platform", ownPrincipal(ANN!), "Telegram:1", false],
    ["somebody whom nobody wrote down, or whom config.yaml names no more", ownPrincipal(EVE!), EVE!, false],
  ];
  for (const [what, principal, who, may] of ROWS)
    it(`${may ? "lets" : "refuses"} ${what}`, async () => {
      assert.equal(await decidersOf(gateway.access).mayDecide(principal, by(who)), may);
    });

  it("asks nobody for a group without approvers, and says so", async () => {
    const approvals = new Approvals({
      store: gateway.approvals,
      asks: gateway.commandAsks,
      turns: gateway.contexts,
      logger: silent,
      deciders: decidersOf(gateway.access),
    });
    await approvals.start();
    for (const [place, want] of [
      [EMPTY, { kind: "unasked", why: "no_approver" }],
      [GROUP, "held"],
    ] as const) {
      const principal = placePrincipal(place);
      const conversation = `telegram.7.${place.split(":")[1]}`;
      const turn = { turnId: newId("t"), kind: "turn" as const, scopeId: "c:1", conversation };
      await worker.contexts.begin(
        principal,
        { ...turn, bridge: "telegram.7", deliver: { chat: "1" } },
        60_000,
      );
      const question = {
        scheme: "tunnel",
        host: "api.example.com",
        kind: "name",
        idn: false,
        port: 443,
      } as const;
      const held = approvals
        .of(principal)
        .desk.hold({ ...question, sandboxId: principal, policyHash: "h" }, new AbortController().signal);
      const outcome = await Promise.race([held, sleep(300).then(() => "held")]);
      assert.deepEqual(outcome, want);
      const cards = await gateway.approvals.list(principal);
      assert.equal(cards.length, want === "held" ? 1 : 0);
    }
    await approvals.close();
  });

  it("a block ends questions, grants, tunnels and the model within a second; deciding too", async () => {
    const principal = ownPrincipal(ANN!);
    const approvals = new Approvals({
      store: gateway.approvals,
      asks: gateway.commandAsks,
      turns: gateway.contexts,
      logger: silent,
      deciders: decidersOf(gateway.access),
    });
    await approvals.start();
    const shut = new ShutSandboxes(gateway.access, silent, (id) => approvals.shut(id));
    await shut.start();
    const open = compilePolicy({ hash: "open", fallback: "ask", rules: [], denials: [] });
    const port: PolicyPort = { current: () => ({ policy: open, grants: [] }), onChange: () => () => {} };
    const guarded = shut.policy(principal, port);
    let told = 0;
    guarded.onChange(() => {
      told = performance.now();
    });
    const turn = { turnId: newId("t"), kind: "turn" as const, scopeId: "c:1", conversation: "telegram.7.1" };
    await worker.contexts.begin(principal, { ...turn, bridge: "telegram.7", deliver: { chat: "1" } }, 60_000);
    const ask = (host: string) =>
      approvals.of(principal).desk.hold(
        {
          ...({ scheme: "tunnel", host, kind: "name", idn: false, port: 443 } as const),
          sandboxId: principal,
          policyHash: "h",
        },
        new AbortController().signal,
      );
    const first = ask("granted.example.com");
    await sleep(100);
    const [card] = await gateway.approvals.list(principal);
    await approvals.decide(principal, card!.approvalId, { state: "allowed-session", by: by(ANN!) });
    assert.equal((await first).kind, "allowed");
    assert.equal((await gateway.approvals.grants(principal)).length, 1);
    const second = ask("asked.example.com");
    await sleep(100);
    assert.equal(guarded.current().policy, open);
    const at = performance.now();
    await desk.decide((draft) => block(draft, ANN!, "test"));
    assert.equal((await second).kind, "expired");
    const ended = performance.now() - at;
    assert.ok(ended < 1_000, `${ended} ms`);
    for (let i = 0; i < 50 && (await gateway.approvals.grants(principal)).length > 0; i++) await sleep(10);
    assert.deepEqual(await gateway.approvals.grants(principal), []);
    assert.ok(told > at && told - at < 1_000, "open tunnels are judged again");
    assert.notEqual(guarded.current().policy, open);
    let status = 0;
    const handler = shut.inference({ handle: () => assert.fail("the model was reached") });
    const response = {
      writeHead: (code: number) => {
        status = code;
      },
      end: () => {},
    };
    handler.handle(principal, "/v1/chat/completions", {} as never, response as never);
    assert.equal(status, 403);
    for (const who of [ANN!, ANN_D!])
      assert.equal(await decidersOf(gateway.access).mayDecide(principal, by(who)), false, who);
    await desk.decide((draft) => unblock(draft, ANN!, "test"));
    for (let i = 0; i < 100 && guarded.current().policy !== open; i++) await sleep(10);
    assert.equal(guarded.current().policy, open, "opened again");
    console.log(`block → held connection let go: ${Math.round(ended)} ms`);
    await shut.close();
    await approvals.close();
  });

  it("two desks at once lose no decision", async () => {
    const access = redis.store("access");
    await access.ready();
    const other = new AccessDesk({ store: access.accessBook, profiles: access.profiles, logger: silent });
    const ids = Array.from({ length: 40 }, (_, i) => `telegram:${5_000 + i}`);
    const decisions = ids.map((id, i) =>
      (i % 2 ? desk : other).decide((draft) => letIn(draft, id, { source: "operator", by: "test" })),
    );
    await Promise.all(decisions);
    const { people } = await access.accessBook.load();
    assert.deepEqual(
      ids.filter((id) => people.get(id)?.state !== "allowed"),
      [],
    );
  });
});
