/**
 * `npm run test:driver -- [process] [docker] [podman]`: the conformance suite of sandbox drivers, set-up included.
 * Docker's and Podman's parts start a daemon of their own and leave nothing behind.
 */
process.env["NEMOCLAW_TEST_DRIVERS"] = process.argv
  .slice(2)
  .filter((arg) => !arg.startsWith("-"))
  .join(" ");
process.argv.splice(2, Number.POSITIVE_INFINITY, "--yes", "test/conformance/driver.test.ts");
await import("./test.mjs");
