import { own, setOwn } from '../../base/own.ts';
import { isDict, listOf } from '../loose.ts';
import type { Dict } from '../loose.ts';
import type { ListSchema, Schema } from '../schema.ts';
import { childSchema, itemElement, shapeOf } from './typed.ts';
import type { TypedContext } from './typed.ts';

/**
 * What results when `config` is laid over `live`: fields and items of both, those of `config`
 * winning. Shares structure with both. Undefined where nothing is left.
 */
export function mergeTyped(
  schema: Schema,
  live: unknown,
  config: unknown,
  context: TypedContext,
): unknown {
  if (config === undefined) return live;
  if (live === undefined && !isDict(config) && !Array.isArray(config)) return config;
  const shape = shapeOf(schema, config ?? live, context);
  if (shape === 'leaf') return config;
  if (shape === 'list' && schema.kind === 'list') {
    if (listOf(live).length === 0 && listOf(config).length === 0) return config;
    return mergeList(schema, listOf(live), listOf(config), context);
  }
  if (isBare(live) && isBare(config)) return config;
  return mergeMap(schema, live, config, context);
}

function isBare(value: unknown): boolean {
  return !isDict(value) || Object.keys(value).length === 0;
}

function mergeMap(schema: Schema, live: unknown, config: unknown, context: TypedContext): unknown {
  const [left, right] = [isDict(live) ? live : {}, isDict(config) ? config : {}];
  const result: Dict = {};
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const merged = mergeTyped(
      childSchema(schema, key) ?? { kind: 'raw' },
      own(left, key),
      own(right, key),
      context,
    );
    if (merged !== undefined) setOwn(result, key, merged);
  }
  return Object.keys(result).length === 0 ? undefined : result;
}

/**
 * Items of the live list keep their places, those of the configuration theirs: where the orders
 * disagree the configuration's wins, and what only the live list has stands where it stood between
 * shared items.
 */
function mergeList(
  schema: ListSchema,
  live: readonly unknown[],
  config: readonly unknown[],
  context: TypedContext,
): unknown {
  const left = live.map((item) => itemElement(schema, item));
  const right = config.map((item) => itemElement(schema, item));
  const ours = firstOf(left, live);
  const theirs = new Map(right.map((element, i) => [element, config[i]]));
  const shared = right.filter((element) => ours.has(element));
  let turn = 0;
  const done = new Set<string>();
  const result: unknown[] = [];
  const take = (element: string): void => {
    done.add(element);
    const merged = mergeTyped(schema.items, ours.get(element), theirs.get(element), context);
    if (merged !== undefined) result.push(merged);
    if (shared[turn] === element) turn++;
  };
  let [l, r] = [0, 0];
  while (l < left.length || r < right.length) {
    const [mine, other] = [left[l], right[r]];
    if (mine !== undefined && other !== undefined) {
      if (mine === other) {
        take(mine);
        l++;
        r++;
        continue;
      }
      // A shared item whose turn has not come is left for the configuration to place.
      if (theirs.has(mine) && turn < shared.length && shared[turn] !== mine) {
        l++;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!theirs.has(mine)) {
        result.push(live[l]);
        l++;
        continue;
      }
      if (done.has(mine)) l++;
    }
    if (other !== undefined) {
      take(other);
      r++;
    } else if (mine !== undefined && !done.has(mine)) l++;
  }
  return result.length === 0 ? undefined : result;
}

/** The first item under each element; where there are several none is the one to merge into. */
function firstOf(elements: readonly string[], items: readonly unknown[]): Map<string, unknown> {
  const first = new Map<string, unknown>();
  elements.forEach((element, i) => first.set(element, first.has(element) ? null : items[i]));
  return first;
}
