import fc from 'fast-check';
import { expect, test } from 'vitest';
import { unified } from './object-diff.ts';

/** Does what a diff says. */
function applied(a: string[], text: string): string[] {
  const out: string[] = [];
  let at = 0;
  for (const line of text.split('\n').slice(0, -1)) {
    const head = /^@@ -(\d+) \+\d+ @@$/.exec(line);
    if (head) while (at < Number(head[1]) - 1) out.push(a[at++] ?? '');
    else if (line.startsWith('+')) out.push(line.slice(1));
    else {
      if (line.startsWith(' ')) out.push(line.slice(1));
      at++;
    }
  }
  return [...out, ...a.slice(at)];
}

const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd: 1', '- e'), { maxLength: 40 });

test('a diff leads from the one to the other', () => {
  fc.assert(
    fc.property(lines, lines, (a, b) => {
      expect(applied(a, unified(a, b))).toEqual(b);
    }),
  );
});

test('the same have none, and far lines are left out', () => {
  const a = Array.from({ length: 30 }, (_, i) => `l${i}`);
  expect(unified(a, a)).toBe('');
  expect(unified(a, a.with(10, 'x'))).toBe(
    '@@ -8 +8 @@\n l7\n l8\n l9\n-l10\n+x\n l11\n l12\n l13\n',
  );
});

test('what is too large to compare is replaced', () => {
  const [a, b] = ['a', 'b'].map((c) => Array.from({ length: 2500 }, (_, i) => `${c}${i}`));
  expect(applied(a ?? [], unified(a ?? [], b ?? []))).toEqual(b);
});
