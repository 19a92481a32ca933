import { own } from '../../base/own.ts';
import { isDict, listOf } from '../loose.ts';
import { jsonEqual } from '../patch/json.ts';
import type { ListSchema, Schema } from '../schema.ts';
import { isEmpty, recursiveDifference } from './fields.ts';
import type { Fields } from './fields.ts';
import { FieldsWalk } from './fields-walk.ts';
import { childSchema, itemElement, shapeOf } from './typed.ts';
import type { TypedContext } from './typed.ts';

/** What differs between two objects. */
export interface Comparison {
  removed: Fields;
  modified: Fields;
  added: Fields;
}

/** Never owned by anyone: the system's own fields (stripped from managedFields upstream). */
export const systemFields: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
]);

/**
 * Compares whole objects; equal parts that are the same in memory cost nothing. System metadata is
 * left out.
 */
export function compareObjects(
  schema: Schema,
  from: unknown,
  to: unknown,
  context: TypedContext,
): Comparison {
  const walker = new Walker(context);
  walker.object(schema, from, to);
  return walker.comparison;
}

export function isSame(comparison: Comparison): boolean {
  return isEmpty(comparison.added) && isEmpty(comparison.modified) && isEmpty(comparison.removed);
}

/** Without what a subresource does not write. */
export function withoutFields(comparison: Comparison, ignored: Fields): Comparison {
  if (isEmpty(ignored)) return comparison;
  return {
    removed: recursiveDifference(comparison.removed, ignored),
    modified: recursiveDifference(comparison.modified, ignored),
    added: recursiveDifference(comparison.added, ignored),
  };
}

/** What lies deeper in untyped data is owned as a whole: the stack is finite. */
const maxDepth = 200;

/** In the walk `undefined` is "not there"; null is a value. */
class Walker {
  readonly #removed = new FieldsWalk();
  readonly #modified = new FieldsWalk();
  readonly #added = new FieldsWalk();
  readonly #context: TypedContext;

  constructor(context: TypedContext) {
    this.#context = context;
  }

  get comparison(): Comparison {
    return { removed: this.#removed.set, modified: this.#modified.set, added: this.#added.set };
  }

  #enter(element: string): void {
    this.#removed.enter(element);
    this.#modified.enter(element);
    this.#added.enter(element);
  }

  #leave(): void {
    this.#removed.leave();
    this.#modified.leave();
    this.#added.leave();
  }

  object(schema: Schema, left: unknown, right: unknown): void {
    this.#eachKey(left, right, (key, l, r) => {
      if (key === 'apiVersion' || key === 'kind') return;
      const child = childSchema(schema, key) ?? { kind: 'raw' };
      if (key !== 'metadata') return this.#child(`f:${key}`, child, l, r);
      this.#enter('f:metadata');
      this.#eachKey(l, r, (name, lValue, rValue) => {
        if (!systemFields.has(name))
          this.#child(`f:${name}`, childSchema(child, name) ?? { kind: 'raw' }, lValue, rValue);
      });
      this.#leave();
    });
  }

  #eachKey(
    left: unknown,
    right: unknown,
    visit: (key: string, l: unknown, r: unknown) => void,
  ): void {
    const [l, r] = [isDict(left) ? left : {}, isDict(right) ? right : {}];
    for (const key in l) visit(key, l[key], own(r, key));
    for (const key in r) if (own(l, key) === undefined) visit(key, undefined, r[key]);
  }

  #child(element: string, schema: Schema, left: unknown, right: unknown): void {
    if (left === right) return;
    this.#enter(element);
    this.#value(schema, left, right);
    this.#leave();
  }

  #value(schema: Schema, left: unknown, right: unknown): void {
    const shape = shapeOf(schema, right ?? left, this.#context);
    if (
      schema.kind === 'raw' &&
      this.#added.depth < maxDepth &&
      left !== undefined &&
      right !== undefined &&
      isDict(left) !== isDict(right)
    ) {
      // From an object to something else, or back: the fields go one by one, and the value itself
      // has changed.
      if (isDict(left)) this.#items(schema, left, undefined);
      else if (isDict(right)) this.#items(schema, undefined, right);
      return this.#leaf(left, right);
    }
    if (shape === 'leaf' || this.#added.depth >= maxDepth) return this.#leaf(left, right);
    if (shape === 'list' && schema.kind === 'list') {
      if (listOf(left).length === 0 && listOf(right).length === 0) return this.#leaf(left, right);
      this.#list(schema, listOf(left), listOf(right));
    } else {
      if (hasNothing(left) && hasNothing(right)) return this.#leaf(left, right);
      this.#items(schema, left, right);
    }
    if (left === undefined) this.#added.add();
    else if (right === undefined) this.#removed.add();
  }

  #items(schema: Schema, left: unknown, right: unknown): void {
    this.#eachKey(left, right, (key, l, r) =>
      this.#child(`f:${key}`, childSchema(schema, key) ?? { kind: 'raw' }, l, r),
    );
  }

  #leaf(left: unknown, right: unknown): void {
    if (left === undefined) {
      if (right !== undefined) this.#added.add();
    } else if (right === undefined) this.#removed.add();
    else if (!jsonEqual(left, right)) this.#modified.add();
  }

  #list(schema: ListSchema, left: readonly unknown[], right: readonly unknown[]): void {
    const [ours, theirs] = [grouped(schema, left), grouped(schema, right)];
    for (const [element, items] of ours)
      this.#item(schema, element, items, theirs.get(element) ?? []);
    for (const [element, items] of theirs)
      if (!ours.has(element)) this.#item(schema, element, [], items);
  }

  /** An item that occurs more than once is owned as one thing. */
  #item(
    schema: ListSchema,
    element: string,
    left: readonly unknown[],
    right: readonly unknown[],
  ): void {
    if (left.length <= 1 && right.length <= 1)
      return this.#child(element, schema.items, left[0], right[0]);
    if (left.length === 1) this.#child(element, schema.items, left[0], undefined);
    if (right.length === 1) this.#child(element, schema.items, undefined, right[0]);
    this.#enter(element);
    if (right.length < 2) this.#removed.add();
    else if (left.length < 2) this.#added.add();
    else if (!jsonEqual(left, right)) this.#modified.add();
    this.#leave();
  }
}

function hasNothing(value: unknown): boolean {
  if (!isDict(value)) return true;
  for (const _key in value) return false;
  return true;
}

function grouped(schema: ListSchema, items: readonly unknown[]): Map<string, unknown[]> {
  const groups = new Map<string, unknown[]>();
  for (const item of items) {
    const element = itemElement(schema, item);
    const group = groups.get(element);
    if (group) group.push(item);
    else groups.set(element, [item]);
  }
  return groups;
}
