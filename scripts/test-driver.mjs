/**
 * `npm run test:driver -- [process] [docker]`: the conformance suite of sandbox drivers, set-up included. Docker's part
 * starts a daemon of its own and leaves nothing behind.
 */
process.env["NEMOCLAW_TEST_DRIVERS"] = process.argv
  .slice(2)
  .filter((arg) => !arg.startsWith("-"))
  .join(" ");
process.argv.splice(2, Number.POSITIVE_INFINITY, "--yes", "test/conformance/driver.test.ts");
await import("./test.mjs");
