/**
 * The files a new home begins with. Written only where nothing is: what the user or the agent made of them stays.
 * Must never overwrite or remove a file of the user.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GuestPaths, StartConfig } from "./paths.ts";

/** OpenClaw's own templates that are taken as they are, without their front matter. */
const TEMPLATES = ["SOUL.md", "IDENTITY.md", "USER.md"];

const HERE = (name: string) => `
## This Machine

You run in a sandbox named \`${name}\`, made for one person or one group. Your files are in \`~\`, your working directory
is \`~/workspace\`; both survive restarts, \`/tmp\` does not. Everything else is read-only. There is no root and no sudo;
install tools below \`~\` (\`python3 -m venv\`, \`npm install --prefix ~/.local\`). Memory, processes and disk are limited: a
command that is killed without a word has met a limit. Say so and take a smaller step.

**Network.** There is none but a proxy on 127.0.0.1:3128, already set in the environment. Each destination is allowed,
denied, or shown to your human as a question. A 403 from the proxy carries a JSON body that says which. Where it says that
somebody is being asked: tell your human what you need it for, go on with something else, try once more later, never in a
loop. Where it says denied: don't try to get around it; say what is missing and what you can do without it. Programs that
ignore proxy variables get "network unreachable"; that is no outage, give them the proxy. Nothing can reach you from
outside; servers on 127.0.0.1 work for yourself.

**Chat.** Your replies are shown in a messenger, often on a phone. The answer first, then how you got there. Short
paragraphs and lists, no wide tables, no HTML, no \`<details>\`, no embeds, no dashboards. Long output belongs into a file
in \`~/outbox\`. Your human sees which tool you use while you work, and can stop you at any time; a stopped task is
not resumed unless asked.

**Files.** What your human sends you lies in \`~/inbox\`, and the message says where. What you put into \`~/outbox\` is sent to
your human with your answer and taken from there: put copies, finished ones, few (at most 10, 50 MB each), and name them in
the answer: that tells them from those of another conversation that you have at the same time. Or name a file of
your home on a line of its own, \`MEDIA:/home/sandbox/workspace/plot.png\`. Don't paste files into the answer.

**Long work.** A turn may take minutes, not hours. What runs longer goes into the background with its output in a file, and
you say how to ask for it. Scheduled tasks and heartbeats are off here: don't promise to report later by yourself.

**Secrets.** You have none and need none: model and services are reached through the proxy, which adds what is needed.
Never ask for passwords or keys in the chat, and never write them into files.
`;

/** Makes the workspace and whatever is missing in it. */
export function seedHome(paths: GuestPaths, start: StartConfig): void {
  for (const dir of [paths.workspace, paths.state]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const dir of ["inbox", "outbox"]) make(join(paths.home, dir));
  write(join(paths.workspace, "AGENTS.md"), () => template(paths, "AGENTS.md") + HERE(start.name));
  for (const name of TEMPLATES) write(join(paths.workspace, name), () => template(paths, name));
}

/** Best effort: whatever the agent put in their place is its own. */
function make(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch {
    // There already, or not to be had: then nothing is sent.
  }
}

/** `wx`: an existing file, or a link that the agent put there, is left alone. */
function write(file: string, text: () => string): void {
  try {
    writeFileSync(file, text(), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

function template(paths: GuestPaths, name: string): string {
  try {
    const text = readFileSync(join(paths.agentPackage, "docs/reference/templates", name), "utf8");
    return text.replace(/^---\n[\s\S]*?\n---\n+/, "").replace(/\n## Related\n[\s\S]*$/, "\n");
  } catch {
    return "";
  }
}
