/** `npm run fuzz [-- CASES [SEED]]`: a million generated cases by default; ends with exit 1 and the seed at the first failure. */
import { fuzz } from "./fuzz.ts";

const [cases = "1000000", seed] = process.argv.slice(2);
try {
  const total = fuzz(Number(cases), seed === undefined ? undefined : Number(seed), (line) =>
    console.log(line),
  );
  console.log(`${total} cases, no failure`);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
