/** Asks before something that can't be undone. */
import { createInterface } from "node:readline/promises";
import { Fault } from "../lib/errors.ts";

/** Resolves on yes. @throws Fault `usage` where nobody is there to ask, `cancelled` on anything but yes */
export async function confirm(question: string): Promise<void> {
  if (process.stdin.isTTY !== true)
    throw new Fault({
      code: "usage",
      message: "this asks first, and there is no terminal",
      hint: "say --yes",
    });
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`${question} [y/N] `);
  prompt.close();
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new Fault({ code: "cancelled", message: "nothing was changed" });
}
