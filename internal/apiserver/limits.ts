/** Constants of kube-apiserver that clients can see and no flag changes. */
export const limits = {
  /** Larger bodies are refused with 413 (kube-apiserver: limitedReadBody). */
  maxBodyBytes: 3 * 1024 * 1024,
  /**
   * A body must keep coming and be whole by then (kube-apiserver: --request-timeout for the whole).
   */
  body: { idleMs: 20_000, totalMs: 60_000 },
  /** How often a clashing write is tried again before the client hears of it. */
  updateTries: 12,
  /** Attempts at a free generated name. */
  generateNameTries: 8,
  /** A watch with more than this unsent is ended. */
  watchBufferBytes: 16 * 1024 * 1024,
  /** So much of the initial state of a watch may wait for its client before more is made. */
  watchAheadBytes: 512 * 1024,
  /**
   * A watch whose events wait for a conversion webhook holds at most this many; then the client
   * lists again.
   */
  watchPendingEvents: 10_000,
  /** Time a watch lives when the client does not say: between this and twice this. */
  minWatchMs: 30 * 60 * 1000,
  bookmarkPeriodMs: 60 * 1000,
} as const;
