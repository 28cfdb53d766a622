/** `nemoclaw users|pairing|groups` as processes against a running access component: what they print, refuse and never print. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type RunningAccess, runAccess } from "../../src/access/index.ts";
import { howToClaim } from "../../src/cli/access/ask.ts";
import { hashOfCode, newCode } from "../../src/lib/codes.ts";
import { pathsOf } from "../../src/lib/paths.ts";
import type { Store } from "../../src/store/index.ts";
import { silent, startTestRedis, type TestRedis } from "../helpers/redis.ts";

const BIN = join(import.meta.dirname, "..", "..", "bin", "nemoclaw");

describe("people, pairing and groups by commands", () => {
  let redis: TestRedis;
  let access: RunningAccess;
  let bridge: Store;
  before(async () => {
    redis = await startTestRedis();
    const { accessSocket } = pathsOf(redis.home);
    mkdirSync(dirname(accessSocket), { recursive: true });
    const store = redis.store("access");
    bridge = redis.store("bridge-telegram");
    await Promise.all([store.ready(), bridge.ready()]);
    access = await runAccess({
      ...{ store, logger: silent, socketPath: accessSocket, solo: false },
      standing: ["telegram:7"],
    });
  });
  after(async () => {
    await access.close();
    await redis.stop();
  });

  const run = (...args: string[]) =>
    new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      const child = spawn(process.execPath, [BIN, ...args], {
        env: { PATH: process.env["PATH"], NEMOCLAW_HOME: redis.home },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const text = { out: "", err: "" };
      child.stdout.on("data", (data: Buffer) => (text.out += data.toString()));
      child.stderr.on("data", (data: Buffer) => (text.err += data.toString()));
      child.once("close", (code) => resolve({ code, ...text }));
    });
  const knock = async (id: string, name: string) => {
    const code = newCode("pairing");
    const hash = hashOfCode("pairing", code) ?? "";
    const wish = {
      kind: "knock",
      wishId: `w${id}`,
      by: `telegram:${id}`,
      name,
      code: hash,
      deliver: { chat: id },
    } as const;
    assert.equal((await bridge.accessWishes("telegram.42").hand(wish)).kind, "paired");
    return code;
  };

  it("lists who waits without their codes, and lets in by the code", async () => {
    const code = await knock("41", "Ann\u001b[31m\nroot");
    const list = await run("pairing", "list");
    assert.match(list.out, /^telegram:41 {2}calls itself “Ann[^\n]*root[^\n]*” {2}\d+ s ago\n$/);
    assert.ok(!list.out.includes(code) && !list.out.includes("\u001b"));
    const wrong = await run("pairing", "approve", newCode("pairing"));
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /nobody waits with that code/);
    const approved = await run("pairing", "approve", code.toUpperCase().replace("-", " "));
    assert.equal(approved.code, 0, approved.err);
    assert.match(approved.out, /✓ Let in: telegram:41 .* sandbox ann-31m-root-\w{4}/);
    assert.equal((await run("pairing", "approve", code)).code, 1, "once");
    assert.equal((await run("pairing", "approve", "telegram:Ann")).code, 2, "no names");
  });

  it("shows, blocks, gives roles and limits, renames; as JSON too", async () => {
    assert.match((await run("users", "list")).out, /^telegram:7 .*allowed/m);
    assert.match((await run("users", "role", "41", "admin")).out, /allowed, admin/);
    assert.equal((await run("users", "role", "41", "emperor")).code, 2);
    const limits = ["--daily-tokens", "5000", "--daily-cost", "1.5", "--messages", "3", "--turns", "1"];
    assert.match(
      (await run("users", "limits", "telegram:41", ...limits)).out,
      /at most 5000 tokens a day, \$1.5 a day, 3 messages a minute, 1 turns at once/,
    );
    const fewer = await run("users", "limits", "41", "--daily-tokens", "none");
    assert.match(fewer.out, /at most \$1.5 a day/, fewer.err);
    const asks = async (choice: string) => {
      const { out } = await run("users", "ask-commands", "41", choice, "--json");
      return (JSON.parse(out) as { profile: { askCommands?: boolean } }).profile.askCommands;
    };
    assert.deepEqual([await asks("on"), await asks("off"), await asks("default")], [true, false, undefined]);
    assert.equal((await run("users", "ask-commands", "41", "maybe")).code, 2);
    assert.match((await run("users", "rename", "41", "research")).out, /research/);
    assert.equal((await run("users", "rename", "41", "start")).code, 2, "a command's name");
    assert.equal((await run("users", "rename", "41", "Not A Name")).code, 2);
    assert.match((await run("users", "block", "telegram:41")).out, /Blocked: telegram:41/);
    const shown = JSON.parse((await run("users", "show", "41", "--json")).out) as {
      user: { state: string; roles: string[] };
    };
    assert.deepEqual([shown.user.state, shown.user.roles], ["blocked", []]);
    assert.equal((await run("users", "add", "telegram:41")).code, 1);
    assert.match((await run("users", "unblock", "41")).out, /Unblocked/);
    const nobody = await run("users", "show", "99");
    assert.equal(nobody.code, 1);
    assert.match(nobody.err, /nobody is known with the id 99/);
  });

  it("allows groups, names approvers, says what is missing", async () => {
    const allowed = await run("groups", "allow", "telegram:-5", "--name", "Team", "--respond", "all");
    assert.match(allowed.out, /✓ telegram:-5 .*“Team”.*nobody decides/);
    assert.match(allowed.out, /Nobody decides there yet/);
    assert.match(allowed.out, /privacy mode off/);
    assert.equal(
      (await run("groups", "approvers", "telegram:-5", "--add", "telegram:7")).out,
      "telegram:7\n",
    );
    assert.match((await run("groups", "list")).out, /decided by telegram:7/);
    assert.match((await run("groups", "remove", "telegram:-5")).out, /refused/);
    assert.equal((await run("groups", "allow", "Team")).code, 2);
  });

  it("shows a claim code on a terminal only", async () => {
    const refused = await run("users", "claim");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /on a terminal only/);
    assert.doesNotMatch(refused.out + refused.err, /[a-z0-9]{4}(-[a-z0-9]{4}){3}/);
    const bots = [{ name: "telegram-bridge", facts: { bot: "@a_bot" } }];
    await run("users", "role", "41", "admin", "--off");
    const [line = "", ...more] = await howToClaim({ home: redis.home }, bots, false);
    assert.match(line, /nemoclaw users claim, in a terminal/);
    assert.deepEqual(more, []);
    const shown = (await howToClaim({ home: redis.home }, bots, true)).join("\n");
    const code = /\/claim ([a-z0-9-]{19})/.exec(shown)?.[1] ?? "";
    assert.ok(shown.includes(`https://t.me/a_bot?start=${code}`));
    const stored = JSON.stringify(await redis.send("admin", "HGETALL", "nc:{access}:codes"));
    assert.ok(stored.includes(hashOfCode("claim", code) ?? "?") && !stored.includes(code));
    const claim = {
      kind: "claim",
      wishId: "wc",
      by: "telegram:7",
      name: "Op",
      code: hashOfCode("claim", code) ?? "",
    } as const;
    const outcome = await bridge.accessWishes("telegram.42").hand({ ...claim, deliver: { chat: "7" } });
    assert.equal(outcome.kind, "claimed");
    assert.deepEqual(await howToClaim({ home: redis.home }, bots, true), [], "there is an admin now");
  });

  it("says so when the service doesn't run", async () => {
    const child = spawn(process.execPath, [BIN, "users", "list"], {
      env: { PATH: process.env["PATH"], NEMOCLAW_HOME: "/tmp/nc-nowhere" },
      stdio: "ignore",
    });
    assert.equal(await new Promise((resolve) => child.once("close", resolve)), 3);
  });
});
