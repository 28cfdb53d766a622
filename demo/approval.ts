/**
 * `npm run demo:approval`: an agent in its sandbox wants to reach http://example.test/, which no rule covers; the card
 * appears in the (fake) Telegram, one tap lets the held request through. Everything else is real: agent, sandbox,
 * kernel, resolver, dial. Prints the timeline in milliseconds and fails when anything went another way.
 */
import { parseArgs } from "node:util";
import { type ApprovalStory, playApprovals } from "../test/e2e/approval-story.ts";
import { hasOwnNetwork, inOwnNetwork, noInternet } from "../test/helpers/internet.ts";

const { values } = parseArgs({ options: { fake: { type: "boolean", default: false } } });

if (hasOwnNetwork()) {
  const story = await playApprovals(process.env["NEMOCLAW_DEMO_AGENT"] === "fake" ? "fake" : "real");
  print(story);
  process.exit(0);
}
const why = noInternet();
if (why) {
  console.error(`demo:approval: ${why}`);
  process.exit(1);
}
if (values.fake) process.env["NEMOCLAW_DEMO_AGENT"] = "fake";
console.error("Starting the service and an agent (up to a minute) …");
const { code, output } = await inOwnNetwork(import.meta.filename);
console.log(output.trimEnd());
process.exit(code);

function print(story: ApprovalStory): void {
  for (const { what, ms } of story.timeline) console.log(`${String(ms).padStart(8)} ms  ${what}`);
  console.log(JSON.stringify(story.facts));
}
