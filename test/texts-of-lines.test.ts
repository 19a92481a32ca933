import { expect, test } from 'vitest';
import { linesOfTexts } from './texts-of-lines.ts';

const linesOf = (...lines: string[]): number[] => [...linesOfTexts(lines.join('\n'))];

test('text of several lines is text, from its first line to its last', () => {
  expect(linesOf('const a = 1;', 'const b = `x', 'y', 'z`;', 'const c = 2;')).toEqual([2, 3, 4]);
});

test('text of one line is none, nor are expressions in a text', () => {
  expect(linesOf('f(`one`);', 'g();')).toEqual([]);
  expect(linesOf('f(`${g({', '  a: `x`,', '})}`);', 'h();')).toEqual([]);
  expect(linesOf('f(`x', '${g({', '  a: 1,', '})}', 'y`);')).toEqual([1, 2, 4, 5]);
});

test('back quotes in strings, comments and patterns begin no text', () => {
  expect(linesOf("f('`');", 'g("`"); // `', '/* `', '` */', 'h(/[`/]`/g);', 'i();')).toEqual([]);
  expect(linesOf('a / b; f(`', '`);', 'c = d[0] / 2;', 'e();')).toEqual([1, 2]);
  expect(linesOf('f(`\\`', '`);', 'g();')).toEqual([1, 2]);
});
