// The turns of the event loop: how work in pieces lets others have theirs, and how what arrived
// together is done together.

let pending = 0;

/** How many wait for their turn: a simulation goes on when nobody does. */
export function turnsPending(): number {
  return pending;
}

/** Resolves when everything that is ready now has had its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => afterTurn(resolve));
}

/** Calls `fn` at the end of this turn of the event loop. */
export function afterTurn(fn: () => void): void {
  pending += 1;
  setImmediate(() => {
    pending -= 1;
    fn();
  });
}
