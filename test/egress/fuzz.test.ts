/** 20,000 generated cases; `npm run fuzz` runs a million. */
import { describe, it } from "node:test";
import { PROPERTIES } from "./fuzz.ts";

const CASES = 20_000;
const shares = PROPERTIES.reduce((sum, property) => sum + property.share, 0);

describe("fuzz", () => {
  for (const property of PROPERTIES) {
    it(property.name, () => property.check(Math.ceil((CASES * property.share) / shares), undefined));
  }
});
