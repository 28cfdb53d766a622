/**
 * `nemoclaw credentials …`: secrets that the gateway puts into requests, so that no sandbox ever holds them. The secret
 * goes from the prompt over the gateway's own socket, and nowhere else.
 */
import { Command, InvalidArgumentError } from "commander";
import { readSecretInput } from "../secret-input.ts";

interface HomeOption {
  home?: string;
}

/** Asks the gateway of a home. */
export type AskGateway = (
  options: HomeOption,
  method: string,
  params: Record<string, unknown>,
) => Promise<unknown>;

/** A credential as the gateway lists it. */
interface Listed {
  name: string;
  host: string;
  port: number;
  header: string;
  methods: string[];
  paths: string[];
  for: string[];
}

interface AddOptions extends HomeOption {
  host: string;
  port: number;
  header: string;
  for: string[];
  method?: string[];
  path?: string[];
  stdin?: boolean;
}

/** The group. `read` is the prompt. */
export function credentialsCommand(ask: AskGateway, read: typeof readSecretInput = readSecretInput): Command {
  const group = new Command("credentials")
    .description("secrets that sandboxes can use without having them: add, list, remove")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Inside, write nemoclaw-credential:NAME where the secret belongs (or $NEMOCLAW_CREDENTIAL_NAME). The gateway puts the
secret in on its way to that host, in that header, over inspected TLS: the policy must inspect the host
(protocol: rest). Anywhere else the request is refused.

Examples:
  nemoclaw credentials add github --host api.github.com --header 'Authorization: Bearer {}' --for my-agent
  nemoclaw credentials add wiki --host wiki.example.com --header 'X-Api-Key: {}' --for my-agent \\
    --method GET --path '/api/**' --stdin < key.txt
  nemoclaw credentials list
  nemoclaw credentials remove github`,
    );
  for (const command of [addCommand(ask, read), listCommand(ask), removeCommand(ask)])
    group.addCommand(command.exitOverride());
  return group;
}

function addCommand(ask: AskGateway, read: typeof readSecretInput): Command {
  return new Command("add")
    .description("add a credential, or replace the one of this name; asks for the secret")
    .argument("<name>", "lower-case letters, digits and hyphens")
    .requiredOption("--host <host>", "the one host that gets it")
    .option("--port <port>", "the one port", portNumber, 443)
    .requiredOption("--header <template>", "the header, {} where the secret stands")
    .requiredOption("--for <sandbox...>", "sandboxes by name or id, or profile:NAME")
    .option("--method <method...>", "only with these methods (default: any)")
    .option("--path <glob...>", "only for these paths (default: any)")
    .option("--stdin", "read the secret from standard input instead of the prompt")
    .option("--home <dir>", "home of the installation")
    .action(async (name: string, options: AddOptions) => {
      const secret = await read({ stdin: options.stdin === true, prompt: `Secret of ${name} (not shown): ` });
      const answer = (await ask(options, "credentials.add", {
        ...{ name, host: options.host, port: options.port, header: options.header, for: options.for, secret },
        ...(options.method ? { methods: options.method.map((method) => method.toUpperCase()) } : {}),
        ...(options.path ? { paths: options.path } : {}),
      })) as { replaced: boolean };
      console.log(`${answer.replaced ? "replaced" : "added"}; inside: nemoclaw-credential:${name}`);
    });
}

function listCommand(ask: AskGateway): Command {
  return new Command("list")
    .description("show what there is, without the secrets")
    .option("--json", "as one JSON object")
    .option("--home <dir>", "home of the installation")
    .action(async (options: HomeOption & { json?: boolean }) => {
      const answer = (await ask(options, "credentials.list", {})) as { credentials: Listed[] };
      console.log(options.json ? JSON.stringify(answer) : describe(answer.credentials));
    });
}

function removeCommand(ask: AskGateway): Command {
  return new Command("remove")
    .description("remove one; requests with its placeholder are refused from now on")
    .argument("<name>")
    .option("--home <dir>", "home of the installation")
    .action(async (name: string, options: HomeOption) => {
      await ask(options, "credentials.remove", { name });
      console.log(`removed ${name}`);
    });
}

/** One line each. */
function describe(credentials: readonly Listed[]): string {
  if (credentials.length === 0) return "There are no credentials. nemoclaw credentials add --help shows how.";
  return credentials
    .map(({ name, host, port, header, methods, paths, for: sandboxes }) => {
      const where = `${host}:${port} ${methods.join(",") || "any method"} ${paths.join(" ")}`;
      return `${name}  ${where}  ${header}  for ${sandboxes.join(", ")}`;
    })
    .join("\n");
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError("expected a port number");
  return port;
}
