import type { FoldNode, Node } from './ast.ts';
import type { Issue } from './errors.ts';
import { typeNames } from './evaluate.ts';
import { isPattern } from './libraries/strings.ts';
import { dottedName } from './parser.ts';
import type { Overload, Registry } from './registry.ts';
import {
  bool,
  dyn,
  fieldType,
  int,
  listOf,
  mapOf,
  optionalOf,
  showType,
  string,
  type CelType,
} from './types.ts';
import { kindOf, parseDuration, parseTimestamp, type Value } from './values.ts';

/** What an expression may speak of. */
export interface CelEnvironment {
  variables: Readonly<Record<string, CelType>>;
  registry: Registry;
  /** Whether objects of a type may be written as `Name{…}`. */
  structs?: (name: string) => boolean;
  /** `cel.bind` is known. */
  bindings?: boolean;
}

interface Names {
  name: string;
  type: CelType;
  outer: Names | undefined;
}

/** What checking found out about the tree. */
export interface Checked {
  types: Map<Node, CelType>;
  /** The signatures that a call may come to. */
  overloads: Map<Node, readonly Overload[]>;
}

const typeType: CelType = { kind: 'type' };

/**
 * Finds what cannot be meant: unknown names, unknown fields, calls that fit no signature. What is
 * dyn is left to run time.
 */
export class Checker {
  readonly issues: Issue[] = [];
  readonly checked: Checked = { types: new Map(), overloads: new Map() };
  readonly #environment: CelEnvironment;
  /** Above 0: inside the arguments of a function that takes lists of anything. */
  #mixed = 0;

  constructor(environment: CelEnvironment) {
    this.#environment = environment;
  }

