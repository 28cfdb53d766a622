/** Parking for real, where this host has swap; and when it is offered, on made-up hosts. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parkSupport } from "../../../src/sandbox/host/park.ts";
import { Host, isRoot, until } from "../harness.ts";

const HEADER = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
const GB = 1024 * 1024;
const swaps = (path: string, size: number, used = 0) => `${HEADER}${path} file ${size} ${used} -2\n`;
const ROOT = "CapEff:\t000001fffeffffff\n";
const USER = "CapEff:\t0000000000000000\n";

describe("when parking is offered", () => {
  const ask = (text: string, status = ROOT, plainSwap = false) => {
    const support = parkSupport({ pagesOutAlone: false, plainSwap, swaps: text, status });
    return support.ok ? support.how : support.why;
  };
  test("not without swap", () => assert.match(ask(HEADER), /no swap/));
  test("not into plain swap, unless accepted", () => {
    assert.match(ask(swaps("/swapfile", 8 * GB)), /neither zram nor encrypted/);
    assert.equal(ask(swaps("/swapfile", 8 * GB), ROOT, true), "process_madvise");
  });
  test("into zram", () => assert.equal(ask(swaps("/dev/zram0", 8 * GB)), "process_madvise"));
  test("not when one of two is plain", () => {
    assert.match(ask(`${swaps("/dev/zram0", 8 * GB)}/dev/sda2 partition ${8 * GB} 0 -3\n`), /\/dev\/sda2/);
  });
  test("not when swap is short", () => assert.match(ask(swaps("/dev/zram0", 8 * GB, 7.5 * GB)), /short/));
  test("not to an ordinary user", () => assert.match(ask(swaps("/dev/zram0", 8 * GB), USER), /CAP_SYS_NICE/));
  test("to an ordinary user with memory.reclaim", () => {
    const support = parkSupport({
      pagesOutAlone: true,
      plainSwap: false,
      swaps: swaps("/dev/zram0", 8 * GB),
      status: USER,
    });
    assert.equal(support.ok && support.how, "memory.reclaim");
  });
});

const noSwap = readFileSync("/proc/swaps", "utf8").trim().split("\n").length < 2;
test("parked: memory goes to swap and comes back, also over a killed launcher", {
  skip: !isRoot ? "needs root" : noSwap ? "this host has no swap (swapon one to run this)" : false,
}, async () => {
  const host = new Host("root", { plainSwap: true });
  try {
    await host.start();
    const box = await host.sandbox("p", { memoryBytes: 512 << 20 });
    const ticks = join(host.homeOf(box), "ticks");
    const script = `my $k = 'x' x (200 << 20); while (1) { open F, '>>', 'ticks'; print F 'x'; close F; select undef, undef, undef, .05; $k .= 'y' }`;
    host.launch(box, "agent", ["/usr/bin/perl", "-e", script]);
    await until(() => existsSync(ticks) && statSync(ticks).size > 3, 10_000, "it works");
    const before = await host.client.stats(box.id);
    assert.ok(before.memoryBytes > 200 << 20, JSON.stringify(before));
    assert.equal((await host.client.park(box.id)).state, "parked");
    assert.equal((await host.client.park(box.id)).state, "parked");
    const parked = await host.client.stats(box.id);
    assert.ok(parked.memoryBytes < 60 << 20, JSON.stringify(parked));
    assert.ok(parked.swapBytes > 150 << 20, JSON.stringify(parked));
    const seen = statSync(ticks).size;
    await host.kill();
    await host.start();
    assert.equal((await host.client.inspect(box.id))?.state, "parked", "adopted as parked");
    assert.equal(statSync(ticks).size, seen);
    assert.equal((await host.client.wake(box.id)).state, "running");
    await until(() => statSync(ticks).size > seen, 5_000, "it goes on");
    await host.client.trim(box.id);
    await until(() => statSync(ticks).size > seen + 3, 5_000, "trimmed, it still goes on");
  } finally {
    await host.dispose();
  }
});
