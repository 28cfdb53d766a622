/** The chat prompt of `npm start` in a terminal: a readline loop over the console bridge, answers streamed as they grow. */
import { createInterface } from "node:readline/promises";
import { type ConsoleClient, consoleClient } from "../../bridges/console/index.ts";
import { parseMarkdown, plainText } from "../../bridges/core/index.ts";
import { report } from "../io.ts";
import { agentText, type CardPress, TerminalCards } from "./cards.ts";
import { growth, type Printed } from "./draft.ts";

const CHAT = "main";
const HELP =
  "Write a message. /stop ends the running answer, /new starts over, /approvals and /rules show what you decide and decided, /quit ends everything.";

/** Runs until /quit or the end of input. */
export async function chatPrompt(consoleSocket: string): Promise<void> {
  const client = consoleClient(consoleSocket);
  const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: "you> " });
  // readline takes Ctrl-C for itself in a terminal: hand it to the one place that knows how to end.
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  console.log(HELP);
  terminal.prompt();
  const cards = new TerminalCards();
  const end = new AbortController();
  const asking = showCards(client, cards, end.signal, () => terminal.prompt(true));
  let answering: Promise<void> = Promise.resolve();
  for await (const line of terminal) {
    const text = line.trim();
    const pressed = cards.read(text);
    if (text === "/quit" || text === "/exit") break;
    if (pressed) await press(client, pressed).then(() => terminal.prompt());
    else if (text === "/help") console.log(HELP);
    else if (text === "/stop") await client.stop(CHAT).catch(report);
    else if (text === "/new")
      await client.newSession(CHAT).then(() => console.log("A new conversation."), report);
    else if (text !== "")
      answering = answering.then(() => answer(client, text)).then(() => terminal.prompt());
    if (text === "" || text.startsWith("/")) terminal.prompt();
  }
  terminal.close();
  end.abort();
  await asking;
}

/** Prints each question as it comes, whatever is being answered meanwhile. */
async function showCards(
  client: ConsoleClient,
  cards: TerminalCards,
  signal: AbortSignal,
  prompt: () => void,
): Promise<void> {
  for await (const { event, data } of client.events({ chat: CHAT, after: "end", signal })) {
    if (event === "hello") cards.forget();
    const text = event === "card" ? cards.accept(data) : "";
    if (text === "") continue;
    process.stdout.write(`\n${text}`);
    prompt();
  }
}

async function press(client: ConsoleClient, { card, data }: CardPress): Promise<void> {
  await client.tap(card, data).then(({ text }) => console.log(text), report);
}

/** Sends one message and prints its answer as it comes. */
async function answer(client: ConsoleClient, text: string): Promise<void> {
  const printed: Printed = { text: "" };
  let status = "";
  try {
    const result = await client.ask(text, {
      chat: CHAT,
      onDraft: (draft) => {
        process.stdout.write(growth(printed, agentText(draft.markdown)));
        if (draft.status !== "" && draft.status !== status)
          process.stderr.write(`\n  · ${agentText(draft.status)}\n`);
        status = draft.status;
      },
    });
    // Our own sentences are meant to be read, not to be Markdown.
    const { kind, markdown } = result;
    const shown = kind === "final" ? agentText(markdown) : plainText(parseMarkdown(markdown));
    process.stdout.write(`${growth(printed, shown)}\n\n`);
  } catch (error) {
    report(error);
  }
}
