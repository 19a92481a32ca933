import { table } from '../../base/own.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { Signal, Threshold, Thresholds } from '../../agent/gc/eviction.ts';

/** Thrown by a parser: what is wrong with a value, without the argument's name. */
export class WrongValue extends Error {}

const unitMs: Record<string, number> = table({
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
});

export function text(value: string): string {
  if (value === '') throw new WrongValue('it has no value');
  return value;
}

export function whole(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new WrongValue(`"${value}" is not a whole number`);
  return Number(value);
}

/** A whole number that is at least one. */
export function count(value: string): number {
  const number = whole(value);
  if (number < 1) throw new WrongValue(`${number} is less than one`);
  return number;
}

export function percent(value: string): number {
  const number = whole(value);
  if (number > 100) throw new WrongValue(`${number} is more than 100`);
  return number / 100;
}

export function truth(value: string): boolean {
  if (!/^(true|false|1|0|t|f)$/i.test(value))
    throw new WrongValue(`"${value}" is neither true nor false`);
  return /^(true|1|t)$/i.test(value);
}

/** Go's durations: `1h30m`, `20s`, `0`. */
export function milliseconds(value: string): number {
  if (value === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|\u00b5s|ms|s|m|h))+$/.test(value))
    throw new WrongValue(`"${value}" is not a duration such as 40s or 5m`);
  const sum = [...value.matchAll(/(\d+(?:\.\d+)?)(ns|us|\u00b5s|ms|s|m|h)/g)].reduce(
    (total, [, number, unit = '']) => total + Number(number) * (unitMs[unit] ?? 0),
    0,
  );
  return Math.round(sum);
}

/** A duration that is some time at all. */
export function someTime(value: string): number {
  const ms = milliseconds(value);
  if (ms <= 0) throw new WrongValue(`"${value}" must be greater than 0`);
  return ms;
}

export function bytes(value: string): number {
  const amount = quantity(value);
  if (!Number.isSafeInteger(amount) || amount < 1)
    throw new WrongValue(`"${value}" is not an amount of bytes such as 10Mi`);
  return amount;
}

function quantity(value: string): number {
  try {
    return parseQuantity(value).asNumber();
  } catch {
    throw new WrongValue(`"${value}" is not an amount such as 500m or 1Gi`);
  }
}

export function list(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

/** `a=1,b=2`. */
export function pairs(value: string): [string, string][] {
  return list(value).map((item) => {
    const at = item.indexOf('=');
    if (at < 1) throw new WrongValue(`"${item}" is not name=value`);
    return [item.slice(0, at), item.slice(at + 1)];
  });
}

const reservable = ['cpu', 'memory', 'ephemeral-storage'];

/** `cpu=500m,memory=1Gi`. */
export function resources(value: string): Record<string, string> {
  const found = pairs(value);
  for (const [name, amount] of found) {
    if (!reservable.includes(name))
      throw new WrongValue(
        `there is no resource "${name}" to reserve here (${reservable.join(', ')})`,
      );
    if (quantity(amount) < 0) throw new WrongValue(`"${amount}" is less than nothing`);
  }
  return Object.fromEntries(found);
}

const signals: Signal[] = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
];

function signalOf(name: string): Signal {
  const known = signals.find((signal) => signal === name);
  if (!known)
    throw new WrongValue(`the signal "${name}" is not measured here (${signals.join(', ')})`);
  return known;
}

/** `memory.available<100Mi,nodefs.available<10%`. */
export function thresholds(value: string): Thresholds {
  return Object.fromEntries(
    list(value).map((item): [Signal, Threshold] => {
      const at = item.indexOf('<');
      if (at < 1) throw new WrongValue(`"${item}" is not signal<amount`);
      return [signalOf(item.slice(0, at)), thresholdOf(item.slice(at + 1))];
    }),
  );
}

function thresholdOf(limit: string): Threshold {
  if (!limit.endsWith('%')) return { amount: quantity(limit) };
  const share = Number(limit.slice(0, -1));
  if (!(share >= 0 && share < 100)) throw new WrongValue(`"${limit}" is not a share of 0% to 99%`);
  return { share: share / 100 };
}

/** `nodefs.available=500Mi,imagefs.available=10%`. */
export function reclaims(value: string): Thresholds {
  return Object.fromEntries(
    pairs(value).map(([signal, amount]) => [signalOf(signal), thresholdOf(amount)]),
  );
}

/** `memory.available=1m30s`. */
export function gracePeriods(value: string): Partial<Record<Signal, number>> {
  return Object.fromEntries(
    pairs(value).map(([signal, time]) => [signalOf(signal), milliseconds(time)]),
  );
}
