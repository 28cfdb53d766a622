import assert from "node:assert/strict";
import { createHmac, createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import { GENESIS, macOf, macWriter } from "../../../src/gateway/audit/chain.ts";

test("the writer's MAC is HMAC-SHA-256, whatever the row's length and the key", () => {
  for (const keyBytes of [32, 16, 64, 65]) {
    const raw = randomBytes(keyBytes);
    const key = createSecretKey(raw);
    const write = macWriter(key);
    let mac = GENESIS.mac;
    for (const length of [2, 55, 56, 63, 64, 65, 400, 8 * 1024, 8 * 1024 + 1, 200_000, 3]) {
      const text = `{${"x".repeat(length - 2)}}`;
      const real = createHmac("sha256", raw)
        .update(mac + text)
        .digest("hex");
      assert.equal(write(mac, text), real, `${keyBytes} bytes of key, ${length} of row`);
      assert.equal(macOf(key, mac, text), real);
      mac = real;
    }
  }
});
