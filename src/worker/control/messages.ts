/**
 * What the worker's main thread and the control thread say to each other. Types only.
 * The thread owns sockets, decoding, caps and heartbeats; the main thread owns meaning.
 */
import type { FromGuest, ToGuest } from "../../sandbox/index.ts";
import type { HelloFrame } from "./schema.ts";

/** Frames that reach the main thread one by one. */
export type GuestFrame = Exclude<FromGuest, { type: "hello" } | { type: "pong" }>;

/** Main thread → control thread. */
export type ToThread =
  /** Listen on `path` (its directory exists). Only a hello with `bootId` is taken; empty = the sandbox is stopped. */
  | { op: "listen"; sandboxId: string; path: string; bootId: string }
  /** The sandbox has a new life (or none: empty). A connection of another life is closed. */
  | { op: "expect"; sandboxId: string; bootId: string }
  | { op: "unlisten"; sandboxId: string }
  /** For the connection `conn` only: a command meant for a dead connection must not reach the next one. */
  | { op: "send"; sandboxId: string; conn: number; frame: ToGuest }
  /** Parked guests can't answer pings. */
  | { op: "heartbeat"; sandboxId: string; on: boolean }
  /** The main thread has handled that many frames of each sandbox. */
  | { op: "handled"; counts: [sandboxId: string, frames: number][] }
  | { op: "close" };

/** Control thread → main thread, in arrays. */
export type FromThread =
  /** The socket exists (again): it is to be handed over to the sandbox's uid. */
  | { kind: "listening"; sandboxId: string }
  | { kind: "listen-failed"; sandboxId: string; message: string }
  | { kind: "up"; sandboxId: string; conn: number; hello: HelloFrame }
  | { kind: "frame"; sandboxId: string; conn: number; frame: GuestFrame }
  | { kind: "down"; sandboxId: string; conn: number; reason: string }
  | { kind: "refused"; sandboxId: string; reason: string }
  | { kind: "closed" };
