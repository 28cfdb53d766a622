/** `nemoclaw credentials`: what is asked of the gateway, and that the secret is typed or piped, never an argument. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it, mock } from "node:test";
import { credentialsCommand } from "../../src/cli/commands/credentials.ts";
import { readSecretInput } from "../../src/cli/secret-input.ts";
import { type CredentialStore, credentialMethods } from "../../src/gateway/credentials/index.ts";

type Call = { method: string; params: Record<string, unknown> };

async function run(
  words: string[],
  answer: unknown,
  secret = "from-the-prompt",
): Promise<{ calls: Call[]; out: string }> {
  const calls: Call[] = [];
  const print = mock.method(console, "log", () => {});
  const command = credentialsCommand(
    async (_options, method, params) => {
      calls.push({ method, params });
      return answer;
    },
    async () => secret,
  );
  try {
    await command.parseAsync(words, { from: "user" });
    return { calls, out: print.mock.calls.map((call) => String(call.arguments[0])).join("\n") };
  } finally {
    print.mock.restore();
  }
}

const ADD = ["add", "github", "--host", "api.example.com", "--header", "Authorization: Bearer {}"];

describe("nemoclaw credentials", () => {
  it("add asks the gateway for exactly what was said, in a form that it takes", async () => {
    const words = [...ADD, "--for", "my-agent", "profile:team", "--method", "get", "--path", "/a/**", "/b"];
    const { calls, out } = await run(words, { replaced: false });
    assert.deepEqual(calls[0], {
      method: "credentials.add",
      params: {
        ...{ name: "github", host: "api.example.com", port: 443, header: "Authorization: Bearer {}" },
        ...{
          for: ["my-agent", "profile:team"],
          secret: "from-the-prompt",
          methods: ["GET"],
          paths: ["/a/**", "/b"],
        },
      },
    });
    assert.match(out, /^added; inside: nemoclaw-credential:github$/);
    const schema = credentialMethods(null as unknown as CredentialStore)["credentials.add"]!.params;
    assert.ok(schema.safeParse(calls[0]!.params).success);
  });

  it("add without --for is refused", async () => {
    await assert.rejects(async () => {
      const command = credentialsCommand(
        async () => assert.fail(),
        async () => "x",
      );
      for (const sub of command.commands) sub.configureOutput({ writeErr: () => {} });
      await command.parseAsync(ADD, { from: "user" });
    }, /--for/);
  });

  it("list shows bindings, remove names one", async () => {
    const row = {
      name: "a",
      host: "h.example",
      port: 443,
      header: "X: {}",
      methods: [],
      paths: ["/**"],
      for: ["my-agent"],
    };
    const { out } = await run(["list"], { credentials: [row] });
    assert.equal(out, "a  h.example:443 any method /**  X: {}  for my-agent");
    const { calls } = await run(["remove", "a"], {});
    assert.deepEqual(calls, [{ method: "credentials.remove", params: { name: "a" } }]);
  });
});

describe("reading a secret", () => {
  const input = (tty: boolean) =>
    Object.assign(new PassThrough(), { isTTY: tty, setRawMode: mock.fn() }) as unknown as NodeJS.ReadStream &
      PassThrough;

  it("by standard input: all of it, less the line's end", async () => {
    const stream = input(false);
    stream.end("abc def\r\n");
    assert.equal(await readSecretInput({ stdin: true, prompt: "" }, stream), "abc def");
  });

  it("at a prompt: not echoed, with corrections", async () => {
    const stream = input(true);
    const shown = new PassThrough();
    const typed = readSecretInput({ stdin: false, prompt: "Secret: " }, stream, shown);
    stream.write("wrong\u0015secreT\u007ft");
    stream.write("-1\r");
    assert.equal(await typed, "secret-1");
    assert.equal(String(shown.read()), "Secret: \n");
  });

  it("Ctrl-C gives nothing, and without a terminal there is no prompt", async () => {
    const stream = input(true);
    const typed = readSecretInput({ stdin: false, prompt: "" }, stream, new PassThrough());
    stream.write("half\u0003");
    await assert.rejects(typed, { code: "usage" });
    await assert.rejects(readSecretInput({ stdin: false, prompt: "" }, input(false)), { code: "usage" });
  });
});
