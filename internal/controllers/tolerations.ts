import type { Taint, Toleration } from '../api/generated/types/core-v1.ts';
import { tolerates } from '../api/scheduling/taints.ts';

/**
 * How long the tolerations bear these NoExecute taints: undefined = forever, 0 = not at all, else
 * milliseconds from when the taints came.
 */
export function toleratedForMs(tolerations: Toleration[], taints: Taint[]): number | undefined {
  let shortest = Infinity;
  for (const taint of taints) {
    const fitting = tolerations.filter((t) => tolerates(t, taint));
    if (fitting.length === 0) return 0;
    for (const t of fitting)
      if (t.tolerationSeconds !== undefined)
        shortest = Math.min(shortest, Math.max(0, t.tolerationSeconds));
  }
  return shortest === Infinity ? undefined : shortest * 1000;
}
