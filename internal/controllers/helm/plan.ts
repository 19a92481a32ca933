import type { Revision } from './release.ts';
import { isPending } from './release.ts';
import type { Wish } from './wish.ts';

export interface View {
  /** The chart is being deleted. */
  ending: boolean;
  /** Undefined only when it is ending. */
  wish: Pick<Wish, 'hash' | 'failurePolicy' | 'backOffLimit' | 'timeoutMs'> | undefined;
  /** The newest last. */
  revisions: readonly Revision[];
  /** How often it failed with what is wished now. */
  failures: number;
  nowMs: number;
}

export type Plan =
  | { do: 'nothing' }
  | { do: 'upgrade' }
  /** Away with the release, then again from nothing. */
  | { do: 'reinstall' }
  | { do: 'uninstall' }
  /** Mark what was interrupted, then look again. */
  | { do: 'heal'; revision: Revision }
  /** Another Helm client works on the release. */
  | { do: 'wait'; ms: number }
  /** Nothing more is tried until something changes. */
  | { do: 'give up'; reason: 'BackoffLimitExceeded' | 'Aborted' }
  | { do: 'let go' };

/** How long a revision that somebody else began may take: Helm's own time, and as much again. */
const foreignFactor = 2;

/** What comes next for a chart. */
export function planFor(view: View): Plan {
  const { ending, wish, revisions, failures, nowMs } = view;
  const last = revisions.at(-1);
  if (ending || !wish) return last ? { do: 'uninstall' } : { do: 'let go' };
  if (!last) return limited(view) ?? { do: 'upgrade' };
  if (isPending(last)) {
    // Ours bears a hash, and of ours none runs now.
    if (last.hash !== undefined) return { do: 'heal', revision: last };
    const sinceMs = Date.parse(last.secret.metadata.creationTimestamp ?? '') || 0;
    const leftMs = sinceMs + foreignFactor * wish.timeoutMs - nowMs;
    return leftMs > 0 ? { do: 'wait', ms: leftMs } : { do: 'heal', revision: last };
  }
  if (last.status === 'deployed' && last.hash === wish.hash) return { do: 'nothing' };
  if (last.status === 'uninstalling') return { do: 'reinstall' };
  if (last.status !== 'failed') return limited(view) ?? { do: 'upgrade' };
  if (wish.failurePolicy === 'abort' && last.hash === wish.hash && failures > 0)
    return { do: 'give up', reason: 'Aborted' };
  return limited(view) ?? { do: startsAnew(view) ? 'reinstall' : 'upgrade' };
}

/**
 * After a failure k3s removes the release and installs it again. Unless that was asked for, it is
 * not done here to a release that ran once: with it its volumes would go. Nor when nothing failed
 * and the machine went off in the middle.
 */
function startsAnew({ wish, revisions, failures }: View): boolean {
  if (failures === 0) return false;
  if (wish?.failurePolicy !== undefined) return wish.failurePolicy === 'reinstall';
  return revisions.every((one) => one.status === 'failed');
}

function limited({ wish, failures }: View): Plan | undefined {
  return wish && failures > wish.backOffLimit
    ? { do: 'give up', reason: 'BackoffLimitExceeded' }
    : undefined;
}