  #report(at: number, message: string): CelType {
    this.issues.push({ at, message });
    return dyn;
  }

  check(node: Node, names?: Names): CelType {
    const type = this.#check(node, names);
    this.checked.types.set(node, type);
    return type;
  }

  #check(node: Node, names: Names | undefined): CelType {
    switch (node.kind) {
      case 'literal':
        return literalType(node.value);
      case 'ident':
        return this.#ident(node, names);
      case 'select':
        return this.#select(node, names);
      case 'index':
        return this.#index(node, names);
      case 'call':
        return this.#call(node, names);
      case 'logic':
        return this.#logic(node, names);
      case 'ternary':
        return this.#ternary(node, names);
      case 'list':
        return this.#list(node, names);
      case 'map':
        return this.#map(node, names);
      case 'struct':
        return this.#struct(node, names);
      case 'fold':
        return this.#fold(node, names);
      case 'bind':
        return this.#bind(node, names);
    }
  }

  #find(name: string, names: Names | undefined): CelType | undefined {
    for (let at = names; at; at = at.outer) if (at.name === name) return at.type;
    return Object.hasOwn(this.#environment.variables, name)
      ? this.#environment.variables[name]
      : undefined;
  }

  #ident(node: Node & { kind: 'ident' }, names: Names | undefined): CelType {
    const type = this.#find(node.name, names);
    if (type) return type;
    return typeNames.has(node.name)
      ? typeType
      : this.#report(node.at, `undeclared reference to '${node.name}' (in container '')`);
  }

  #select(node: Node & { kind: 'select' }, names: Names | undefined): CelType {
    const dotted = dottedName(node);
    if (dotted !== undefined && typeNames.has(dotted)) return typeType;
    const operand = this.check(node.operand, names);
    // A variable of an opaque one: authorizer.requestResource.
    const variable =
      operand.kind === 'opaque' && dotted !== undefined ? this.#find(dotted, undefined) : undefined;
    if (variable) return variable;
    const chained = operand.kind === 'optional';
    const found = this.#field(chained ? operand.value : operand, node);
    if (node.test) return bool;
    if (node.optional || chained) return found.kind === 'optional' ? found : optionalOf(found);
    return found;
  }

  #field(owner: CelType, node: Node & { kind: 'select' }): CelType {
    switch (owner.kind) {
      case 'dyn':
      case 'param':
        return dyn;
      case 'map':
        return owner.value;
      case 'object':
        return (
          fieldType(owner, node.field) ?? this.#report(node.at, `undefined field '${node.field}'`)
        );
      default:
        return this.#report(node.at, `type '${showType(owner)}' does not support field selection`);
    }
  }

  #index(node: Node & { kind: 'index' }, names: Names | undefined): CelType {
    const operand = this.check(node.operand, names);
    const index = this.check(node.index, names);
    const chained = operand.kind === 'optional';
    const found = this.#element(chained ? operand.value : operand, index, node.at);
    return node.optional || chained ? optionalOf(found) : found;
  }

  #element(owner: CelType, index: CelType, at: number): CelType {
    if (owner.kind === 'dyn' || owner.kind === 'param') return dyn;
    const indexOk = index.kind === 'dyn' || index.kind === 'param';
    if (
      owner.kind === 'list' &&
      (indexOk || index.kind === 'int' || index.kind === 'uint' || index.kind === 'double')
    )
      return owner.element;
    if (owner.kind === 'map' && assignable(owner.key, index, new Map())) return owner.value;
    if (owner.kind === 'object' && (indexOk || index.kind === 'string')) return dyn;
    return this.#report(
      at,
      `found no matching overload for '_[_]' applied to '(${showType(owner)}, ${showType(index)})'`,
    );
  }

  #call(node: Node & { kind: 'call' }, names: Names | undefined): CelType {
    const { registry } = this.#environment;
    const receiver = node.target !== undefined;
    const isFormat = receiver && node.name === 'format';
    if (isFormat) this.#mixed++;
    const types = [...(node.target ? [node.target] : []), ...node.args].map((arg) =>
      this.check(arg, names),
    );
    if (isFormat) this.#mixed--;
    this.#literal(node);
    const [library = '', inLibrary] = node.name.split('.');
    if (inLibrary && patching.has(library) && !this.#environment.structs)
      return this.#report(node.at, `undeclared reference to '${library}' (in container '')`);
    if (!registry.has(node.name))
      return this.#report(node.at, `undeclared reference to '${node.name}' (in container '')`);
    const results: CelType[] = [];
    const fitting: Overload[] = [];
    for (const overload of registry.find(node.name, receiver, types.length)) {
      const bound = new Map<string, CelType>();
      if (!overload.params.every((param, i) => assignable(param, types[i] ?? dyn, bound))) continue;
      results.push(substitute(overload.result, bound));
      fitting.push(overload);
    }
    this.checked.overloads.set(node, fitting);
    const [first] = results;
    if (first) return results.every((one) => showType(one) === showType(first)) ? first : dyn;
    const shown = types.map(showType);
    const applied = receiver
      ? `${shown[0]}.(${shown.slice(1).join(', ')})`
      : `(${shown.join(', ')})`;
    return this.#report(
      node.at,
      `found no matching overload for '${node.name}' applied to '${applied}'`,
    );
  }

  /** What is written down can be tried at once. */
  #literal({ name, target, args: [first] }: Node & { kind: 'call' }): void {
    if (first?.kind !== 'literal' || typeof first.value !== 'string') return;
    const text = first.value;
    const isWrong =
      name === 'matches'
        ? target !== undefined && !isPattern(text)
        : name === 'duration'
          ? !parseDuration(text)
          : name === 'timestamp' && !parseTimestamp(text);
    if (isWrong) this.#report(first.at, `invalid ${name} argument`);
  }

  /** The parts of a list or map are of one type, but for arguments of `format`. */
  #alike(nodes: readonly Node[], types: readonly CelType[]): CelType {
    const [first] = types;
    const other = first && types.findIndex((type) => !isAlike(first, type));
    const at = other === undefined ? undefined : nodes[other]?.at;
    if (first && at !== undefined && this.#mixed === 0)
      this.#report(
        at,
        `expected type '${showType(first)}' but found '${showType(types[other ?? 0] ?? dyn)}'`,
      );
    return joinTypes(types);
  }

  #logic(node: Node & { kind: 'logic' }, names: Names | undefined): CelType {
    const left = this.check(node.left, names);
    const right = this.check(node.right, names);
    if (isBool(left) && isBool(right)) return bool;
    this.#report(
      node.at,
      `found no matching overload for '_${node.op}_' applied to '(${showType(left)}, ` +
        `${showType(right)})'`,
    );
    return bool;
  }

  #ternary(node: Node & { kind: 'ternary' }, names: Names | undefined): CelType {
    const condition = this.check(node.condition, names);
    const yes = this.check(node.yes, names);
    const no = this.check(node.no, names);
    const bound = new Map<string, CelType>();
    if (isBool(condition) && assignable(yes, no, bound))
      return yes.kind === 'null_type' || isEmpty(yes) ? no : yes;
    return this.#report(
      node.at,
      `found no matching overload for '_?_:_' applied to ` +
        `'(${[condition, yes, no].map(showType).join(', ')})'`,
    );
  }

  #inner(type: CelType, optional: boolean): CelType {
    return optional && type.kind === 'optional' ? type.value : optional ? dyn : type;
  }

  #list(node: Node & { kind: 'list' }, names: Names | undefined): CelType {
    const items = node.items.map((item) => item.value);
    return listOf(
      this.#alike(
        items,
        node.items.map((item) => this.#inner(this.check(item.value, names), item.optional)),
      ),
    );
  }

  #map(node: Node & { kind: 'map' }, names: Names | undefined): CelType {
    const keys = node.entries.map((entry) => this.check(entry.key, names));
    const values = node.entries.map((entry) =>
      this.#inner(this.check(entry.value, names), entry.optional),
    );
    return mapOf(
      this.#alike(
        node.entries.map((entry) => entry.key),
        keys,
      ),
      this.#alike(
        node.entries.map((entry) => entry.value),
        values,
      ),
    );
  }

  #struct(node: Node & { kind: 'struct' }, names: Names | undefined): CelType {
    for (const field of node.fields) this.check(field.value, names);
    if (!this.#environment.structs?.(node.name))
      return this.#report(node.at, `undeclared reference to '${node.name}' (in container '')`);
    return { kind: 'object', name: node.name, fields: new Map(), open: true };
  }

  #bind(node: Node & { kind: 'bind' }, names: Names | undefined): CelType {
    const init = this.check(node.init, names);
    if (node.how === 'cel.bind')
      return this.check(node.body, { name: node.name, type: init, outer: names });
    if (init.kind !== 'optional' && init.kind !== 'dyn')
      this.#report(
        node.at,
        `found no matching overload for '${node.how}' applied to '${showType(init)}'`,
      );
    const type = init.kind === 'optional' ? init.value : dyn;
    const body = this.check(node.body, { name: node.name, type, outer: names });
    return node.how === 'optMap' ? optionalOf(body) : body;
  }

  #fold(node: FoldNode, outer: Names | undefined): CelType {
    const operand = this.check(node.operand, outer);
    const [key, value] = this.#ranged(operand, node);
    const [first = '', second] = node.names;
    const single = operand.kind === 'map' ? key : value;
    const names: Names =
      second === undefined
        ? { name: first, type: single, outer }
        : { name: second, type: value, outer: { name: first, type: key, outer } };
    if (node.filter) this.#mustBeBool(node.filter, this.check(node.filter, names));
    const body = this.check(node.body, names);
    switch (node.macro) {
      case 'all':
      case 'exists':
      case 'existsOne':
        this.#mustBeBool(node.body, body);
        return bool;
      case 'filter':
        this.#mustBeBool(node.body, body);
        return listOf(single);
      case 'map':
      case 'transformList':
        return listOf(body);
      case 'transformMap':
        return mapOf(key, body);
      case 'transformMapEntry':
        return body;
      case 'sortBy':
        return operand;
    }
  }

  #ranged(operand: CelType, node: FoldNode): readonly [CelType, CelType] {
    if (operand.kind === 'list') return [int, operand.element];
    if (operand.kind === 'map') return [operand.key, operand.value];
    if (operand.kind === 'object') return [string, dyn];
    if (operand.kind !== 'dyn' && operand.kind !== 'param') {
      this.#report(
        node.operand.at,
        `expression of type '${showType(operand)}' cannot be range of a comprehension (must ` +
          'be list, map, or dynamic)',
      );
    }
    return [dyn, dyn];
  }

  #mustBeBool(node: Node, type: CelType): void {
    if (!isBool(type)) this.#report(node.at, `expected type 'bool' but found '${showType(type)}'`);
  }
}

