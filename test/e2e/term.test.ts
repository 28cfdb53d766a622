/** `openshell term`, end to end: real terminal, real gateway, a connection that really waits. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { inOwnNetwork, noInternet } from "../helpers/internet.ts";
import { noTmux } from "../helpers/tmux.ts";

describe("openshell term", { skip: noInternet() || noTmux() }, () => {
  it("shows what agents do, decides by a key, and outlives gateway and Redis", async () => {
    const { code, output } = await inOwnNetwork(join(import.meta.dirname, "term-story.ts"));
    console.log(output.trimEnd());
    assert.equal(code, 0, output);
  });
});
