/**
 * OpenClaw's WebSocket protocol 4, as far as a turn needs it: login with a device identity, requests, events.
 * Source: OpenClaw docs/gateway/protocol. Knows nothing of turns; must never retry by itself.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";

/** Names the connecting program; `ui` because only then OpenClaw asks this client for command approvals. */
const CLIENT = { id: "gateway-client", version: "1.0.0", platform: "linux", mode: "ui" } as const;
const SCOPES = ["operator.read", "operator.write", "operator.approvals"];
const CAPS = ["tool-events", "exec-approvals", "approvals"];
const REQUEST_MS = 30_000;

/** An Ed25519 identity as OpenClaw wants it. */
export interface Device {
  id: string;
  publicKey: string;
  privateKey: KeyObject;
}

/** A fresh identity: lives in memory, for one start of the agent. Pairing is automatic on loopback. */
export function newDevice(): Device {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = String(publicKey.export({ format: "jwk" }).x);
  return {
    id: createHash("sha256").update(Buffer.from(raw, "base64url")).digest("hex"),
    publicKey: raw,
    privateKey,
  };
}

/** The `connect` parameters that answer a challenge. */
export function connectParams(
  device: Device,
  token: string,
  nonce: string,
  ts: number,
): Record<string, unknown> {
  const signed = [
    "v3",
    device.id,
    CLIENT.id,
    CLIENT.mode,
    "operator",
    SCOPES.join(","),
    ts,
    token,
    nonce,
    CLIENT.platform,
    "",
  ];
  const signature = sign(null, Buffer.from(signed.join("|")), device.privateKey).toString("base64url");
  return {
    minProtocol: 4,
    maxProtocol: 4,
    client: CLIENT,
    role: "operator",
    scopes: SCOPES,
    caps: CAPS,
    auth: { token },
    device: { id: device.id, publicKey: device.publicKey, signature, signedAt: ts, nonce },
  };
}

/** What the gateway says on its own. */
export interface GatewayEvent {
  event: string;
  payload: Record<string, unknown>;
}

/** A refused request. */
export class GatewayRefusal extends Error {
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  constructor(error: {
    code?: string;
    message?: string;
    retryAfterMs?: number;
    details?: { retryAfterMs?: number };
  }) {
    super(error.message ?? "refused");
    this.code = error.code ?? "UNKNOWN";
    this.retryAfterMs = error.retryAfterMs ?? error.details?.retryAfterMs;
  }
}

/** A logged-in connection. */
export interface GatewayClient {
  request(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>>;
  close(): void;
}

interface Frame {
  type?: string;
  id?: string;
  ok?: boolean;
  payload?: Record<string, unknown>;
  error?: ConstructorParameters<typeof GatewayRefusal>[0];
  event?: string;
}

/** Connects and logs in. `onClose` is called once when an established connection ends. */
export function connectGateway(
  port: number,
  token: string,
  device: Device,
  onEvent: (event: GatewayEvent) => void,
  onClose: () => void,
): Promise<GatewayClient> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    const waiting = new Map<
      string,
      { resolve: (v: Record<string, unknown>) => void; reject: (e: Error) => void; timer: NodeJS.Timeout }
    >();
    let ready = false;

    const request: GatewayClient["request"] = (method, params) =>
      new Promise((done, failed) => {
        if (socket.readyState !== WebSocket.OPEN) return failed(new Error("gateway connection is closed"));
        const id = randomUUID();
        const timer = setTimeout(() => {
          waiting.delete(id);
          failed(new Error(`${method} got no answer`));
        }, REQUEST_MS);
        waiting.set(id, { resolve: done, reject: failed, timer });
        socket.send(JSON.stringify({ type: "req", id, method, params }));
      });

    const login = async (payload: Record<string, unknown>) => {
      try {
        await request(
          "connect",
          connectParams(device, token, String(payload["nonce"]), Number(payload["ts"])),
        );
        ready = true;
        resolve({ request, close: () => socket.close() });
      } catch (error) {
        reject(error);
        socket.close();
      }
    };

    socket.onmessage = (message) => {
      const frame = JSON.parse(String(message.data)) as Frame;
      if (frame.type === "event" && frame.event === "connect.challenge") void login(frame.payload ?? {});
      else if (frame.type === "event" && frame.event)
        onEvent({ event: frame.event, payload: frame.payload ?? {} });
      else if (frame.type === "res" && frame.id) {
        const entry = waiting.get(frame.id);
        if (!entry) return;
        waiting.delete(frame.id);
        clearTimeout(entry.timer);
        if (frame.ok) entry.resolve(frame.payload ?? {});
        else entry.reject(new GatewayRefusal(frame.error ?? {}));
      }
    };
    socket.onerror = () => reject(new Error("gateway connection failed"));
    socket.onclose = () => {
      for (const { reject: fail, timer } of waiting.values()) {
        clearTimeout(timer);
        fail(new Error("gateway connection closed"));
      }
      waiting.clear();
      reject(new Error("gateway connection closed"));
      if (ready) onClose();
      ready = false;
    };
  });
}
