import type { KubeObject } from '../api/object.ts';
import { contentOf, same } from './object-history.ts';

const applied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Two versions as lines of YAML, with every value of a Secret hidden: one that is another shows as
 * such.
 */
export async function linesOf(
  before: KubeObject | undefined,
  after: KubeObject | undefined,
): Promise<[string[], string[]]> {
  const { dump } = await import('js-yaml');
  const fields = (object: KubeObject): Fields => ({ ...contentOf(object) });
  const [a, b] = hidden(before && fields(before), after && fields(after));
  const text = (value: unknown): string[] =>
    value === undefined ? [] : dump(value, { lineWidth: -1, noRefs: true }).trimEnd().split('\n');
  return [text(a), text(b)];
}

type Fields = Record<string, unknown>;

/** Of a Secret. What `kubectl apply` notes in an annotation holds its values, too. */
function hidden(a: Fields | undefined, b: Fields | undefined): (Fields | undefined)[] {
  const secret = [a, b].some((one) => one?.['kind'] === 'Secret' && one['apiVersion'] === 'v1');
  if (!secret) return [a, b];
  const hide = (one: Fields | undefined, other: Fields | undefined, say: string): typeof one => {
    if (!one) return undefined;
    const out: Fields = { ...one };
    for (const field of ['data', 'stringData'])
      if (one[field] !== undefined) out[field] = hideAll(one[field], other?.[field], say);
    const { annotations, ...metadata } = one['metadata'] as { annotations?: Fields };
    const known = (other?.['metadata'] as { annotations?: Fields } | undefined)?.annotations;
    if (annotations)
      out['metadata'] = {
        ...metadata,
        annotations: {
          ...annotations,
          ...(applied in annotations &&
            (hideAll(
              { [applied]: annotations[applied] },
              { [applied]: known?.[applied] },
              say,
            ) as Fields)),
        },
      };
    return out;
  };
  return [hide(a, b, 'before'), hide(b, a, 'after')];
}

const hideAll = (values: unknown, others: unknown, say: string): Fields =>
  Object.fromEntries(
    Object.entries((values ?? {}) as Fields).map(([name, value]) => {
      const other = ((others ?? {}) as Fields)[name];
      return [name, other === undefined || same(value, other) ? '<hidden>' : `<hidden, ${say}>`];
    }),
  );

const context = 3;
/** Lines that are compared one by one, squared; beyond it the middle is shown as replaced. */
const mostCells = 4_000_000;

type Edit = { sign: ' ' | '-' | '+'; line: string };

/** A unified diff without a head; empty where both are the same. */
export function unified(a: string[], b: string[]): string {
  const edits = editsOf(a, b);
  const shown = new Set<number>();
  edits.forEach(({ sign }, i) => {
    if (sign === ' ') return;
    for (let at = i - context; at <= i + context; at++) shown.add(at);
  });
  let text = '';
  let [left, right, open] = [1, 1, false];
  edits.forEach(({ sign, line }, i) => {
    if (shown.has(i)) {
      if (!open) text += `@@ -${left} +${right} @@\n`;
      text += `${sign}${line}\n`;
    }
    open = shown.has(i);
    if (sign !== '+') left++;
    if (sign !== '-') right++;
  });
  return text;
}

function editsOf(a: string[], b: string[]): Edit[] {
  let [start, end] = [0, 0];
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  )
    end++;
  const kept = (line: string): Edit => ({ sign: ' ', line });
  return [
    ...a.slice(0, start).map(kept),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(kept),
  ];
}

/** By the longest common subsequence. */
function middle(a: string[], b: string[]): Edit[] {
  const removed = (line: string): Edit => ({ sign: '-', line });
  const added = (line: string): Edit => ({ sign: '+', line });
  if (a.length * b.length > mostCells) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const out: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    if (left !== undefined && left === right) {
      out.push({ sign: ' ', line: left });
      i++;
      j++;
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      out.push(removed(left));
      i++;
    } else {
      out.push(added(right ?? ''));
      j++;
    }
  }
  return out;
}
