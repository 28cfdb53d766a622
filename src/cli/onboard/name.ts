/** Onboarding's first question: what the sandbox is called. */
import { Fault } from "../../lib/errors.ts";
import { isPrincipalId, isSandboxName } from "../../lib/ids.ts";
import { FIRST_SANDBOX, type knownSandboxes } from "../names/registry.ts";
import type { Given } from "./given.ts";
import type { Ui } from "./ui.ts";

/** Asks for it; a name that exists changes that sandbox. */
export async function askName(
  ui: Ui,
  given: Given,
  before: string | undefined,
  { sandboxes }: ReturnType<typeof knownSandboxes>,
  reserved: readonly string[],
): Promise<string> {
  const problem = (name: string): string | undefined => {
    if (!isSandboxName(name)) return "lower-case letters, digits and hyphens, at most 63";
    if (reserved.includes(name) || name === "default" || isPrincipalId(name))
      return `${name} is a word that commands use`;
    return sandboxes.some((one) => one.name === name && !one.operators)
      ? `${name} is somebody else's sandbox`
      : undefined;
  };
  const taken = sandboxes.filter(({ named }) => named).map(({ name }) => name);
  const free = taken.includes(FIRST_SANDBOX) ? freeName(taken) : FIRST_SANDBOX;
  // A script that says no name means the same sandbox each time.
  const initial = before ?? (ui.interactive ? free : FIRST_SANDBOX);
  const name =
    given.name ??
    (ui.interactive
      ? await ui.text({ message: "Name of the sandbox", flag: "--name", initial, check: problem })
      : initial);
  const wrong = problem(name);
  if (wrong) throw new Fault({ code: "usage", message: `a sandbox can't be called ${name}: ${wrong}` });
  if (taken.includes(name)) ui.line(`${name} exists: its settings are changed, its files stay.`);
  return name;
}

function freeName(taken: string[]): string {
  for (let n = 2; ; n++) if (!taken.includes(`${FIRST_SANDBOX}-${n}`)) return `${FIRST_SANDBOX}-${n}`;
}
