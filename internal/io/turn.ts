// The turns of the event loop: how work in pieces lets others have theirs, and how what arrived
// together is done together.

/** Resolves when everything that is ready now has had its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Calls `fn` at the end of this turn of the event loop. */
export function afterTurn(fn: () => void): void {
  setImmediate(fn);
}