const isBool = (type: CelType): boolean =>
  type.kind === 'bool' || type.kind === 'dyn' || type.kind === 'param';
const isEmpty = (type: CelType): boolean =>
  (type.kind === 'list' && type.element.kind === 'dyn') ||
  (type.kind === 'map' && type.value.kind === 'dyn');

function literalType(value: Value): CelType {
  return { kind: kindOf(value) as 'dyn' };
}

function joinTypes(types: readonly CelType[]): CelType {
  const [first] = types;
  if (!first) return dyn;
  return types.every((one) => showType(one) === showType(first)) ? first : dyn;
}

/** Libraries that only expressions have which write patches. */
const patching = new Set(['jsonpatch']);

/** What holds dyn somewhere may turn out alike. */
function isAlike(a: CelType, b: CelType): boolean {
  const [left, right] = [showType(a), showType(b)];
  return left === right || left.includes('dyn') || right.includes('dyn');
}

const nullable = new Set(['null_type', 'object', 'opaque', 'timestamp', 'duration', 'optional']);

/**
 * Whether a value of `type` may stand where `wanted` is asked for. Parameters are bound as they are
 * met.
 */
function assignable(wanted: CelType, type: CelType, bound: Map<string, CelType>): boolean {
  if (wanted.kind === 'param') {
    const before = bound.get(wanted.name);
    if (before && before.kind !== 'dyn' && before.kind !== 'null_type')
      return assignable(before, type, bound);
    bound.set(wanted.name, type);
    return true;
  }
  if (wanted.kind === 'dyn' || type.kind === 'dyn' || type.kind === 'param') return true;
  if (wanted.kind === 'null_type') return nullable.has(type.kind);
  if (type.kind === 'null_type') return nullable.has(wanted.kind);
  if (wanted.kind === 'list')
    return type.kind === 'list' && assignable(wanted.element, type.element, bound);
  if (wanted.kind === 'map')
    return (
      type.kind === 'object' ||
      (type.kind === 'map' &&
        assignable(wanted.key, type.key, bound) &&
        assignable(wanted.value, type.value, bound))
    );
  if (wanted.kind === 'optional')
    return type.kind === 'optional' && assignable(wanted.value, type.value, bound);
  if (wanted.kind === 'object' || wanted.kind === 'opaque')
    return (
      (type.kind === 'object' || type.kind === 'opaque') && showType(type) === showType(wanted)
    );
  return wanted.kind === type.kind;
}

function substitute(type: CelType, bound: ReadonlyMap<string, CelType>): CelType {
  switch (type.kind) {
    case 'param':
      return bound.get(type.name) ?? dyn;
    case 'list':
      return listOf(substitute(type.element, bound));
    case 'map':
      return mapOf(substitute(type.key, bound), substitute(type.value, bound));
    case 'optional':
      return optionalOf(substitute(type.value, bound));
    default:
      return type;
  }
}
