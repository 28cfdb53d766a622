/**
 * Many things that come and go, to be walked now and then: a Set for hot paths. With Sets in this place (clients, open
 * tunnels, deadlines) whole connections survived the collector's quick rounds: a Set that churns leaves tables behind,
 * and one that has got old keeps what was in it until the slow round. Pauses of 20 to 50 ms instead of 1 were the price.
 */

/** Something that can be in one bag. */
export interface Bagged {
  /** Its place there; -1 while it is in none. The bag's own. */
  place: number;
}

/** See the module's header. No order is kept. */
export class Bag<T extends Bagged> {
  private readonly items: T[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Puts in; what is in already stays. */
  add(item: T): void {
    if (item.place >= 0) return;
    item.place = this.items.length;
    this.items.push(item);
  }

  /** Takes out; false when it wasn't in. */
  delete(item: T): boolean {
    const { place } = item;
    if (place < 0) return false;
    const last = this.items.pop()!;
    if (last !== item) {
      this.items[place] = last;
      last.place = place;
    }
    item.place = -1;
    return true;
  }

  /** What is in now. */
  all(): T[] {
    return this.items.slice();
  }
}
