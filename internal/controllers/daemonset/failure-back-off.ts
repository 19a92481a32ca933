/** A daemon that fails at once must not be made again as fast as it can fail. */
const firstWaitMs = 1000;
const longestWaitMs = 15 * 60_000;

/** By node: when a failed pod may be taken away, and how long the next one waits. */
export type Failures = Map<string, { dueMs: number; waitMs: number }>;

/** How long the failed pod of a node has to stay; 0 when it may go. */
export function waitLeftMs(failures: Failures | undefined, node: string, nowMs: number): number {
  return Math.max(0, (failures?.get(node)?.dueMs ?? 0) - nowMs);
}

/** A failed pod of the node was taken away: the next one waits twice as long. */
export function noteFailure(failures: Failures, node: string, nowMs: number): void {
  const before = failures.get(node);
  // After a long quiet time the count starts over.
  const waitMs =
    before && nowMs - before.dueMs < 2 * longestWaitMs
      ? Math.min(before.waitMs * 2, longestWaitMs)
      : firstWaitMs;
  failures.set(node, { dueMs: nowMs + waitMs, waitMs });
}
