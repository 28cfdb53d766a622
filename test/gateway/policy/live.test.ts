/** Policies in force: layers, hot reload over a real Redis, what a broken revision does, rollback, two gateways. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { plainRule } from "../../../src/gateway/policy/from-file.ts";
import { Fault } from "../../../src/lib/errors.ts";
import { startTestRedis, type TestRedis } from "../../helpers/redis.ts";
import { connect } from "./helpers.ts";
import { ANN, Approvals, AUTHOR, allowing, BOB, deaf, type Gate, gate, until } from "./live-kit.ts";

let redis: TestRedis;
let gates: Gate[] = [];
before(async () => {
  redis = await startTestRedis();
});
after(() => redis.stop());
beforeEach(async () => {
  const keys = (await redis.send("admin", "KEYS", "nc:{p:*}:policy")) as string[];
  if (keys.length > 0) await redis.send("admin", "DEL", ...keys);
});
afterEach(async () => {
  await Promise.all(gates.map(({ book }) => book.close()));
  gates = [];
});

async function start(
  ...args: Parameters<typeof gate> extends [unknown, ...infer R] ? R : never
): Promise<Gate> {
  const started = await gate(redis, ...args);
  gates.push(started);
  return started;
}
const set = ({ desk }: Gate, target: string, text: string, more = {}) =>
  desk.set(target, { name: "policy.yaml", text }, { ...AUTHOR, ...more });
const verdict = ({ book }: Gate, sandbox: string, to: string) =>
  connect(book.open(sandbox).current().policy, to).verdict;

describe("layers", () => {
  it("nothing stored: the blueprint's policy, everything unknown is asked or denied as configured", async () => {
    const asking = await start();
    await asking.book.loaded(ANN);
    assert.equal(verdict(asking, ANN, "a.example.com:443"), "ask");
    const denying = await start("host2", { fallback: "deny" });
    await denying.book.loaded(ANN);
    assert.equal(verdict(denying, ANN, "a.example.com:443"), "deny");
  });
  it("before anything was read nothing leaves, and no approval helps", async () => {
    const gateway = await start();
    const decision = connect(gateway.book.open(BOB).current().policy, "a.example.com:443");
    assert.deepEqual([decision.verdict, decision.layer], ["deny", "denial"]);
  });
  it("the default holds for all, a sandbox's own adds to it, and denials of both hold", async () => {
    const gateway = await start();
    await set(gateway, "default", `${allowing("all.example.com", "no.example.com")}`);
    await set(gateway, ANN, `${allowing("ann.example.com")}  denied: [{ host: no.example.com }]\n`);
    for (const sandbox of [ANN, BOB]) await gateway.book.loaded(sandbox);
    assert.deepEqual(
      [ANN, BOB].map((sandbox) =>
        ["all", "ann", "no"].map((host) => verdict(gateway, sandbox, `${host}.example.com:443`)),
      ),
      [
        ["allow", "allow", "deny"],
        ["allow", "ask", "allow"],
      ],
    );
  });
  it("where a sandbox's own file treats a destination otherwise, its own wins", async () => {
    const gateway = await start();
    await set(gateway, "default", allowing("api.example.com"));
    const inspected =
      "version: 1\nnetwork_policies: { api: { endpoints: [{ host: api.example.com, port: 443, protocol: rest, enforcement: enforce, access: read-only }] } }";
    await set(gateway, ANN, inspected);
    for (const sandbox of [ANN, BOB]) await gateway.book.loaded(sandbox);
    const of = (sandbox: string) =>
      connect(gateway.book.open(sandbox).current().policy, "api.example.com:443");
    assert.deepEqual([of(ANN).inspect, of(BOB).inspect], [true, false]);
    assert.deepEqual((await gateway.desk.effective(ANN)).notes, [
      'egress.allowed[0] (api.example.com) is replaced by "api" (api.example.com)',
    ]);
  });
  it("presets of both layers count; what a preset allows is no operator's rule", async () => {
    const gateway = await start();
    const preset = (name: string) => ({ name, registries: [] });
    const add = (target: string, ...names: string[]) =>
      gateway.desk.change(
        target,
        () => ({ file: "p.yaml", text: allowing("x.example.com"), presets: names.map(preset) }),
        AUTHOR,
      );
    assert.equal((await add("default", "weather")).kind, "submitted");
    assert.equal((await add(ANN, "github")).kind, "submitted");
    await gateway.book.loaded(ANN);
    const { policy } = gateway.book.open(ANN).current();
    assert.equal(connect(policy, "wttr.in:443").rule, "preset:weather");
    assert.equal(connect(policy, "api.github.com:443").allowance.exactOperator, false);
    const nothing = await add(ANN, "no-such");
    assert.equal(nothing.kind, "invalid");
    assert.match(JSON.stringify(nothing), /there is no preset no-such/);
  });
  it("standing approvals join without a new revision; grants are handed through", async () => {
    const approvals = new Approvals();
    const gateway = await start("host1", { approvals: () => approvals });
    await gateway.book.loaded(ANN);
    const port = gateway.book.open(ANN);
    let told = 0;
    port.onChange(() => told++);
    const before = port.current().policy;
    const grant = { id: "g", scope: "session" as const, host: "g.example.com", port: 443 };
    approvals.put([grant], []);
    assert.equal(told, 1);
    assert.equal(port.current().policy, before, "grants alone compile nothing");
    assert.deepEqual(port.current().grants, [grant]);
    approvals.put([grant], [plainRule("r_1", "approval", "always.example.com", [443])]);
    assert.equal(told, 2);
    assert.equal(verdict(gateway, ANN, "always.example.com:443"), "allow");
    assert.equal(port.current().policy.hash, before.hash, "open cards stay the same question");
    approvals.put([], []);
    assert.equal(verdict(gateway, ANN, "always.example.com:443"), "ask");
  });
});

describe("hot reload", () => {
  it("another gateway's change arrives by hint at once, by the poll alone within a second", async () => {
    const one = await start();
    const two = await start("host2");
    const opened = await gate(redis, "host3");
    await opened.book.close();
    const three = await start("host3", { store: deaf(opened.store) });
    for (const { book } of [one, two, three]) await book.loaded(ANN);
    let told = 0;
    two.book.open(ANN).onChange(() => told++);
    for (const [host, target] of [
      ["one", "default"],
      ["two", ANN],
    ] as const) {
      await set(one, target, allowing(`${host}.example.com`));
      const to = `${host}.example.com:443`;
      assert.equal(verdict(one, ANN, to), "allow", "its own gateway has it before the answer");
      const hinted = await until(() => verdict(two, ANN, to) === "allow");
      assert.ok(hinted < 300, `${hinted} ms by hint`);
      await until(() => verdict(three, ANN, to) === "allow", 1_000);
    }
    assert.equal(told, 2);
  });
  it("a broken file changes nothing and says where it is wrong", async () => {
    const gateway = await start();
    await set(gateway, "default", allowing("a.example.com"));
    const outcome = await set(gateway, "default", "egress:\n  allowed:\n    - host: b.example.com\n");
    assert.deepEqual(outcome, {
      kind: "invalid",
      problems: [{ at: "policy.yaml:3:7", message: 'needs a `port` (443, or "*" for any)' }],
    });
    await gateway.book.loaded(ANN);
    assert.equal(verdict(gateway, ANN, "a.example.com:443"), "allow");
    assert.deepEqual(await gateway.store.heads(["default"]), [1]);
  });
  it("a stored revision that this version can't load changes nothing and is reported", async () => {
    const gateway = await start();
    await set(gateway, "default", allowing("a.example.com"));
    await gateway.book.loaded(ANN);
    const foreign = { hash: "x", by: "future", note: "", file: "f.yaml", presets: [] };
    await gateway.store.append("default", 1, { ...foreign, text: "version: 9\n" });
    await until(() => gateway.book.troubles().length > 0);
    assert.match(gateway.book.troubles()[0]!, /policy of default, version 2, is not in force: f\.yaml:1:10/);
    assert.equal(verdict(gateway, ANN, "a.example.com:443"), "allow");
    const fresh = await start("host2");
    await fresh.book.loaded(ANN);
    assert.equal(verdict(fresh, ANN, "a.example.com:443"), "deny", "whoever has nothing else denies");
    await set(gateway, "default", allowing("b.example.com"));
    assert.deepEqual(gateway.book.troubles(), []);
    await until(() => verdict(fresh, ANN, "b.example.com:443") === "allow");
  });
  it("while Redis is away what was loaded stays, and afterwards changes arrive", async () => {
    const gateway = await start();
    await set(gateway, "default", allowing("a.example.com"));
    await gateway.book.loaded(ANN);
    await redis.kill9();
    await sleep(800);
    assert.equal(verdict(gateway, ANN, "a.example.com:443"), "allow");
    assert.equal(verdict(gateway, BOB, "a.example.com:443"), "deny", "one that was never read");
    await redis.restart();
    await until(() => verdict(gateway, BOB, "a.example.com:443") === "allow", 5_000);
    await set(gateway, "default", allowing("b.example.com"));
    assert.equal(verdict(gateway, ANN, "a.example.com:443"), "ask");
  });
  it("a sandbox that is gone is followed no more", async () => {
    const gateway = await start();
    await gateway.book.loaded(ANN);
    gateway.book.forget(ANN);
    assert.equal(gateway.book.state(ANN), undefined);
  });
});

describe("changes", () => {
  it("one meaning is one version; a rollback is a new version with the old text and presets", async () => {
    const gateway = await start();
    const first = await set(gateway, ANN, allowing("a.example.com"));
    assert.deepEqual([first.kind, "version" in first && first.version], ["submitted", 1]);
    const again = await set(gateway, ANN, `# spelled otherwise\n${allowing("A.example.com")}`);
    assert.deepEqual([again.kind, "version" in again && again.version], ["unchanged", 1]);
    await set(gateway, ANN, allowing("b.example.com"));
    const back = await gateway.desk.rollback(ANN, 1, AUTHOR);
    assert.deepEqual([back.kind, "version" in back && back.version], ["submitted", 3]);
    assert.equal((await gateway.store.get(ANN))?.rollbackOf, 1);
    await gateway.book.loaded(ANN);
    assert.deepEqual(
      ["a", "b"].map((host) => verdict(gateway, ANN, `${host}.example.com:443`)),
      ["allow", "ask"],
    );
    await assert.rejects(gateway.desk.rollback(ANN, 9, AUTHOR), (error: Fault) => {
      assert.equal(error.code, "policy-revision-unknown");
      assert.equal(error.hint, "versions 1 to 3 are kept");
      return true;
    });
  });
  it("a dry run shows the difference and stores nothing", async () => {
    const gateway = await start();
    await set(gateway, "default", allowing("a.example.com"));
    const outcome = await set(gateway, "default", allowing("b.example.com"), { dryRun: true });
    assert.deepEqual(outcome.kind === "checked" && outcome.diff, {
      added: ["egress.allowed[0]: b.example.com:443; any request"],
      removed: ["egress.allowed[0]: a.example.com:443; any request"],
      fixed: [],
    });
    assert.deepEqual(await gateway.store.heads(["default"]), [1]);
  });
  it("two operators at once: one wins, the other is told", async () => {
    const [one, two] = [await start(), await start("host2")];
    const outcomes = await Promise.allSettled(
      [one, two].map((gateway, i) => set(gateway, ANN, allowing(`h${i}.example.com`))),
    );
    const lost = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.equal(lost.length, 1);
    assert.equal((lost[0]!.reason as Fault).code, "policy-conflict");
    await assert.rejects(set(one, ANN, allowing("z.example.com"), { expected: 0 }), /somebody else changed/);
  });
});

describe("fixed sections", () => {
  const CASES: [name: string, sections: string, refused: RegExp | undefined, warned?: RegExp][] = [
    ["left out", "", undefined],
    ["as the sandbox is made", "process: { run_as_user: sandbox }\n", undefined],
    [
      "as NVIDIA's own files have them",
      "filesystem_policy: { include_workdir: false, read_only: [/usr, /lib, /proc, /app, /sandbox/.openclaw], read_write: [/sandbox, /tmp, /dev/null] }\nlandlock: { compatibility: best_effort }\nprocess: { run_as_user: sandbox, run_as_group: sandbox }\n",
      undefined,
      /read_only\[4\]: \/sandbox\/\.openclaw lies in a place that every sandbox may write to/,
    ],
    [
      "with more to write than there is",
      "filesystem_policy: { read_write: [/sandbox, /tmp, /opt] }\n",
      undefined,
      /read_write\[2\]: \/opt is not writable in a sandbox and stays so/,
    ],
    [
      "with less to write than a sandbox has",
      "filesystem_policy: { read_write: [/sandbox] }\n",
      /^filesystem_policy: \/tmp is writable in every sandbox/,
    ],
    [
      "with another user",
      "process: { run_as_user: 2000 }\n",
      /^process: run_as_user is 1000 in every sandbox/,
    ],
  ];
  for (const [name, sections, refused, warned] of CASES) {
    it(`${name}: ${refused ? "refused" : "accepted"}`, async () => {
      const gateway = await start();
      const text = `version: 1\n${sections}network_policies: { a: { endpoints: [{ host: a.example.com, port: 443 }] } }\n`;
      if (refused) {
        await assert.rejects(set(gateway, ANN, text), (error: Fault) => {
          assert.ok(error instanceof Fault);
          assert.equal(error.code, "policy-fixed");
          assert.match(error.message, refused);
          return true;
        });
        assert.deepEqual(await gateway.store.heads([ANN]), [0]);
        return;
      }
      const outcome = await set(gateway, ANN, text);
      assert.equal(outcome.kind, "submitted");
      if (warned) assert.match(JSON.stringify(outcome), warned);
    });
  }
  it("a change of what is in force is refused by name; leaving it out is not", async () => {
    const gateway = await start();
    const text = (paths: string) =>
      `version: 1\nfilesystem_policy: { read_write: [/sandbox, /tmp${paths}] }\nnetwork_policies: {}\n`;
    await set(gateway, ANN, text(""));
    await assert.rejects(
      set(gateway, ANN, text(", /var")),
      /filesystem_policy is fixed when a sandbox is made and can't change while it lives/,
    );
    assert.equal((await set(gateway, ANN, allowing("a.example.com"))).kind, "submitted");
  });
  it("a host that runs with best_effort refuses a file that insists on hard_requirement", async () => {
    const gateway = await start("host1", { landlock: "best_effort" });
    await assert.rejects(
      set(gateway, ANN, "version: 1\nlandlock: { compatibility: hard_requirement }\nnetwork_policies: {}\n"),
      /landlock: this host runs its sandboxes with best_effort/,
    );
  });
});
