const context = 3;
/** Beyond this many lines the comparison would cost more than its answer is worth. */
const maxLines = 5000;
/** In long texts, lines that are everywhere start no match. */
const longText = 200;

interface Block {
  a: number;
  b: number;
  size: number;
}

/** Lines [a1, a2) of one text stand where [b1, b2) of the other do. */
interface Change {
  same: boolean;
  a1: number;
  a2: number;
  b1: number;
  b2: number;
}

/** A unified diff of two values as indented JSON, as Kubernetes appends it to some errors. */
export function goDiff(from: unknown, to: unknown): string {
  const [a, b] = [
    JSON.stringify(from, undefined, 1).split('\n'),
    JSON.stringify(to, undefined, 1).split('\n'),
  ];
  if (a.length > maxLines || b.length > maxLines) return '';
  const out: string[] = [];
  for (const group of groups(changes(a, b))) {
    const [first, last] = [group[0] as Change, group[group.length - 1] as Change];
    out.push(`@@ -${range(first.a1, last.a2)} +${range(first.b1, last.b2)} @@`);
    for (const { same, a1, a2, b1, b2 } of group) {
      if (same) out.push(...a.slice(a1, a2).map((line) => ` ${line}`));
      else
        out.push(
          ...a.slice(a1, a2).map((line) => `-${line}`),
          ...b.slice(b1, b2).map((line) => `+${line}`),
        );
    }
  }
  return `${out.join('\n')}\n`;
}

function range(start: number, end: number): string {
  const length = end - start;
  if (length === 1) return `${start + 1}`;
  return `${length === 0 ? start : start + 1},${length}`;
}

/**
 * The longest run of equal lines stays, then the longest before and after it, and so on: difflib's
 * way.
 */
function changes(a: readonly string[], b: readonly string[]): Change[] {
  const places = new Map<string, number[]>();
  b.forEach((line, j) => {
    const at = places.get(line);
    if (at) at.push(j);
    else places.set(line, [j]);
  });
  if (b.length >= longText)
    for (const [line, at] of places)
      if (at.length > Math.floor(b.length / 100) + 1) places.delete(line);
  const blocks: Block[] = [];
  const work: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  for (let next = work.pop(); next; next = work.pop()) {
    const [a1, a2, b1, b2] = next;
    const block = longest(a, b, places, next);
    if (block.size === 0) continue;
    blocks.push(block);
    work.push([a1, block.a, b1, block.b], [block.a + block.size, a2, block.b + block.size, b2]);
  }
  blocks.sort((x, y) => x.a - y.a);
  return toChanges(blocks, a.length, b.length);
}

function longest(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  [a1, a2, b1, b2]: [number, number, number, number],
): Block {
  const best = { a: a1, b: b1, size: 0 };
  let lengths = new Map<number, number>();
  for (let i = a1; i < a2; i++) {
    const next = new Map<number, number>();
    for (const j of places.get(a[i] ?? '') ?? []) {
      if (j < b1 || j >= b2) continue;
      const size = (lengths.get(j - 1) ?? 0) + 1;
      next.set(j, size);
      if (size > best.size) Object.assign(best, { a: i - size + 1, b: j - size + 1, size });
    }
    lengths = next;
  }
  while (best.a > a1 && best.b > b1 && a[best.a - 1] === b[best.b - 1])
    Object.assign(best, { a: best.a - 1, b: best.b - 1, size: best.size + 1 });
  while (
    best.a + best.size < a2 &&
    best.b + best.size < b2 &&
    a[best.a + best.size] === b[best.b + best.size]
  )
    best.size++;
  return best;
}

function toChanges(blocks: readonly Block[], lengthA: number, lengthB: number): Change[] {
  const result: Change[] = [];
  let [i, j] = [0, 0];
  for (const { a, b, size } of [...blocks, { a: lengthA, b: lengthB, size: 0 }]) {
    if (i < a || j < b) result.push({ same: false, a1: i, a2: a, b1: j, b2: b });
    const last = result[result.length - 1];
    if (size > 0 && last?.same) Object.assign(last, { a2: a + size, b2: b + size });
    else if (size > 0) result.push({ same: true, a1: a, a2: a + size, b1: b, b2: b + size });
    [i, j] = [a + size, b + size];
  }
  return result;
}

/** Changes with some lines around them; those near each other stand together. */
function groups(all: readonly Change[]): Change[][] {
  const result: Change[][] = [];
  let group: Change[] = [];
  all.forEach((change, n) => {
    const { same, a1, a2, b1, b2 } = change;
    const [first, last] = [n === 0, n === all.length - 1];
    if (!same) return group.push(change);
    const head = { same, a1, a2: Math.min(a2, a1 + context), b1, b2: Math.min(b2, b1 + context) };
    const tail = { same, a1: Math.max(a1, a2 - context), a2, b1: Math.max(b1, b2 - context), b2 };
    if (first) return group.push(tail);
    if (last) return group.push(head);
    if (a2 - a1 <= 2 * context) return group.push(change);
    result.push([...group, head]);
    group = [tail];
    return undefined;
  });
  if (group.some((c) => !c.same)) result.push(group);
  return result;
}
