import type { FoldMacro, FoldNode, Node } from './ast.ts';
import { CelBudgetError, CelError, noOverload } from './errors.ts';
import { dottedName } from './parser.ts';
import { boundResult, costOfArguments, costOfResult, selfCompared } from './run-cost.ts';
import type { Registry } from './registry.ts';
import {
  CelMap,
  kindOf,
  MapValue,
  numeric,
  ObjectView,
  Opaque,
  Optional,
  order,
  StructValue,
  TypeValue,
  Uint,
  type Value,
} from './values.ts';

/**
 * Work that may be done, counted down as cel-go counts cost: about one per step, one per ten
 * characters.
 */
export class Meter {
  readonly limit: number;
  spent = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  spend(cost: number): void {
    this.spent += cost;
    if (this.spent > this.limit) throw new CelBudgetError();
  }
}

/** The value of a variable; undefined: there is none of that name. */
export type Lookup = (name: string) => Value | undefined;

interface Scope {
  name: string;
  value: Value;
  outer: Scope | undefined;
}

const listCost = 10;
const mapCost = 30;
const structCost = 40;
/** Condition, accumulator and step of one round of a macro, without what the user wrote. */
const roundCosts: Record<FoldMacro, number> = {
  all: 3,
  exists: 4,
  existsOne: 1,
  map: 1,
  filter: 1,
  transformList: 1,
  transformMap: 1,
  transformMapEntry: 1,
  sortBy: 1,
};

export const typeNames: ReadonlySet<string> = new Set([
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
  'dyn',
  'optional_type',
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
]);

const isFalse = (value: Value | Error): boolean => value === false;
const isTrue = (value: Value | Error): boolean => value === true;

export class Evaluator {
  readonly #registry: Registry;
  readonly #lookup: Lookup;
  readonly #meter: Meter;

  constructor(registry: Registry, lookup: Lookup, meter: Meter) {
    this.#registry = registry;
    this.#lookup = lookup;
    this.#meter = meter;
  }

