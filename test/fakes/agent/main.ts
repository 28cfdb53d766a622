/**
 * FAKE of OpenClaw for tests, startable as `agent.program`: no AI, no plugins, up in a fraction of a second.
 * Speaks the subset of OpenClaw's gateway protocol 4 that the guest uses (`gateway run`), and `agent --local --json`.
 * Reads OpenClaw's own configuration file and environment, checks token and device signature, calls the model through
 * the sandbox's proxy and starts real processes for tools. Builtins only: it runs inside a sandbox.
 */
import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Message, ModelConfig } from "./model.ts";
import { runTurn } from "./run.ts";
import { brokenRuns, loadSession, markEnded, markRunning, saveSession } from "./sessions.ts";
import { accept, type Peer } from "./websocket.ts";

/** A resumed run asks its model first: OpenClaw's takes a second at least until a tool of it runs again. */
const RESUMED_AFTER_MS = 1_000;

interface Config {
  gateway: { port: number; auth: { token: string } };
  models: { providers: { bridge: { baseUrl: string; apiKey: string; models: { id: string }[] } } };
}

const config = JSON.parse(readFileSync(process.env["OPENCLAW_CONFIG_PATH"] ?? "", "utf8")) as Config;
const { baseUrl, apiKey, models } = config.models.providers.bridge;
const model: ModelConfig = { baseUrl, apiKey, model: models[0]?.id ?? "" };

/** Value of a flag on the command line. */
const flag = (name: string) => process.argv[process.argv.indexOf(name) + 1] ?? "";

if (process.argv[2] === "agent") await oneshot();
else gateway();

async function oneshot(): Promise<void> {
  try {
    const { text, output } = await runTurn(
      model,
      [],
      flag("-m"),
      () => undefined,
      new AbortController().signal,
    );
    const agentMeta = { sessionId: flag("--session-key"), usage: { input: 0, output } };
    console.log(JSON.stringify({ payloads: [{ text, mediaUrl: null }], meta: { agentMeta } }));
  } catch (error) {
    console.log(
      JSON.stringify({ ok: false, error: { type: "cli_error", message: (error as Error).message } }),
    );
    process.exitCode = 1;
  }
}

