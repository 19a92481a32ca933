import { table } from '../../../base/own.ts';
import { Buffer } from 'node:buffer';
import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import { Duration, equal, order, Timestamp, Uint, type CelMap, type Value } from '../values.ts';

const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

function whole(value: bigint): bigint {
  if (value > maxInt || value < -maxInt - 1n) throw new CelError('integer overflow');
  return value;
}

function unsigned(value: bigint): Uint {
  if (value > maxUint || value < 0n) throw new CelError('unsigned integer overflow');
  return new Uint(value);
}

function nonZero(value: bigint, what: string): bigint {
  if (value === 0n) throw new CelError(what);
  return value;
}

const span = (nanos: bigint): Duration => new Duration(whole(nanos));
const firstInstant = -62_135_596_800_000_000_000n;
const lastInstant = 253_402_300_799_999_999_999n;

export function instant(nanos: bigint): Timestamp {
  if (nanos < firstInstant || nanos > lastInstant) throw new CelError('timestamp overflow');
  return new Timestamp(nanos);
}

function arithmetic(registry: Registry): void {
  const ints: Record<string, (a: bigint, b: bigint) => bigint> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / nonZero(b, 'division by zero'),
    '%': (a, b) => a % nonZero(b, 'modulus by zero'),
  };
  for (const [op, run] of Object.entries(ints)) {
    registry.define(`_${op}_(int, int): int`, (a: bigint, b: bigint) => whole(run(a, b)));
    registry.define(`_${op}_(uint, uint): uint`, (a: Uint, b: Uint) =>
      unsigned(run(a.value, b.value)),
    );
  }
  registry.define('_+_(double, double): double', (a: number, b: number) => a + b);
  registry.define('_-_(double, double): double', (a: number, b: number) => a - b);
  registry.define('_*_(double, double): double', (a: number, b: number) => a * b);
  registry.define('_/_(double, double): double', (a: number, b: number) => a / b);
  registry.define('-_(int): int', (a: bigint) => whole(-a));
  registry.define('-_(double): double', (a: number) => -a);
  registry.define('!_(bool): bool', (a: boolean) => !a);
}

function joining(registry: Registry): void {
  registry.define('_+_(string, string): string', (a: string, b: string) => a + b);
  registry.define('_+_(bytes, bytes): bytes', (a: Uint8Array, b: Uint8Array) =>
    Buffer.concat([a, b]),
  );
  registry.define('_+_(list<A>, list<A>): list<A>', (a: Value[], b: Value[]) => [...a, ...b]);
  registry.define('_+_(duration, duration): duration', (a: Duration, b: Duration) =>
    span(a.nanos + b.nanos),
  );
  registry.define('_+_(timestamp, duration): timestamp', (a: Timestamp, b: Duration) =>
    instant(a.nanos + b.nanos),
  );
  registry.define('_+_(duration, timestamp): timestamp', (a: Duration, b: Timestamp) =>
    instant(a.nanos + b.nanos),
  );
  registry.define('_-_(duration, duration): duration', (a: Duration, b: Duration) =>
    span(a.nanos - b.nanos),
  );
  registry.define('_-_(timestamp, duration): timestamp', (a: Timestamp, b: Duration) =>
    instant(a.nanos - b.nanos),
  );
  registry.define('_-_(timestamp, timestamp): duration', (a: Timestamp, b: Timestamp) =>
    span(a.nanos - b.nanos),
  );
}

const relations: Record<string, (order: number) => boolean> = table({
  '<': (o) => o < 0,
  '<=': (o) => o <= 0,
  '>': (o) => o > 0,
  '>=': (o) => o >= 0,
});
const numbers = ['int', 'uint', 'double'];

function comparisons(registry: Registry): void {
  registry.define('_==_(A, A): bool', (a: Value, b: Value) => equal(a, b));
  registry.define('_!=_(A, A): bool', (a: Value, b: Value) => !equal(a, b));
  const alike = ['bool', 'string', 'bytes', 'timestamp', 'duration'].map((one) => [one, one]);
  const pairs = [...alike, ...numbers.flatMap((left) => numbers.map((right) => [left, right]))];
  for (const [op, holds] of Object.entries(relations)) {
    for (const [left, right] of pairs)
      registry.define(`_${op}_(${left}, ${right}): bool`, (a: Value, b: Value) =>
        holds(order(a, b) ?? Number.NaN),
      );
  }
  registry.define('@in(A, list<A>): bool', (a: Value, list: Value[]) =>
    list.some((one) => equal(one, a)),
  );
  registry.define('@in(A, map<A, B>): bool', (a: Value, map: CelMap) => map.has(a));
}

export function operators(registry: Registry): void {
  arithmetic(registry);
  joining(registry);
  comparisons(registry);
}