  evaluate(node: Node, scope?: Scope): Value {
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'ident':
        return this.#ident(node.name, scope);
      case 'select':
        return this.#select(node, scope);
      case 'index':
        return this.#index(node, scope);
      case 'call':
        return this.#call(node, scope);
      case 'logic':
        return this.#logic(node, scope);
      case 'ternary':
        return this.#ternary(node, scope);
      case 'list':
        return this.#list(node, scope);
      case 'map':
        return this.#map(node, scope);
      case 'struct':
        return this.#struct(node, scope);
      case 'fold':
        return this.#fold(node, scope);
      case 'bind':
        return this.#bind(node, scope);
    }
  }

  #find(name: string, scope: Scope | undefined): Value | undefined {
    for (let at = scope; at; at = at.outer) if (at.name === name) return at.value;
    return this.#lookup(name);
  }

  #ident(name: string, scope: Scope | undefined): Value {
    this.#meter.spend(1);
    const value = this.#find(name, scope);
    if (value !== undefined) return value;
    if (typeNames.has(name)) return new TypeValue(name);
    throw new CelError(`no such attribute(s): ${name}`);
  }

  #select(node: Node & { kind: 'select' }, scope: Scope | undefined): Value {
    const name =
      node.operand.kind === 'select' || node.operand.kind === 'ident'
        ? dottedName(node)
        : undefined;
    if (name !== undefined && typeNames.has(name)) return new TypeValue(name);
    const operand = this.evaluate(node.operand, scope);
    if (!node.test) this.#meter.spend(1);
    const chained = operand instanceof Optional;
    const owner = chained ? operand.value : operand;
    if (owner === undefined) return node.test ? false : new Optional();
    const variable = owner instanceof Opaque && name !== undefined ? this.#lookup(name) : undefined;
    if (variable !== undefined) return variable;
    if (!(owner instanceof CelMap))
      throw new CelError(`type '${kindOf(owner)}' does not support field selection`);
    const value = owner.field(node.field);
    if (node.test) return value !== undefined;
    if (chained || node.optional) return new Optional(value);
    if (value === undefined) throw new CelError(`no such key: ${node.field}`);
    return value;
  }

  #index(node: Node & { kind: 'index' }, scope: Scope | undefined): Value {
    const operand = this.evaluate(node.operand, scope);
    const index = this.evaluate(node.index, scope);
    this.#meter.spend(1);
    const chained = operand instanceof Optional;
    const owner = chained ? operand.value : operand;
    if (owner === undefined) return new Optional();
    const value = element(owner, index);
    if (chained || node.optional) return new Optional(value);
    if (value !== undefined) return value;
    if (owner instanceof CelMap)
      throw new CelError(
        'no such key: ' +
          `${typeof index === 'string' ? index : String(numeric(index) ?? kindOf(index))}`,
      );
    throw new CelError(`index out of bounds: ${String(numeric(index))}`);
  }

  #call(node: Node & { kind: 'call' }, scope: Scope | undefined): Value {
    const args: Value[] = [];
    if (node.target) args.push(this.evaluate(node.target, scope));
    for (const arg of node.args) args.push(this.evaluate(arg, scope));
    this.#meter.spend(costOfArguments(node.name, args));
    const overload = this.#registry.choose(node.name, node.target !== undefined, args);
    if (!overload) throw noOverload(node.name);
    boundResult(node.name, args);
    const result = overload.run(...args);
    this.#meter.spend(costOfResult(node.name, result));
    return result;
  }

  #attempt(node: Node, scope: Scope | undefined): Value | Error {
    try {
      return this.evaluate(node, scope);
    } catch (error) {
      if (error instanceof CelError) return error;
      throw error;
    }
  }

  /** One side may decide alone, whatever the other fails with. */
  #logic(node: Node & { kind: 'logic' }, scope: Scope | undefined): Value {
    const decides = node.op === '&&' ? isFalse : isTrue;
    const left = this.#attempt(node.left, scope);
    if (decides(left)) return left as Value;
    const right = this.#attempt(node.right, scope);
    if (decides(right)) return right as Value;
    for (const side of [left, right]) {
      if (side instanceof Error) throw side;
      if (typeof side !== 'boolean') throw noOverload(`_${node.op}_`);
    }
    return node.op === '&&';
  }

  #ternary(node: Node & { kind: 'ternary' }, scope: Scope | undefined): Value {
    const condition = this.evaluate(node.condition, scope);
    if (typeof condition !== 'boolean') throw noOverload('_?_:_');
    return this.evaluate(condition ? node.yes : node.no, scope);
  }

  /** undefined: an optional entry that is not there. */
  #entry(node: Node, optional: boolean, scope: Scope | undefined): Value | undefined {
    const value = this.evaluate(node, scope);
    if (!optional) return value;
    if (!(value instanceof Optional))
      throw new CelError(`cannot initialize optional element from non-optional value`);
    return value.value;
  }

  #list(node: Node & { kind: 'list' }, scope: Scope | undefined): Value {
    this.#meter.spend(listCost);
    const list: Value[] = [];
    for (const item of node.items) {
      const value = this.#entry(item.value, item.optional, scope);
      if (value !== undefined) list.push(value);
    }
    return list;
  }

  #map(node: Node & { kind: 'map' }, scope: Scope | undefined): Value {
    this.#meter.spend(mapCost);
    const map = new MapValue();
    for (const entry of node.entries) {
      const key = this.evaluate(entry.key, scope);
      if (!isKey(key)) throw new CelError(`unsupported key type: ${kindOf(key)}`);
      const value = this.#entry(entry.value, entry.optional, scope);
      if (value !== undefined && !map.put(key, value))
        throw new CelError('Failed with repeated key');
    }
    return map;
  }

  #struct(node: Node & { kind: 'struct' }, scope: Scope | undefined): Value {
    this.#meter.spend(structCost);
    const fields = new Map<string, Value>();
    for (const field of node.fields) {
      const value = this.#entry(field.value, field.optional, scope);
      if (value !== undefined) fields.set(field.name, value);
    }
    return new StructValue(node.name, fields);
  }

  #bind(node: Node & { kind: 'bind' }, scope: Scope | undefined): Value {
    const init = this.evaluate(node.init, scope);
    if (node.how === 'cel.bind') {
      // It means a loop over an empty list.
      this.#meter.spend(listCost);
      return this.evaluate(node.body, { name: node.name, value: init, outer: scope });
    }
    if (!(init instanceof Optional)) throw noOverload(node.how);
    if (init.value === undefined) return init;
    const value = this.evaluate(node.body, { name: node.name, value: init.value, outer: scope });
    return node.how === 'optMap' ? new Optional(value) : value;
  }

  #fold(node: FoldNode, scope: Scope | undefined): Value {
    const operand = this.evaluate(node.operand, scope);
    const rounds = this.#rounds(node, operand, scope);
    switch (node.macro) {
      case 'all':
        return this.#decide(node, rounds, false);
      case 'exists':
        return this.#decide(node, rounds, true);
      case 'existsOne':
        return this.#count(node, rounds) === 1;
      case 'filter':
        return this.#filter(node, rounds);
      case 'map':
      case 'transformList':
        return this.#collect(node, rounds).map(([, value]) => value);
      case 'transformMap':
        return new MapValue(this.#collect(node, rounds));
      case 'transformMapEntry':
        return this.#merge(node, rounds);
      case 'sortBy':
        return this.#sortBy(node, rounds, operand);
    }
  }

  /** The scope of every round: element, or key and element. */
  *#rounds(node: FoldNode, operand: Value, outer: Scope | undefined): Generator<Scope> {
    const [first = '', second] = node.names;
    const isList = Array.isArray(operand);
    if (!isList && !(operand instanceof CelMap)) throw noOverload(node.macro);
    let i = 0n;
    for (const one of isList ? (operand as Value[]) : operand.keys()) {
      this.#meter.spend(roundCosts[node.macro]);
      if (second === undefined) yield { name: first, value: one, outer };
      else {
        const value = isList ? one : ((operand as CelMap).get(one) ?? null);
        yield { name: second, value, outer: { name: first, value: isList ? i : one, outer } };
      }
      i++;
    }
  }

  /** An error counts only if no round decides. */
  #decide(node: FoldNode, rounds: Iterable<Scope>, wanted: boolean): Value {
    let failed: Error | undefined;
    for (const scope of rounds) {
      const value = this.#attempt(node.body, scope);
      if (value === wanted) return wanted;
      if (value instanceof Error) failed ??= value;
      else if (typeof value !== 'boolean') failed ??= noOverload(node.macro);
    }
    if (failed) throw failed;
    return !wanted;
  }

  #holds(node: Node, scope: Scope): boolean {
    const value = this.evaluate(node, scope);
    if (typeof value !== 'boolean') throw noOverload('_?_:_');
    return value;
  }

  #count(node: FoldNode, rounds: Iterable<Scope>): number {
    let count = 0;
    for (const scope of rounds) {
      if (!this.#holds(node.body, scope)) continue;
      this.#meter.spend(1);
      count++;
    }
    return count;
  }

  #filter(node: FoldNode, rounds: Iterable<Scope>): Value {
    const kept: Value[] = [];
    for (const scope of rounds) {
      if (!this.#holds(node.body, scope)) continue;
      this.#meter.spend(listCost + 2);
      kept.push(scope.value);
    }
    return kept;
  }

  #collect(node: FoldNode, rounds: Iterable<Scope>): (readonly [Value, Value])[] {
    const all: (readonly [Value, Value])[] = [];
    for (const scope of rounds) {
      if (node.filter && !this.#holds(node.filter, scope)) continue;
      this.#meter.spend(listCost + 1);
      all.push([scope.outer?.value ?? null, this.evaluate(node.body, scope)]);
    }
    return all;
  }

  #sortBy(node: FoldNode, rounds: Iterable<Scope>, operand: Value): Value {
    const keys = this.#collect(node, rounds).map(([, key]) => key);
    this.#meter.spend(selfCompared(keys));
    const list = operand as readonly Value[];
    return keys
      .map((key, i) => [key, list[i] ?? null] as const)
      .toSorted(([a], [b]) => compareKeys(a, b))
      .map(([, value]) => value);
  }

  #merge(node: FoldNode, rounds: Iterable<Scope>): Value {
    const merged = new MapValue();
    for (const [, entry] of this.#collect(node, rounds)) {
      if (!(entry instanceof CelMap)) throw noOverload(node.macro);
      for (const key of entry.keys())
        if (!merged.put(key, entry.get(key) ?? null))
          throw new CelError('insert failed: key already exists');
    }
    return merged;
  }
}

function isKey(key: Value): boolean {
  return (
    typeof key === 'string' ||
    typeof key === 'bigint' ||
    typeof key === 'boolean' ||
    key instanceof Uint
  );
}

function compareKeys(a: Value, b: Value): number {
  const found = order(a, b);
  if (found === undefined) throw noOverload('sortBy');
  return found;
}

function element(owner: Value, index: Value): Value | undefined {
  if (owner instanceof CelMap)
    return owner instanceof ObjectView && typeof index !== 'string' ? undefined : owner.get(index);
  if (!Array.isArray(owner)) throw noOverload('_[_]');
  const number = numeric(index);
  if (number === undefined || (typeof number === 'number' && !Number.isInteger(number)))
    throw noOverload('_[_]');
  return (owner as Value[])[Number(number)];
}
