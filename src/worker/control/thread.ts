/**
 * Entry of the control thread: a listener per sandbox, and one array of messages per round of the loop for the main
 * thread. Apart from the main thread so that decoding a flood never delays the renewal of a lease (DESIGN §3).
 */
import { parentPort, workerData } from "node:worker_threads";
import { ControlListener, type ListenerCaps } from "./listener.ts";
import type { FromThread, ToThread } from "./messages.ts";

const port = parentPort;
if (!port) throw new Error("control/thread.ts is started by control/hub.ts only");
const caps = workerData as ListenerCaps;

const listeners = new Map<string, ControlListener>();
let batch: FromThread[] = [];

function post(message: FromThread): void {
  if (batch.length === 0) setImmediate(flush);
  batch.push(message);
}

function flush(): void {
  const messages = batch;
  batch = [];
  port?.postMessage(messages);
}

port.on("message", (message: ToThread) => {
  switch (message.op) {
    case "listen": {
      listeners.get(message.sandboxId)?.close();
      const listener = new ControlListener({ ...message, caps }, post);
      listeners.set(message.sandboxId, listener);
      listener.listen();
      break;
    }
    case "expect":
      listeners.get(message.sandboxId)?.expect(message.bootId);
      break;
    case "send":
      listeners.get(message.sandboxId)?.send(message.conn, message.frame);
      break;
    case "heartbeat":
      listeners.get(message.sandboxId)?.heartbeat(message.on);
      break;
    case "handled":
      for (const [sandboxId, count] of message.counts) listeners.get(sandboxId)?.handled(count);
      break;
    case "unlisten":
      listeners.get(message.sandboxId)?.close();
      listeners.delete(message.sandboxId);
      break;
    case "close":
      for (const listener of listeners.values()) listener.close();
      listeners.clear();
      post({ kind: "closed" });
  }
});
