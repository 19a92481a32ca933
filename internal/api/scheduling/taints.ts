import type { Taint, Toleration } from '../generated/types/core-v1.ts';
import { parseQuantity } from '../quantity.ts';

/** Whether a toleration covers a taint (core/v1 Toleration; Lt and Gt compare whole numbers). */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  const value = toleration.value ?? '';
  const has = taint.value ?? '';
  switch (toleration.operator ?? '') {
    case 'Exists':
      return true;
    case '':
    case 'Equal':
      return value === has;
    case 'Lt':
    case 'Gt':
      return compares(toleration.operator as string, has, value);
    default:
      return false;
  }
}

function compares(operator: string, has: string, value: string): boolean {
  if (!/^-?\d+$/.test(has) || !/^-?\d+$/.test(value)) return false;
  const order = parseQuantity(has).cmp(parseQuantity(value));
  return operator === 'Lt' ? order < 0 : order > 0;
}

/** The first taint with one of `effects` that nothing tolerates. */
export function untolerated(
  taints: Taint[] | undefined,
  tolerations: Toleration[] | undefined,
  effects: string[],
): Taint | undefined {
  return (taints ?? []).find(
    (t) =>
      effects.includes(t.effect) &&
      !(tolerations ?? []).some((toleration) => tolerates(toleration, t)),
  );
}