function gateway(): void {
  const sessions = new Map<string, Message[]>();
  const runs = new Map<
    string,
    {
      key: string;
      working: boolean;
      abort: AbortController;
      ended: Promise<string>;
      /** Steered into it and not taken in yet. */
      waiting: { runId: string; text: string }[];
    }
  >();
  const steeredIds = new Set<string>();
  /** Of sessions that were given one. */
  const chosen = new Map<string, string>();
  /** Sessions whose broken run goes on, as OpenClaw's do after a crash ("Restart recovery"). */
  const resumed = new Set<string>();
  const peers = new Set<Peer>();
  const server = createServer((request, response) =>
    response.writeHead(request.url === "/readyz" ? 200 : 404).end(),
  );

  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    const nonce = randomUUID();
    const ts = Date.now();
    let loggedIn = false;
    const peer = accept(
      request,
      socket,
      (frame) => {
        const params = (frame["params"] ?? {}) as Record<string, unknown>;
        const reply = (ok: boolean, payload: object) =>
          peer.send({ type: "res", id: frame["id"], ok, ...(ok ? { payload } : { error: payload }) });
        if (frame["method"] === "connect") {
          const why = refusal(params, nonce, ts);
          if (why) return reply(false, { code: "INVALID_REQUEST", message: why });
          loggedIn = true;
          peers.add(peer);
          return reply(true, { type: "hello-ok", protocol: 4 });
        }
        if (!loggedIn) return peer.close();
        void call(String(frame["method"]), params).then(
          (payload) => reply(true, payload),
          (error: Error) => reply(false, { code: "INVALID_REQUEST", message: error.message }),
        );
      },
      () => peers.delete(peer),
    );
    peer.send({ type: "event", event: "connect.challenge", payload: { nonce, ts } });
  });
  server.listen(config.gateway.port, "127.0.0.1");
  for (const { key, text } of brokenRuns()) {
    resumed.add(key);
    startRun(`resumed-${key}`, key, text, RESUMED_AFTER_MS);
    void runs.get(`resumed-${key}`)?.ended.then(() => resumed.delete(key));
  }
  process.on("SIGTERM", () => process.exit(0));

  async function call(method: string, params: Record<string, unknown>): Promise<object> {
    const runId = String(params["idempotencyKey"] ?? params["runId"]);
    const sessionKey = String(params["sessionKey"]);
    const run = runs.get(runId);
    if (method === "chat.send") {
      stampOf(String(params["message"]));
      // What comes while a resumed run works is taken into that one: its own run ends without a word.
      const active = [...runs.values()].find((one) => one.key === sessionKey && one.working);
      if (steeredIds.has(runId)) return { runId, status: "in_flight" };
      if (params["queueMode"] === "steer" && active) {
        steeredIds.add(runId);
        active.waiting.push({ runId, text: String(params["message"]) });
      } else if (resumed.has(sessionKey))
        tellAll({ runId, sessionKey, state: "final", message: { content: [] } });
      else if (!run) startRun(runId, sessionKey, String(params["message"]));
      return { runId, status: run ? "in_flight" : "started" };
    }
    if (method === "chat.abort") {
      if (params["runId"] === undefined) {
        const all = [...runs.values()].filter((one) => one.key === sessionKey && one.working);
        for (const one of all) {
          for (const { runId: id } of one.waiting.splice(0)) tellTaken(id, sessionKey);
          one.abort.abort();
        }
        return { ok: true, aborted: all.length > 0, runIds: [] };
      }
      run?.abort.abort();
      return { ok: true, aborted: run !== undefined, runIds: run ? [runId] : [] };
    }
    if (method === "sessions.patch") {
      const [provider, name = ""] = String(params["model"]).split("/");
      if (provider !== "bridge") throw new Error(`no provider ${provider}`);
      if (!models.some(({ id }) => id === name)) throw new Error(`no model ${name}`);
      chosen.set(String(params["key"]), name);
      return { ok: true, key: params["key"] };
    }
    if (method === "sessions.list") {
      const row = (key: string, hasActiveRun: boolean) => ({
        ...{ key, hasActiveRun, status: hasActiveRun ? "running" : "done" },
      });
      return { sessions: [...runs.values()].map(({ key, working }) => row(key, working)) };
    }
    if (method === "sessions.abort") {
      for (const one of runs.values()) if (one.key === params["key"]) one.abort.abort();
      return { ok: true, status: "aborted" };
    }
    if (method === "agent.wait") return { runId, status: await (run?.ended ?? "timeout") };
    throw new Error(`the fake has no method ${method}`);
  }

  function tellAll(payload: object): void {
    for (const peer of peers) peer.send({ type: "event", event: "chat", payload });
  }

  /** A steered message was taken in: its own run ends without a word. */
  function tellTaken(runId: string, sessionKey: string): void {
    tellAll({ runId, sessionKey, state: "final", message: { content: [] } });
  }

  function startRun(runId: string, sessionKey: string, text: string, afterMs = 0): void {
    const history = sessions.get(sessionKey) ?? loadSession(sessionKey);
    sessions.set(sessionKey, history);
    const abort = new AbortController();
    markRunning(sessionKey, text);
    const tell = (event: string, payload: object) => {
      for (const peer of peers)
        peer.send({ type: "event", event, payload: { runId, sessionKey, ...payload } });
    };
    const emit = (stream: string, data: Record<string, unknown>) => tell("agent", { stream, data });
    const waiting: { runId: string; text: string }[] = [];
    const steered = () =>
      waiting.splice(0).map((one) => {
        tellTaken(one.runId, sessionKey);
        return one.text;
      });
    const named = { ...model, model: chosen.get(sessionKey) ?? model.model };
    const begun = afterMs > 0 ? sleep(afterMs, undefined, { signal: abort.signal }) : Promise.resolve();
    const work = () => runTurn(named, history, text, emit, abort.signal, steered);
    const ended = begun.then(work).then(
      ({ text: content }) => {
        saveSession(sessionKey, history);
        tell("chat", {
          state: "final",
          message: { role: "assistant", content: [{ type: "text", text: content }] },
        });
        return "ok";
      },
      (error: Error) => {
        if (abort.signal.aborted) tell("chat", { state: "aborted", stopReason: "rpc" });
        else tell("chat", { state: "error", errorMessage: error.message });
        return "error";
      },
    );
    const run = { key: sessionKey, working: true, abort, ended, waiting };
    runs.set(runId, run);
    void ended.finally(() => {
      markEnded(sessionKey);
      run.working = false;
      // What came too late is answered by itself.
      for (const one of waiting.splice(0)) startRun(one.runId, sessionKey, one.text);
    });
  }
}

/** Why a login is refused, or nothing. The same checks as the real one: token, identity, signature over the challenge. */
function refusal(params: Record<string, unknown>, nonce: string, ts: number): string | undefined {
  const auth = params["auth"] as { token?: string } | undefined;
  const device = params["device"] as {
    id: string;
    publicKey: string;
    signature: string;
    signedAt: number;
    nonce: string;
  };
  const client = params["client"] as { id: string; mode: string; platform: string };
  if (auth?.token !== config.gateway.auth.token) return "unauthorized: gateway token mismatch";
  const raw = Buffer.from(device.publicKey, "base64url");
  if (createHash("sha256").update(raw).digest("hex") !== device.id) return "device id mismatch";
  const scopes = (params["scopes"] as string[]).join(",");
  const signed = [
    "v3",
    device.id,
    client.id,
    client.mode,
    "operator",
    scopes,
    ts,
    auth.token,
    nonce,
    client.platform,
    "",
  ].join("|");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: device.publicKey }, format: "jwk" });
  const good = verify(null, Buffer.from(signed), key, Buffer.from(device.signature, "base64url"));
  return good && device.nonce === nonce ? undefined : "device signature invalid";
}

/** For the dispatch bench: "stamp NAME" leaves the wall-clock time at which the prompt arrived (ms) in the workspace. */
function stampOf(text: string): void {
  const name = /^stamp (\w+)$/.exec(text)?.[1];
  if (name) appendFileSync("stamps.log", `${name} ${performance.timeOrigin + performance.now()}\n`);
}
