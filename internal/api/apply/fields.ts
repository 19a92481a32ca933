import { own, table, setOwn } from '../../base/own.ts';
/**
 * A set of field paths in the very form in which managedFields holds it (FieldsV1): a tree whose
 * keys are path elements, `f:name`, `k:{"name":"x"}`, `v:"a"`, `i:0`. A node is in the set when it
 * is empty or has the key `.`. Working on the wire form means that a write which changes little
 * decodes nothing. Trees are never changed once shared.
 */
export interface Fields {
  [element: string]: Fields;
}

export const noFields: Fields = Object.freeze({});
const here: Fields = Object.freeze({});

export function isEmpty(set: Fields): boolean {
  for (const _key in set) return false;
  return true;
}

/** The node itself belongs to the set, not only what is below it. */
export function isMember(node: Fields): boolean {
  return Object.hasOwn(node, '.') || isEmpty(node);
}

/**
 * Nodes that `insert` has put something into: to ask a large one whether it is empty costs as much
 * as to list it.
 */
const grown = new WeakSet<Fields>();

/** Adds a path to a tree that nobody else holds. */
export function insert(set: Fields, path: readonly string[]): void {
  let node = set;
  for (let i = 0; i < path.length; i++) {
    const key = path[i] ?? '';
    const child = own(node, key);
    const last = i === path.length - 1;
    if (child === undefined) {
      grown.add(node);
      node = node[key] = {};
      continue;
    }
    // What was there as a leaf, or now becomes a member with others below it, says so by the dot.
    const empty = !grown.has(child) && isEmpty(child);
    if (last ? !empty : empty) child['.'] = here;
    node = child;
  }
}

export function has(set: Fields, path: readonly string[]): boolean {
  let node: Fields | undefined = set;
  for (const key of path) {
    node = own(node, key);
    if (node === undefined) return false;
  }
  return isMember(node);
}

function node(member: boolean, children: Fields): Fields | undefined {
  if (isEmpty(children)) return member ? here : undefined;
  return member ? { '.': here, ...children } : children;
}

export function union(a: Fields, b: Fields): Fields {
  if (a === b || isEmpty(b)) return a;
  if (isEmpty(a)) return b;
  const result: Fields = {};
  for (const key in a) if (key !== '.') put(result, key, joinedWith(a[key] as Fields, own(b, key)));
  for (const key in b) if (key !== '.' && own(a, key) === undefined) put(result, key, b[key]);
  return result;
}

/**
 * Adds all of `other` to a tree that was begun empty by the caller and grown by this alone; what is
 * taken over is copied.
 */
export function absorb(into: Fields, other: Fields): void {
  for (const key in other) {
    if (key === '.') continue;
    const theirs = other[key] as Fields;
    let mine = own(into, key);
    const fresh = mine === undefined;
    if (mine === undefined) setOwn(into, key, (mine = {}));
    grown.add(into);
    const leaf = !grown.has(mine);
    const member = isMember(theirs) || (!fresh && (leaf || Object.hasOwn(mine, '.')));
    absorb(mine, theirs);
    if (member && grown.has(mine)) mine['.'] = here;
  }
}

function joinedWith(a: Fields, b: Fields | undefined): Fields | undefined {
  return b === undefined ? a : joined(a, b);
}

function joined(a: Fields, b: Fields): Fields | undefined {
  return node(isMember(a) || isMember(b), union(children(a), children(b)));
}

function children(set: Fields): Fields {
  if (!('.' in set)) return set;
  const { '.': _self, ...rest } = set;
  return rest;
}

export function intersection(a: Fields, b: Fields): Fields {
  const result: Fields = {};
  for (const key in a) {
    const [mine, other] = [a[key], own(b, key)];
    if (key === '.' || mine === undefined || other === undefined) continue;
    put(result, key, node(isMember(mine) && isMember(other), intersection(mine, other)));
  }
  return result;
}

/** What is in `a` and not in `b`. What lies below a member of `b` stays. */
export function difference(a: Fields, b: Fields): Fields {
  return subtract(a, b, false);
}

/** As difference, but a member of `b` takes all below it with it. */
export function recursiveDifference(a: Fields, b: Fields): Fields {
  return subtract(a, b, true);
}

