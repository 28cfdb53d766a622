/** How this process uses V8's heap. */
import { setFlagsFromString } from "node:v8";

/**
 * Nothing of a connection is made in the old generation. V8 does that for kinds of objects that it has often seen
 * survive; a connection's are then dead there until the next full collection, and keep what they point to alive, which
 * is their whole connection: quick collections grew from 1 ms to 20 to 50 ms, about every second process.
 */
export function tuneHeap(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
