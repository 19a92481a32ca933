import type { FoldNode, Node } from './ast.ts';
import type { Checked } from './check.ts';
import { costOfCall, type CallPart } from './cost-calls.ts';
import { exactly, plus, times, unite, unknownSize, type Declared, type Size } from './cost-size.ts';
import { dottedName } from './parser.ts';
import type { CelType } from './types.ts';
import { typeNames } from './evaluate.ts';

/**
 * Where in the schema a value stands. undefined: nowhere; null: somewhere the schema does not say
 * anything about.
 */
type Place = Declared | null | undefined;

/** Sizes of the keys (or indexes) and values of a list or map that the expression itself makes. */
interface Entry {
  isList: boolean;
  key: Size;
  value: Size;
}

interface Local {
  name: string;
  place: Place;
  size: Size | undefined;
  entry: Entry | undefined;
  outer: Local | undefined;
}

const listBase = 10;
const mapBase = 30;
const structBase = 40;

/**
 * What an expression costs at worst, by what a schema says about lengths: Kubernetes' estimate of
 * rules. Macros cost what the loop costs that they stand for. Every variable is taken for the
 * schema's root.
 */
export function estimateCost(ast: Node, checked: Checked, root: Declared): number {
  return new Estimator(checked, root).cost(ast, undefined);
}

class Estimator {
  readonly #checked: Checked;
  readonly #root: Declared;
  readonly #places = new Map<Node, Place>();
  readonly #sizes = new Map<Node, Size>();
  readonly #entries = new Map<Node, Entry>();

  constructor(checked: Checked, root: Declared) {
    this.#checked = checked;
    this.#root = root;
  }

  cost(node: Node, locals: Local | undefined): number {
    switch (node.kind) {
      case 'literal':
        return 0;
      case 'ident':
        this.#places.set(node, placeOf(node.name, locals, this.#root));
        return 1;
      case 'select':
        return this.#select(node, locals);
      case 'index':
        return this.#index(node, locals);
      case 'call':
        return this.#call(node, locals);
      case 'logic':
        return plus(this.cost(node.left, locals), this.cost(node.right, locals));
      case 'ternary':
        return this.#ternary(node, locals);
      case 'list':
        return this.#list(node, locals);
      case 'map':
        return this.#map(node, locals);
      case 'struct':
        return plus(structBase, ...node.fields.map((field) => this.cost(field.value, locals)));
      case 'bind':
        return this.#bind(node, locals);
      case 'fold':
        return this.#fold(node, locals);
    }
  }

