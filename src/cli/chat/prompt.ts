/** The chat prompt of `npm start` in a terminal: a readline loop over the console bridge, answers streamed as they grow. */
import { createInterface } from "node:readline/promises";
import { consoleClient } from "../../bridges/console/index.ts";
import { report } from "../io.ts";
import { growth, type Printed } from "./draft.ts";

const CHAT = "main";
const HELP = "Write a message. /stop ends the running answer, /new starts over, /quit ends everything.";

/** Runs until /quit or the end of input. */
export async function chatPrompt(consoleSocket: string): Promise<void> {
  const client = consoleClient(consoleSocket);
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "you> " });
  // readline takes Ctrl-C for itself in a terminal: hand it to the one place that knows how to end.
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  console.log(HELP);
  terminal.prompt();
  let answering: Promise<void> = Promise.resolve();
  for await (const line of terminal) {
    const text = line.trim();
    if (text === "/quit" || text === "/exit") break;
    if (text === "/help") console.log(HELP);
    else if (text === "/stop") await client.stop(CHAT).catch(report);
    else if (text === "/new")
      await client.newSession(CHAT).then(() => console.log("A new conversation."), report);
    else if (text !== "")
      answering = answering.then(() => answer(client, text)).then(() => terminal.prompt());
    if (text === "" || text.startsWith("/")) terminal.prompt();
  }
  terminal.close();
}

/** Sends one message and prints its answer as it comes. */
async function answer(client: ReturnType<typeof consoleClient>, text: string): Promise<void> {
  const printed: Printed = { text: "" };
  let status = "";
  try {
    const result = await client.ask(text, {
      chat: CHAT,
      onDraft: (draft) => {
        process.stdout.write(growth(printed, draft.markdown));
        if (draft.status !== "" && draft.status !== status) process.stderr.write(`\n  · ${draft.status}\n`);
        status = draft.status;
      },
    });
    process.stdout.write(`${growth(printed, result.markdown)}\n\n`);
  } catch (error) {
    report(error);
  }
}
