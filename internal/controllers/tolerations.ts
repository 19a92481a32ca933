import type { Taint, Toleration } from '../api/generated/types/core-v1.ts';

/** Does this toleration bear that taint (core/v1 Toleration.ToleratesTaint)? */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator || 'Equal') {
    case 'Exists':
      return true;
    case 'Equal':
      return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
    case 'Lt':
    case 'Gt':
      return compares(toleration, taint);
    default:
      return false;
  }
}

function compares(toleration: Toleration, taint: Taint): boolean {
  const [bound, value] = [Number(toleration.value), Number(taint.value)];
  if (!Number.isInteger(bound) || !Number.isInteger(value)) return false;
  return toleration.operator === 'Lt' ? value < bound : value > bound;
}

/**
 * How long the tolerations bear these NoExecute taints: undefined = for ever, 0 = not at all, else milliseconds from
 * when the taints came.
 */
export function toleratedForMs(tolerations: Toleration[], taints: Taint[]): number | undefined {
  let shortest = Infinity;
  for (const taint of taints) {
    const fitting = tolerations.filter((t) => tolerates(t, taint));
    if (fitting.length === 0) return 0;
    for (const t of fitting) if (t.tolerationSeconds !== undefined) shortest = Math.min(shortest, Math.max(0, t.tolerationSeconds));
  }
  return shortest === Infinity ? undefined : shortest * 1000;
}
