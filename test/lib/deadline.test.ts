import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Deadline } from "../../src/lib/deadline.ts";

test("deadlines ring in order, once, and not when they were lifted or set anew", async () => {
  const rung: string[] = [];
  const make = (name: string) => new Deadline(() => rung.push(name));
  const [late, soon, lifted, moved] = [make("late"), make("soon"), make("lifted"), make("moved")];
  late.set(120);
  soon.set(30);
  lifted.set(40);
  moved.set(40);
  lifted.lift();
  moved.set(90);
  await sleep(200);
  assert.deepEqual(rung, ["soon", "moved", "late"]);
  late.lift();
});

test("one that is due may lift and set others that are due with it", async () => {
  const rung: string[] = [];
  const other = new Deadline(() => rung.push("other"));
  const again = new Deadline(() => rung.push("again"));
  const first = new Deadline(() => {
    rung.push("first");
    other.lift();
    again.set(20);
  });
  first.set(10);
  other.set(10);
  again.set(10);
  await sleep(100);
  assert.deepEqual(rung, ["first", "again"]);
});

test("a process ends when no deadline is set any more, and not before", () => {
  const url = new URL("../../src/lib/deadline.ts", import.meta.url).href;
  const run = (code: string) =>
    spawnSync(
      process.execPath,
      ["--input-type=module", "-e", `import { Deadline } from ${JSON.stringify(url)}; ${code}`],
      { encoding: "utf8", timeout: 20_000 },
    );
  const kept = run("new Deadline(() => console.log('rang')).set(300)");
  assert.equal(kept.stdout, "rang\n");
  const lifted = run(
    "const d = new Deadline(() => {}); d.set(600000); d.lift(); new Deadline(() => console.log('rang')).set(50)",
  );
  assert.equal(lifted.status, 0, "the lifted one holds nothing up");
  assert.equal(lifted.stdout, "rang\n");
});