function subtract(a: Fields, b: Fields, deep: boolean): Fields {
  if (isEmpty(b)) return a;
  const result: Fields = {};
  for (const key in a) {
    const [mine, other] = [a[key] as Fields, own(b, key)];
    if (key === '.') continue;
    if (other === undefined) {
      put(result, key, mine);
      continue;
    }
    const gone = isMember(other);
    if (gone && deep) continue;
    put(
      result,
      key,
      node(isMember(mine) && !gone, subtract(children(mine), children(other), deep)),
    );
  }
  return result;
}

function put(set: Fields, key: string, value: Fields | undefined): void {
  if (value !== undefined) setOwn(set, key, value);
}

/**
 * Every path of the set, in Kubernetes' order: the members of a level before what is below them.
 */
export function* paths(set: Fields, prefix: readonly string[] = []): Generator<readonly string[]> {
  const keys = inOrder(Object.keys(set).filter((key) => key !== '.'));
  for (const key of keys) if (isMember(set[key] as Fields)) yield [...prefix, key];
  for (const key of keys) yield* paths(set[key] as Fields, [...prefix, key]);
}

const ranks: Readonly<Record<string, number>> = table({ f: 0, k: 1, v: 2, i: 3 });

/**
 * An element with what its key or value says: to read that at each comparison is most of the work
 * of a long list.
 */
interface Read {
  element: string;
  value: unknown;
}

/** Names, then keys, values and indices; numbers in keys compare as numbers. Sorts in place. */
function inOrder(elements: string[]): string[] {
  if (elements.length < 2) return elements;
  if (elements.every((element) => element.startsWith('f:') || element === '.'))
    return elements.sort(byName);
  const read = elements.map((element): Read => ({
    element,
    value: element[0] === 'k' || element[0] === 'v' ? parsed(element) : undefined,
  }));
  return read.sort(compareElements).map(({ element }) => element);
}

function byName(a: string, b: string): number {
  if (a === '.' || b === '.') return a === '.' ? -1 : 1;
  return a < b ? -1 : 1;
}

function compareElements(
  { element: a, value }: Read,
  { element: b, value: otherValue }: Read,
): number {
  if (a === b) return 0;
  if (a === '.' || b === '.') return a === '.' ? -1 : 1;
  const [kind, other] = [a[0] ?? '', b[0] ?? ''];
  if (kind !== other) return (ranks[kind] ?? 9) - (ranks[other] ?? 9);
  if (kind === 'k')
    return compareKeys(value as Record<string, unknown>, otherValue as Record<string, unknown>);
  if (kind === 'v') return compareValues(value, otherValue);
  if (kind === 'i') return Number(a.slice(2)) - Number(b.slice(2));
  return a < b ? -1 : 1;
}

function parsed(element: string): unknown {
  try {
    return JSON.parse(element.slice(2));
  } catch {
    return element;
  }
}

function compareKeys(a: Record<string, unknown>, b: Record<string, unknown>): number {
  const [left, right] = [Object.keys(a), Object.keys(b)];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [mine, other] = [left[i] ?? '', right[i] ?? ''];
    if (mine !== other) return mine < other ? -1 : 1;
    const order = compareValues(a[mine], b[other]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers before text before truth values, as structured-merge-diff compares values. */
function compareValues(a: unknown, b: unknown): number {
  if (typeof a === typeof b) return a === b ? 0 : (a as string) < (b as string) ? -1 : 1;
  const rank = (value: unknown): number =>
    typeof value === 'number' ? 0 : typeof value === 'string' ? 1 : 2;
  return rank(a) - rank(b);
}

/** The same set with its keys in the order in which Kubernetes writes them. */
export function sorted(set: Fields): Fields {
  const result: Fields = {};
  for (const key of inOrder(Object.keys(set))) {
    const child = set[key] as Fields;
    setOwn(result, key, isEmpty(child) ? here : sorted(child));
  }
  return result;
}

/** `.spec.containers[name="x"].image`. */
export function pathText(path: readonly string[]): string {
  return path.map(elementText).join('');
}

export function elementText(element: string): string {
  const body = element.slice(2);
  switch (element[0]) {
    case 'k':
      return `[${Object.entries(parsed(element) as Record<string, unknown>)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    case 'v':
      return `[=${body}]`;
    case 'i':
      return `[${body}]`;
    default:
      return `.${body}`;
  }
}

/** `spec`, `metadata.labels` into a set. */
export function fieldsOf(dotted: readonly string[]): Fields {
  const set: Fields = {};
  for (const path of dotted)
    insert(
      set,
      path.split('.').map((name) => `f:${name}`),
    );
  return set;
}
