import { keysIn, type View } from './range.ts';
import type { Compare, KeyValue } from './store.ts';

const absent = {
  version: 0,
  createRevision: 0,
  modRevision: 0,
  lease: '0',
  value: new Uint8Array(0),
};

/**
 * True when the condition holds for every key of its range, and, for a range without keys, for a
 * key that is not there.
 */
export function holds(view: View, compare: Compare): boolean {
  const kvs = keysIn(view, compare);
  if (kvs.length > 0) return kvs.every((kv) => matches(kv, compare));
  // A value that is not there is neither equal nor unequal to anything.
  return compare.target === 'VALUE' ? false : matches(absent, compare);
}

function matches(kv: Omit<KeyValue, 'key'>, { target, result, operand }: Compare): boolean {
  const order = orderOf(kv, target, operand);
  if (result === 'EQUAL') return order === 0;
  if (result === 'NOT_EQUAL') return order !== 0;
  return result === 'GREATER' ? order > 0 : order < 0;
}

function orderOf(
  kv: Omit<KeyValue, 'key'>,
  target: Compare['target'],
  operand: Compare['operand'],
): number {
  if (target === 'VALUE')
    return Buffer.compare(kv.value, operand instanceof Uint8Array ? operand : absent.value);
  if (target === 'LEASE') {
    const difference = BigInt(kv.lease) - BigInt(typeof operand === 'string' ? operand : 0);
    return difference === 0n ? 0 : difference > 0n ? 1 : -1;
  }
  const number = Number(operand);
  if (target === 'VERSION') return kv.version - number;
  return target === 'CREATE' ? kv.createRevision - number : kv.modRevision - number;
}
