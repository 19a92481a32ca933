import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diffLines, hunks } from './diff.ts';

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 12 })
  .map((l) => l.join('\n'));

it('a difference leads from one text to the other, and is none between equals', () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diffLines(before, after);
      const side = (mark: string): string =>
        lines
          .filter((line) => line.mark !== mark)
          .map((line) => line.text)
          .join('\n');
      expect(side('+')).toBe(before);
      expect(side('-')).toBe(after);
      expect(lines.some(({ mark }) => mark !== ' ')).toBe(before !== after);
    }),
  );
});

it('is as short as can be', () => {
  const marks = diffLines('a\nb\nc\nd', 'a\nc\nx\nd').map(({ mark, text: line }) => mark + line);
  expect(marks).toEqual([' a', '-b', ' c', '+x', ' d']);
});

it('does not hang on what is long', () => {
  const long = (name: string): string =>
    Array.from({ length: 5_000 }, (_, i) => name + i).join('\n');
  expect(diffLines(long('a'), long('b'))).toHaveLength(10_000);
});

it('leaves out what is far from any change', () => {
  const before = Array.from({ length: 20 }, (_, i) => `${i}`);
  const after = before.with(10, 'x');
  const shown = hunks(diffLines(before.join('\n'), after.join('\n')), 1);
  expect(shown.map((line) => (line ? line.mark + line.text : '…'))).toEqual([
    '…',
    ' 9',
    '-10',
    '+x',
    ' 11',
    '…',
  ]);
});
