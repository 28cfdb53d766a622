/**
 * The fake vendor as a process of its own: `node main.ts [--lax] [--key KEY] [--models A,B]` prints `{"url"}` and serves until its
 * stdin ends. A JSON line on stdin sets fields of the fake (`otherwise`, `queue`); `"seen"` prints counts.
 */
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { startFakeVendor } from "./index.ts";

const { values } = parseArgs({
  options: { lax: { type: "boolean" }, key: { type: "string" }, models: { type: "string" } },
});
const vendor = await startFakeVendor({
  ...(values.key ? { key: values.key } : {}),
  ...(values.models ? { models: values.models.split(",") } : {}),
  ...(values.lax ? { lax: true, record: false } : {}),
});
console.log(JSON.stringify({ url: vendor.url }));

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const order = JSON.parse(line) as "seen" | "reset" | Partial<Pick<typeof vendor, "otherwise" | "queue">>;
  if (order === "seen") {
    const { seen } = vendor;
    const aborted = seen.filter((one) => one.abortedAt !== undefined).length;
    console.log(
      JSON.stringify({ seen: seen.length, completed: seen.filter((one) => one.completed).length, aborted }),
    );
  } else if (order === "reset") {
    vendor.seen.length = 0;
    console.log("{}");
  } else {
    Object.assign(vendor, order);
    console.log("{}");
  }
});
lines.on("close", () => void vendor.close().then(() => process.exit(0)));
