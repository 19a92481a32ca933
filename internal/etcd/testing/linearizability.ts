/**
 * Is there an order of all operations on one register (a key) that explains every answer and keeps
 * real time? Values are unique, and every answer carries the revision it saw or made, so the order
 * is that of revisions and need not be searched for: what is left to check is that each answer fits
 * it, and that it does not contradict the clock.
 */
export interface Operation {
  kind: 'read' | 'write' | 'compareAndSwap';
  /**
   * Monotonic times of call and answer; an operation whose answer never came may have happened at
   * any later time, or not.
   */
  calledAt: number;
  answeredAt: number | undefined;
  /** read: what was found. write: what was written. */
  value: string | undefined;
  /** The key's modRevision: found by a read, made by a write. */
  revision: number | undefined;
  /** compareAndSwap: the modRevision it asked for, and whether it succeeded. */
  expected?: number;
  succeeded?: boolean;
}

/** Throws with the reason when the history of one key is not linearizable. */
export function checkHistory(key: string, history: Operation[]): void {
  const writes = new Map<number, Operation>();
  const byValue = new Map(history.filter((o) => o.kind !== 'read').map((o) => [o.value, o]));
  for (const o of history) {
    if (o.kind === 'read' || o.revision === undefined || o.succeeded === false) continue;
    const other = writes.get(o.revision);
    if (other) fail(key, `two writes made revision ${o.revision}`, o, other);
    writes.set(o.revision, o);
  }
  // A write without an answer happened if somebody saw its value; then its revision is known from
  // that.
  for (const o of history) {
    if (o.kind !== 'read' || o.revision === undefined || o.value === undefined) continue;
    const origin = byValue.get(o.value);
    if (!origin) fail(key, 'a read found a value that nobody wrote', o);
    if (origin.succeeded === false)
      fail(key, 'a read found the value of a write that did not succeed', o, origin);
    if (origin.revision === undefined) {
      origin.revision = o.revision;
      writes.set(o.revision, origin);
    } else if (origin.revision !== o.revision)
      fail(key, 'a read found a value under another revision', o, origin);
  }
  checkSwaps(key, history, writes);
  checkTime(
    key,
    history.filter((o) => o.revision !== undefined && o.succeeded !== false),
  );
}

function checkSwaps(key: string, history: Operation[], writes: Map<number, Operation>): void {
  const revisions = [...writes.keys()].sort((a, b) => a - b);
  for (const o of history) {
    if (o.kind !== 'compareAndSwap' || o.succeeded !== true || o.revision === undefined) continue;
    const before = revisions[revisions.indexOf(o.revision) - 1] ?? 0;
    // A write nobody ever saw may have come between; it can only have been one without an answer.
    if (before > (o.expected ?? 0))
      fail(
        key,
        `a swap on revision ${o.expected} succeeded although ${before} was written`,
        o,
        writes.get(before),
      );
  }
}

/**
 * No operation may see or make a revision older than one that was seen or made by an operation that
 * had already ended.
 */
function checkTime(key: string, history: Operation[]): void {
  const ended = history
    .filter((o) => o.answeredAt !== undefined)
    .sort((a, b) => (a.answeredAt as number) - (b.answeredAt as number));
  const called = [...history].sort((a, b) => a.calledAt - b.calledAt);
  let newest: Operation | undefined;
  let next = 0;
  for (const o of called) {
    for (
      let e = ended[next];
      e !== undefined && (e.answeredAt as number) < o.calledAt;
      e = ended[++next]
    ) {
      if (newest === undefined || (e.revision as number) > (newest.revision as number)) newest = e;
    }
    if (newest === undefined || o.answeredAt === undefined) continue;
    const seen = o.revision as number;
    if (
      o.kind === 'read' ? seen < (newest.revision as number) : seen <= (newest.revision as number)
    )
      fail(key, 'an operation went back in time', o, newest);
  }
}

function fail(key: string, why: string, ...operations: (Operation | undefined)[]): never {
  throw new Error(`${key}: ${why}\n${operations.map((o) => JSON.stringify(o)).join('\n')}`);
}
