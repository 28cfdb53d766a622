/** Where things lie: absolute, however the home was said. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { homeFrom, pathsOf } from "../../src/lib/paths.ts";

test("a relative home is one below the folder that it was said in", () => {
  assert.equal(homeFrom({ NEMOCLAW_HOME: "h" }, 0), join(process.cwd(), "h"));
  assert.equal(pathsOf("./h").home, join(process.cwd(), "h"));
  assert.equal(pathsOf("h").config, join(process.cwd(), "h/config.yaml"));
});

test("without one it is the system's for root, and the user's own", () => {
  assert.equal(homeFrom({}, 0), "/var/lib/nemoclaw");
  assert.match(homeFrom({ NEMOCLAW_HOME: "" }, 1000), /^\/.*\.nemoclaw$/);
});
