/**
 * Time limits for hot paths: any number of them behind one timer of Node's. Nearly all are lifted before they are due;
 * setting and lifting one is a few writes in memory instead of a timer with its closures.
 */

import { Bag, type Bagged } from "./bag.ts";

const armed = new Bag<Deadline>();
let timer: NodeJS.Timeout | undefined;
/** When the timer rings. */
let ringsAt = Number.POSITIVE_INFINITY;

/** One limit, set and lifted any number of times. It keeps the process alive while it is set, as a timer does. */
export class Deadline implements Bagged {
  place = -1;
  private at = 0;
  private readonly onDue: () => void;

  /** `onDue` must not throw. */
  constructor(onDue: () => void) {
    this.onDue = onDue;
  }

  /** Due so long from now; replaces what was set. */
  set(ms: number): void {
    this.at = performance.now() + ms;
    armed.add(this);
    if (this.at < ringsAt) wind(this.at, ms);
    else if (armed.size === 1) timer?.ref();
  }

  /** Never due, unless set again. */
  lift(): void {
    if (armed.delete(this) && armed.size === 0) timer?.unref();
  }

  /** Calls back if it is due and still set. */
  static ring(): void {
    ringsAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    const due: Deadline[] = [];
    for (const one of armed.all()) {
      if (one.at <= now) due.push(one);
      else if (one.at < next) next = one.at;
    }
    if (next < ringsAt) wind(next, next - now);
    for (const one of due) {
      // One that went before may have lifted it or set it anew.
      if (one.at > now || !armed.delete(one)) continue;
      one.onDue();
    }
    if (armed.size === 0) timer?.unref();
  }
}

function wind(at: number, ms: number): void {
  clearTimeout(timer);
  ringsAt = at;
  timer = setTimeout(Deadline.ring, Math.max(1, Math.ceil(ms)));
}
