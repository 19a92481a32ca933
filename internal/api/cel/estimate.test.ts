import { describe, expect, test } from 'vitest';
import { compile, environment } from './compile.ts';
import type { Declared } from './cost-size.ts';
import { estimateCost } from './estimate.ts';
import { listOf, string, type CelType } from './types.ts';

const cost = (source: string, type: CelType, root: Declared): number => {
  const program = compile(source, environment({ self: type, oldSelf: type }));
  return estimateCost(program.ast, program.checked, root);
};
const text: Declared = { max: 400 };
const texts: Declared = { max: 50, items: { max: 40 } };

describe('what an expression costs at worst', () => {
  test.each([
    ['true', 0],
    ['self.size() > 3', 3],
    ["self == 'abc'", 2],
    ["self.contains('abc')", 41],
    ["self.matches('^a+$')", 42],
    ['self.contains(self)', 1602],
    ['(self + self).size() > 1', 84],
    ["self.replace('a', 'bb').size() < 10", 83],
    ['isSemver(self) && semver(self).major() > 1', 84],
  ])('of a text of 100 letters: %s', (source, expected) =>
    expect(cost(source, string, text)).toBe(expected),
  );

  test.each([
    ['self.all(x, x.size() > 1)', 302],
    ['self.exists(x, x.size() > 1)', 352],
    ['self.map(x, x).size() > 1', 664],
  ])('of a list of 50: %s', (source, expected) =>
    expect(cost(source, listOf(string), texts)).toBe(expected),
  );

  test('grows with what the schema allows', () => {
    const nested = 'self.all(a, self.exists(b, a == b))';
    const of = (max: number): number => cost(nested, listOf(string), { max, items: { max: 40 } });
    expect(of(100) / of(10)).toBeGreaterThan(80);
    expect(cost(nested, listOf(string), { max: 1e6, items: { max: 3e6 } })).toBeGreaterThan(1e15);
  });

  test('is bounded for texts nobody bounds', () => {
    expect(
      cost("self.split('').map(c, self + c).join('').contains(self)", string, { max: 3e6 }),
    ).toBeLessThanOrEqual(2 ** 64);
  });
});

describe('values that would grow without bound', () => {
  const grow = (source: string) => (): unknown =>
    compile(source, environment(['self'])).evaluate((name) =>
      name === 'self' ? 'a'.repeat(1000) : undefined,
    );
  test.each([
    ["self.replace('', self).replace('', self).replace('', self).size() == 0"],
    [`[self]${'.map(a, a + a)'.repeat(30)}.size() == 0`],
    [`[[self]]${'.map(a, a + a)'.repeat(30)}.size() == 0`],
    ['lists.range(100000000).size() == 0'],
    ["self.matches('(?:a?){900}a{900}') && self.replace('', self).matches('(?:a?){900}a{900}')"],
  ])('end when the budget is spent: %s', (source) =>
    expect(grow(source)).toThrow('cost limit exceeded'),
  );
});
