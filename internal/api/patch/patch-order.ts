import { failure, goText, goType, isDict } from './go-values.ts';

type Dict = Record<string, unknown>;

export function mapWithKey(item: unknown): Dict {
  if (!isDict(item))
    throw failure(`expected a map[string]interface {}, but received a ${goType(item)}`);
  return item;
}

/** The value of an item's merge key, or an error: an item without one cannot be found again. */
export function mergeKeyOf(item: unknown, mergeKey: string): unknown {
  const map = mapWithKey(item);
  if (!Object.hasOwn(map, mergeKey))
    throw failure(`map: ${goText(map)} does not contain declared merge key: ${mergeKey}`);
  return map[mergeKey];
}

/** Every item must have the merge key. */
export function inOrder(items: readonly unknown[], mergeKey: string): void {
  for (const item of items) mergeKeyOf(item, mergeKey);
}

/** What lists hold; they must hold one kind of thing. */
export function elementKind(...lists: readonly (readonly unknown[])[]): 'map' | 'scalar' | 'empty' {
  let type: string | undefined;
  for (const item of lists.flat(1)) {
    const own = goType(item);
    if (own === '[]interface {}') throw listOfLists();
    if (type !== undefined && type !== own)
      throw failure(`list element types are not identical: ${goText(lists)}`);
    type = own;
  }
  return type === undefined ? 'empty' : type === 'map[string]interface {}' ? 'map' : 'scalar';
}

function listOfLists(): Error {
  return failure('lists of lists are not supported');
}

const identity = (item: unknown, mergeKey: string): unknown =>
  mergeKey ? mergeKeyOf(item, mergeKey) : item;

/** Splits merged items into those the patch names and those only the server has. */
export function partition(
  merged: readonly unknown[],
  named: readonly unknown[],
  mergeKey: string,
): { inPatch: unknown[]; serverOnly: unknown[] } {
  const byKey = mergeKey !== '' && elementKind(merged) === 'map';
  const known = new Set(named.map((item) => (byKey ? mapWithKey(item)[mergeKey] : item)));
  const inPatch: unknown[] = [];
  const serverOnly: unknown[] = [];
  for (const item of merged)
    (known.has(byKey ? identity(item, mergeKey) : item) ? inPatch : serverOnly).push(item);
  return { inPatch, serverOnly };
}

interface Orders {
  inPatch: unknown[];
  serverOnly: unknown[];
  patchOrder: readonly unknown[];
  serverOrder: readonly unknown[];
  mergeKey: string;
}

/**
 * The items of the patch in its order, those of the server in theirs; between the two, the server's
 * order where it knows both, else the patch's items first.
 */
export function orderedAs({
  inPatch,
  serverOnly,
  patchOrder,
  serverOrder,
  mergeKey,
}: Orders): unknown[] {
  const server = positions(serverOrder, mergeKey);
  const ours = sortedBy(inPatch, positions(patchOrder, mergeKey), mergeKey);
  const theirs = sortedBy(serverOnly, server, mergeKey);
  const result: unknown[] = [];
  let [i, j] = [0, 0];
  while (i < theirs.length && j < ours.length) {
    const left = server.get(identity(theirs[i], mergeKey));
    const right = server.get(identity(ours[j], mergeKey));
    if (left !== undefined && right !== undefined && left < right) result.push(theirs[i++]);
    else result.push(ours[j++]);
  }
  return [...result, ...theirs.slice(i), ...ours.slice(j)];
}

function positions(order: readonly unknown[], mergeKey: string): Map<unknown, number> {
  const found = new Map<unknown, number>();
  order.forEach((item, at) => {
    const key = identity(item, mergeKey);
    if (!found.has(key)) found.set(key, at);
  });
  return found;
}

function sortedBy(
  items: readonly unknown[],
  order: Map<unknown, number>,
  mergeKey: string,
): unknown[] {
  const at = (item: unknown): number => order.get(identity(item, mergeKey)) ?? -1;
  return [...items].sort((a, b) => at(a) - at(b));
}
