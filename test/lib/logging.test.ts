import assert from "node:assert/strict";
import { it } from "node:test";
import { Fault } from "../../src/lib/errors.ts";
import { createLogger } from "../../src/lib/logging.ts";

it("a log line has the fixed vocabulary and no secret, wherever it stood", () => {
  const lines: string[] = [];
  const logger = createLogger({ process: "worker", destination: { write: (line) => void lines.push(line) } });
  const key = "sk-abcdefghijklmnopqrstuvwx";
  logger.info(
    { turnId: "t_1", apiKey: "anything", nested: { password: "anything" }, url: `https://h/?k=${key}` },
    `said ${key}`,
  );
  logger.error({ err: new Fault({ code: "c", message: `with ${key}`, cause: new Error(key) }) }, "failed");
  const [info, error] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(info?.["turnId"], "t_1");
  assert.equal(info?.["process"], "worker");
  assert.equal((error!["err"] as { code: string }).code, "c");
  assert.doesNotMatch(lines.join(""), /anything|abcdefghijklmnop/);
});
