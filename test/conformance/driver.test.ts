/** The conformance suite over each driver that can be had here, and that nothing of it is left. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { dockerSuite } from "./driver/docker.ts";
import { podmanSuite } from "./driver/podman.ts";
import { removeDaemons, stages } from "./driver/stages.ts";
import { driverConformance } from "./driver.ts";

/** What a test of sandboxes could leave on a machine. */
function traces(): Record<string, string[]> {
  const lines = (text: string) => text.trim().split("\n").sort();
  const links = lines(execFileSync("ip", ["-oneline", "link"], { encoding: "utf8" }));
  return {
    links: links.filter((line) => /: (docker|br-|veth)/.test(line)),
    mounts: lines(readFileSync("/proc/self/mountinfo", "utf8")),
  };
}

const { stages: found, missing } = stages();
let atFirst: Record<string, string[]>;

before(() => {
  atFirst = traces();
});

for (const stage of found) driverConformance(stage);
if (found.some(({ driver }) => driver === "docker")) dockerSuite();
if (found.some(({ driver }) => driver === "podman")) podmanSuite();
for (const { driver, why } of missing) test(`the ${driver} driver`, { skip: why }, () => {});

test("afterwards no link, mount, control group, container or process of all this is left", async () => {
  await removeDaemons();
  // What went away meanwhile was somebody else's.
  const left = Object.entries(traces()).flatMap(([kind, found]) =>
    found.filter((line) => !atFirst[kind]?.includes(line)),
  );
  assert.deepEqual(left, []);
});
