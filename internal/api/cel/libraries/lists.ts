import { CelError } from '../errors.ts';
import type { Overload, Registry } from '../registry.ts';
import { Duration, equal, Optional, order, Uint, type Value } from '../values.ts';

function ordered(a: Value, b: Value): number {
  const found = order(a, b);
  if (found === undefined) throw new CelError('no such overload');
  return found;
}

function isSorted(list: readonly Value[]): boolean {
  return list.every((one, i) => i === 0 || ordered(list[i - 1] as Value, one) <= 0);
}

function best(list: readonly Value[], name: string, sign: 1 | -1): Value {
  const [first] = list;
  if (first === undefined) throw new CelError(`${name} called on empty list`);
  return list.reduce((a, b) => (ordered(b, a) * sign > 0 ? b : a), first);
}

function sum(registry: Registry, list: readonly Value[]): Value {
  let total: Value = zeroLike(list[0]);
  for (const one of list) {
    const plus: Overload | undefined = registry.choose('_+_', false, [total, one]);
    if (!plus || typeof one === 'string') throw new CelError('no such overload: sum');
    total = plus.run(total, one);
  }
  return total;
}

function zeroLike(value: Value | undefined): Value {
  if (typeof value === 'number') return 0;
  if (value instanceof Uint) return new Uint(0n);
  return value instanceof Duration ? new Duration(0n) : 0n;
}

function contains(list: readonly Value[], part: readonly Value[]): boolean {
  return part.every((one) => list.some((other) => equal(one, other)));
}

function distinct(list: readonly Value[]): Value[] {
  return list.filter((one, i) => list.findIndex((other) => equal(other, one)) === i);
}

function slice(list: readonly Value[], from: bigint, to: bigint): Value[] {
  if (from < 0n || to > list.length || from > to)
    throw new CelError(`cannot slice(${from}, ${to}), invalid range`);
  return list.slice(Number(from), Number(to));
}

function flatten(list: readonly Value[], depth: bigint): Value[] {
  if (depth < 0n) throw new CelError('level must be non-negative');
  return (list as unknown[]).flat(Number(depth) as 1) as Value[];
}

function unwrap(list: readonly Value[]): Value[] {
  return list.flatMap((one) =>
    one instanceof Optional && one.value !== undefined ? [one.value] : [],
  );
}

export function lists(registry: Registry): void {
  for (const kind of ['int', 'uint', 'double', 'duration'])
    registry.define(`list<${kind}>->sum(): ${kind}`, (list: Value[]) => sum(registry, list));
  for (const kind of [
    'int',
    'uint',
    'double',
    'bool',
    'duration',
    'timestamp',
    'string',
    'bytes',
  ]) {
    registry.define(`list<${kind}>->isSorted(): bool`, isSorted);
    registry.define(`list<${kind}>->min(): ${kind}`, (list: Value[]) => best(list, 'min', -1));
    registry.define(`list<${kind}>->max(): ${kind}`, (list: Value[]) => best(list, 'max', 1));
    registry.define(`list<${kind}>->sort(): list<${kind}>`, (list: Value[]) =>
      list.toSorted(ordered),
    );
  }
  registry.define('list<A>->indexOf(A): int', (list: Value[], one: Value) =>
    BigInt(list.findIndex((other) => equal(other, one))),
  );
  registry.define('list<A>->lastIndexOf(A): int', (list: Value[], one: Value) =>
    BigInt(list.findLastIndex((other) => equal(other, one))),
  );
  registry.define('list<A>->distinct(): list<A>', distinct);
  registry.define('list<A>->reverse(): list<A>', (list: Value[]) => list.toReversed());
  registry.define('list<A>->slice(int, int): list<A>', slice);
  registry.define('list<list<A>>->flatten(): list<A>', (list: Value[]) => list.flat());
  registry.define('list<dyn>->flatten(int): list<dyn>', flatten);
  registry.define('lists.range(int): list<int>', (count: bigint) =>
    Array.from({ length: Math.max(0, Number(count)) }, (_, i) => BigInt(i)),
  );
  registry.define('list<A>->first(): optional<A>', (list: Value[]) => new Optional(list[0]));
  registry.define('list<A>->last(): optional<A>', (list: Value[]) => new Optional(list.at(-1)));
  registry.define('optional.unwrap(list<optional<A>>): list<A>', unwrap);
  registry.define('list<optional<A>>->unwrapOpt(): list<A>', unwrap);
  registry.define('sets.contains(list<A>, list<A>): bool', contains);
  registry.define(
    'sets.equivalent(list<A>, list<A>): bool',
    (a: Value[], b: Value[]) => contains(a, b) && contains(b, a),
  );
  registry.define('sets.intersects(list<A>, list<A>): bool', (a: Value[], b: Value[]) =>
    a.some((one) => b.some((other) => equal(one, other))),
  );
}
