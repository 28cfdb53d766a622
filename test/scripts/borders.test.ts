import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { importsOf, violation } from "../../scripts/checks/borders.ts";

const CASES: [file: string, specifier: string, wrong: RegExp | undefined][] = [
  ["src/worker/a.ts", "./control/b.ts", undefined],
  ["src/worker/a.ts", "../lib/ids.ts", undefined],
  ["src/worker/a.ts", "node:fs", undefined],
  ["src/worker/a.ts", "zod", undefined],
  ["src/worker/a.ts", "../store/index.ts", undefined],
  ["src/worker/a.ts", "../store/records.ts", /import src\/store\/index\.ts instead/],
  ["src/worker/a.ts", "../gateway/index.ts", /worker must know nothing of src\/gateway/],
  ["src/gateway/a.ts", "../bridges/core/index.ts", /gateway must know nothing of src\/bridges\/core/],
  ["src/sandbox/a.ts", "../store/index.ts", /sandbox must know nothing of src\/store/],
  ["src/sandbox/process/a.ts", "../../gateway/index.ts", /sandbox must know nothing of src\/gateway/],
  ["src/bridges/telegram/a.ts", "../core/index.ts", undefined],
  ["src/bridges/telegram/a.ts", "../core/split.ts", /import src\/bridges\/core\/index\.ts instead/],
  ["src/bridges/telegram/a.ts", "../console/index.ts", /telegram must know nothing of src\/bridges\/console/],
  ["src/bridges/core/a.ts", "../../sandbox/index.ts", /core must know nothing of src\/sandbox/],
  ["src/lib/a.ts", "../store/index.ts", /lib must know nothing of src\/store/],
  ["src/bridges/console/a.ts", "grammy", /grammy may be imported in src\/bridges\/telegram only/],
  ["src/bridges/telegram/a.ts", "grammy/types", undefined],
  ["src/worker/a.ts", "ioredis", /ioredis may be imported in src\/store only/],
  ["src/sandbox/guest/a.ts", "zod", /runs without node_modules/],
  ["src/sandbox/guest/a.ts", "../driver.ts", /imports only node:\* and itself/],
  ["src/worker/a.ts", "../../test/x.ts", /imports nothing outside src/],
  ["src/other/a.ts", "../lib/ids.ts", /belongs to no component/],
];

describe("borders", () => {
  for (const [file, specifier, wrong] of CASES)
    it(`${file} → ${specifier}: ${wrong ? "refused" : "allowed"}`, () => {
      if (wrong) assert.match(violation(file, specifier) ?? "", wrong);
      else assert.equal(violation(file, specifier), undefined);
    });

  it("sees every kind of import, with its line", () => {
    const source = `import { a } from "./1.ts";
import type { B } from "./2.ts";
export { c } from "./3.ts";
export * from "./4.ts";
export type { D } from "./5.ts";
const e = await import("./6.ts");
import "./7.ts";`;
    const seen = importsOf("x.ts", source).sort((x, y) => x.line - y.line);
    assert.deepEqual(
      seen.map(({ line, specifier }) => `${line} ${specifier}`),
      ["1 ./1.ts", "2 ./2.ts", "3 ./3.ts", "4 ./4.ts", "5 ./5.ts", "6 ./6.ts", "7 ./7.ts"],
    );
  });
});
