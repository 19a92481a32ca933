/** What one look at this node found. */
export interface Look {
  /** What it lacks; undefined when nothing. */
  fault: string | undefined;
  /** The node itself lacks nothing: it is a server that does not answer. */
  away: boolean;
}

/** What is known of an executable on trial. */
export interface Course {
  deadlineMs: number;
  /** Whether the old executable may be asked if the servers answer that one. */
  mayPutOff: boolean;
  last: Look;
  /** Since when nothing was lacking. */
  goodSinceMs: number | undefined;
}

export type Verdict = 'open' | 'good' | 'rejected' | 'later';

/** An upgrade counts as good after it has run well for this long. */
export const staysMs = 5000;

/** The course after one more look. */
export function after(course: Course, last: Look, nowMs: number): Course {
  const goodSinceMs = last.fault === undefined ? (course.goodSinceMs ?? nowMs) : undefined;
  return { ...course, last, goodSinceMs };
}

/**
 * Good needs a server that says so. Who has run out of time is rejected; but whom only the servers
 * failed is put off once: if the old executable reaches them, it is tried again, and then for good.
 */
export function verdictOf(course: Course, nowMs: number): Verdict {
  const { goodSinceMs, deadlineMs, mayPutOff, last } = course;
  if (goodSinceMs !== undefined && nowMs - goodSinceMs >= staysMs) return 'good';
  if (nowMs < deadlineMs) return 'open';
  return last.away && mayPutOff ? 'later' : 'rejected';
}