  #type(node: Node): CelType {
    return this.#checked.types.get(node) ?? { kind: 'dyn' };
  }

  /**
   * One step into the schema. From nowhere it leads to the root, as upstream drops the first name
   * of every path.
   */
  #step(from: Place, to: 'items' | 'keys' | { field: string }): Place {
    if (from === undefined) return this.#root;
    if (from === null) return null;
    return (
      (typeof to === 'object' ? (from.fields?.get(to.field) ?? from.others) : from[to]) ?? null
    );
  }

  #size(node: Node, locals: Local | undefined): Size | undefined {
    const known = this.#sizes.get(node) ?? writtenSize(node);
    if (known) return known;
    const local = node.kind === 'ident' ? findLocal(node.name, locals) : undefined;
    const place = local ? local.place : this.#places.get(node);
    if (place) {
      const size = { min: 0, max: place.max };
      this.#sizes.set(node, size);
      return size;
    }
    return isScalar(this.#type(node)) ? exactly(1) : local?.size;
  }

  #sizeOrUnknown(node: Node, locals: Local | undefined): Size {
    return this.#size(node, locals) ?? unknownSize;
  }

  #entry(node: Node, locals: Local | undefined): Entry | undefined {
    return (
      this.#entries.get(node) ??
      (node.kind === 'ident' ? findLocal(node.name, locals)?.entry : undefined)
    );
  }

  #set(node: Node, size: Size | undefined, entry: Entry | undefined): void {
    if (size) this.#sizes.set(node, size);
    if (entry) this.#entries.set(node, entry);
  }

  #placeOf(node: Node, locals: Local | undefined): Place {
    const local = node.kind === 'ident' ? findLocal(node.name, locals) : undefined;
    return local ? local.place : this.#places.get(node);
  }

  #select(node: Node & { kind: 'select' }, locals: Local | undefined): number {
    const dotted = dottedName(node);
    if (dotted !== undefined && typeNames.has(dotted)) {
      this.#places.set(node, this.#root);
      return 1;
    }
    const operand = this.cost(node.operand, locals);
    if (node.test) return operand;
    if (node.optional) return plus(operand, 1);
    this.#places.set(node, this.#step(this.#placeOf(node.operand, locals), { field: node.field }));
    const { kind } = this.#type(node.operand);
    return plus(operand, kind === 'map' || kind === 'object' || kind === 'param' ? 1 : 0);
  }

  #index(node: Node & { kind: 'index' }, locals: Local | undefined): number {
    const cost = plus(this.cost(node.operand, locals), this.cost(node.index, locals), 1);
    if (node.optional || this.#type(node.operand).kind === 'optional') return cost;
    this.#places.set(node, this.#step(this.#placeOf(node.operand, locals), 'items'));
    this.#set(
      node,
      this.#entry(node.operand, locals)?.value ?? this.#size(node, locals),
      undefined,
    );
    return cost;
  }

  #part(node: Node, locals: Local | undefined): CallPart {
    const type = this.#type(node);
    const of =
      type.kind === 'list'
        ? type.element
        : type.kind === 'map'
          ? type.key
          : type.kind === 'optional'
            ? type.value
            : undefined;
    const from = this.#placeOf(node, locals);
    const place = from === undefined ? undefined : this.#step(from, 'items');
    return {
      node,
      type,
      size: this.#sizeOrUnknown(node, locals),
      item: of && { type: of, size: place ? { min: 0, max: place.max } : unknownSize },
    };
  }

  #call(node: Node & { kind: 'call' }, locals: Local | undefined): number {
    let cost = node.args.reduce(
      (sum, arg) => plus(sum, this.cost(arg, locals)),
      node.target ? this.cost(node.target, locals) : 0,
    );
    const [first, second] = node.args;
    if (node.name === 'dyn' && first) {
      this.#set(node, this.#size(first, locals), this.#entry(first, locals));
      return plus(cost, 1);
    }
    const target = node.target && this.#part(node.target, locals);
    const args = node.args.map((arg) => this.#part(arg, locals));
    let [worst, size]: [number, Size | undefined] = [0, undefined];
    for (const overload of this.#checked.overloads.get(node) ?? []) {
      const one = costOfCall(node.name, overload, target, args);
      worst = Math.max(worst, one.cost);
      const result = one.size ?? this.#size(node, locals);
      if (result) size = size ? unite(size, result) : result;
      const added =
        node.name === '_+_' && first && second && isLong(overload.params[0])
          ? uniteEntries(this.#entry(first, locals), this.#entry(second, locals))
          : undefined;
      this.#set(node, undefined, added);
    }
    this.#set(node, size, undefined);
    return plus(cost, worst);
  }

  #ternary(node: Node & { kind: 'ternary' }, locals: Local | undefined): number {
    const condition = this.cost(node.condition, locals);
    const cost = plus(condition, Math.max(this.cost(node.yes, locals), this.cost(node.no, locals)));
    const size = unite(this.#sizeOrUnknown(node.yes, locals), this.#sizeOrUnknown(node.no, locals));
    this.#set(
      node,
      size,
      uniteEntries(this.#entry(node.yes, locals), this.#entry(node.no, locals)),
    );
    return cost;
  }

  #united(nodes: readonly Node[], locals: Local | undefined): Size {
    return nodes.length === 0
      ? exactly(0)
      : nodes.map((one) => this.#sizeOrUnknown(one, locals)).reduce(unite);
  }

  #list(node: Node & { kind: 'list' }, locals: Local | undefined): number {
    const items = node.items.map((item) => item.value);
    const cost = plus(listBase, ...items.map((item) => this.cost(item, locals)));
    this.#entries.set(node, { isList: true, key: exactly(1), value: this.#united(items, locals) });
    return cost;
  }

  #map(node: Node & { kind: 'map' }, locals: Local | undefined): number {
    const keys = node.entries.map((entry) => entry.key);
    const values = node.entries.map((entry) => entry.value);
    const cost = plus(mapBase, ...[...keys, ...values].map((one) => this.cost(one, locals)));
    this.#entries.set(node, {
      isList: false,
      key: this.#united(keys, locals),
      value: this.#united(values, locals),
    });
    return cost;
  }

  #bind(node: Node & { kind: 'bind' }, outer: Local | undefined): number {
    const init = this.cost(node.init, outer);
    const body = this.cost(node.body, {
      name: node.name,
      place: undefined,
      size: undefined,
      entry: undefined,
      outer,
    });
    if (node.how === 'cel.bind') return plus(init, listBase, body);
    // The optional is asked whether it has a value, and then for it.
    return plus(init, 1, listBase, init, 1, body, node.how === 'optMap' ? 1 : 0);
  }

  #fold(node: FoldNode, outer: Local | undefined): number {
    const range = this.cost(node.operand, outer);
    const locals = this.#rounds(node, outer);
    const filter = node.filter ? this.cost(node.filter, locals) : 0;
    const body = this.cost(node.body, locals);
    const count = this.#sizeOrUnknown(node.operand, outer);
    const [name = ''] = node.names;
    const single: Node = { kind: 'ident', at: node.at, name };
    const whole = (base: number, round: number, result: number): number =>
      plus(range, base, result, times(count.max, plus(filter, body, round)));
    const list = (value: Size): void =>
      this.#set(node, count, { isList: true, key: exactly(1), value: { min: 0, max: value.max } });
    switch (node.macro) {
      case 'all':
        return whole(0, 3, 1);
      case 'exists':
        return whole(0, 4, 1);
      case 'existsOne':
        return whole(0, 2, 2);
      case 'filter':
        list(this.#sizeOrUnknown(this.#typed(single, node), locals));
        return whole(listBase, 13, 1);
      case 'map':
      case 'transformList':
        list(this.#sizeOrUnknown(node.body, locals));
        return whole(listBase, 12, 1);
      case 'transformMap':
        this.#set(node, count, undefined);
        return whole(mapBase, 3, 1);
      case 'transformMapEntry':
        this.#set(node, count, undefined);
        return whole(mapBase, 2, 1);
      case 'sortBy':
        return this.#sorted(node, count, whole(listBase, 12, 1));
    }
  }

  /** The keys are collected as by `map`, and then sorted with the list. */
  #sorted(node: FoldNode, count: Size, collected: number): number {
    const type = this.#type(node.body);
    const keys: CallPart = {
      node,
      type: { kind: 'list', element: type },
      size: count,
      item: { type, size: unknownSize },
    };
    const sort = costOfCall(
      '@sortByAssociatedKeys',
      { params: [], result: type, run: () => null },
      keys,
      [keys],
    );
    this.#set(node, sort.size, undefined);
    // The list is bound to a name, which is read twice.
    return plus(listBase, collected, 2, sort.cost);
  }

  #typed(single: Node, node: FoldNode): Node {
    const type = this.#type(node.operand);
    this.#checked.types.set(
      single,
      type.kind === 'list' ? type.element : type.kind === 'map' ? type.key : { kind: 'dyn' },
    );
    return single;
  }

  #rounds(node: FoldNode, outer: Local | undefined): Local {
    const entry = this.#entry(node.operand, outer);
    const place = this.#placeOf(node.operand, outer);
    const isList = entry?.isList ?? this.#type(node.operand).kind === 'list';
    const [first = '', second] = node.names;
    const value = { place: this.#step(place, 'items'), size: entry?.value, entry: undefined };
    const key = {
      place: this.#step(place, isList ? { field: '@indices' } : 'keys'),
      size: entry?.key,
      entry: undefined,
    };
    if (second === undefined) return { name: first, ...(isList ? value : key), outer };
    return { name: second, ...value, outer: { name: first, ...key, outer } };
  }
}

function findLocal(name: string, locals: Local | undefined): Local | undefined {
  for (let at = locals; at; at = at.outer) if (at.name === name) return at;
  return undefined;
}

function placeOf(name: string, locals: Local | undefined, root: Declared): Place {
  const local = findLocal(name, locals);
  return local ? local.place : root;
}

function writtenSize(node: Node): Size | undefined {
  if (node.kind === 'list') return exactly(node.items.length);
  if (node.kind === 'map') return exactly(node.entries.length);
  if (node.kind !== 'literal') return undefined;
  if (typeof node.value === 'string') return exactly(Array.from(node.value).length);
  return exactly(node.value instanceof Uint8Array ? node.value.length : 1);
}

const scalars = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

function isScalar(type: CelType): boolean {
  return type.kind === 'optional' ? isScalar(type.value) : scalars.has(type.kind);
}

const isLong = (type: CelType | undefined): boolean =>
  type?.kind === 'list' || type?.kind === 'string' || type?.kind === 'bytes';

function uniteEntries(a: Entry | undefined, b: Entry | undefined): Entry | undefined {
  return a && b && { isList: a.isList, key: unite(a.key, b.key), value: unite(a.value, b.value) };
}
