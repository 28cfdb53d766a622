/** `npm start`: sets up what is missing, then `nemoclaw start` with the same arguments. */
import { launch } from "./lib/launch.mjs";

await launch("nemoclaw", ["start", ...process.argv.slice(2)]);
