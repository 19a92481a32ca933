import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalQuantity,
  parseQuantity,
  Quantity,
  QuantityError,
  quantityOf,
} from './quantity.ts';

describe('canonical form', () => {
  const cases: [string, string][] = [
    ['0', '0'],
    ['0.0', '0'],
    ['-0', '0'],
    ['1', '1'],
    ['+1', '+1'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1.5', '1500m'],
    ['0.1', '100m'],
    ['100m', '100m'],
    ['0.1m', '100u'],
    ['1000', '1k'],
    ['1000000', '1M'],
    ['1001', '1001'],
    ['12e6', '12e6'],
    ['12E6', '12E6'],
    ['1e4', '10e3'],
    ['1000e3', '1e6'],
    ['1E', '1E'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['1024Mi', '1Gi'],
    ['1000Mi', '1000Mi'],
    ['1536Mi', '1536Mi'],
    ['64Mi', '64Mi'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['512Ki', '512Ki'],
    ['1Ki', '1Ki'],
    ['0.5Ki', '512'],
    ['0.0001Ki', '102400u'],
    ['1n', '1n'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['100000000Ti', '9223372036854775807'],
    ['9Ei', '9223372036854775807'],
    ['9000000000000000000', '9E'],
    ['1e-3', '1e-3'],
    ['1e-10', '1e-9'],
    ['-1.5', '-1500m'],
    ['.5', '500m'],
    ['5.', '5.'],
    ['007', '007'],
  ];
  test.each(cases)('%s is %s', (input, output) => {
    expect(canonicalQuantity(input)).toBe(output);
  });

  test('numbers of JSON are read too', () => {
    expect(canonicalQuantity(2)).toBe('2');
    expect(canonicalQuantity(0.25)).toBe('250m');
  });
});

describe('what is not a quantity', () => {
  const wrongFormat = /^quantities must match the regular expression '\^\(\[\+-\]\?\[0-9\.\]\+\)/;
  test.each(['', 'a', '1 Mi', '1Mi!', '1.2.3', '1e5x'])('%j has a wrong format', (input) => {
    expect(() => parseQuantity(input)).toThrow(wrongFormat);
  });
  test.each(['--1', '1K', '1mm', '1kM', '1e', '1iK', '1m5'])('%j has a wrong suffix', (input) => {
    expect(() => parseQuantity(input)).toThrow("unable to parse quantity's suffix");
  });
  test('an absurd exponent is refused instead of filling the memory', () => {
    expect(() => parseQuantity('1e1000000')).toThrow(QuantityError);
  });
});

describe('arithmetic', () => {
  const q = parseQuantity;
  test('sums keep the format of the first that is not zero', () => {
    expect(q('1Gi').add(q('512Mi')).toString()).toBe('1536Mi');
    expect(q('0').add(q('512Mi')).toString()).toBe('512Mi');
    expect(q('100m').add(q('1')).toString()).toBe('1100m');
    expect(q('1').sub(q('100m')).toString()).toBe('900m');
    expect(q('1').mul(3).neg().toString()).toBe('-3');
  });
  test('values round away from zero', () => {
    expect(q('100m').value()).toBe(1n);
    expect(q('-100m').value()).toBe(-1n);
    expect(q('1500m').value()).toBe(2n);
    expect(q('1').milliValue()).toBe(1000n);
    expect(q('1u').milliValue()).toBe(1n);
    expect(q('1Gi').value()).toBe(1073741824n);
  });
  test('comparison ignores the unit', () => {
    expect(q('1024Ki').cmp(q('1Mi'))).toBe(0);
    expect(q('1').equals(q('1000m'))).toBe(true);
    expect(q('1M').cmp(q('1Mi'))).toBe(-1);
    expect(q('2').cmp(q('1999m'))).toBe(1);
  });
  test('whole numbers are told from fractions', () => {
    expect(q('1500m').isWhole()).toBe(false);
    expect(q('2000m').isWhole()).toBe(true);
    expect(q('1500m').isWhole(-3)).toBe(true);
  });
  test('nothing is zero', () => {
    expect(quantityOf(undefined).isZero()).toBe(true);
    expect(quantityOf('').sign()).toBe(0);
    expect(Quantity.of(5).toString()).toBe('5');
    expect(Quantity.ofMilli(1500).toString()).toBe('1500m');
    expect(JSON.stringify({ cpu: Quantity.ofMilli(250) })).toBe('{"cpu":"250m"}');
  });
  test('numbers for scores', () => {
    expect(q('1500m').asNumber()).toBe(1.5);
    expect(q('2k').asNumber()).toBe(2000);
    expect(q('7').asNumber()).toBe(7);
  });
});

describe('properties', () => {
  const suffix = fc.constantFrom(
    '',
    'n',
    'u',
    'm',
    'k',
    'M',
    'G',
    'T',
    'P',
    'E',
    'Ki',
    'Mi',
    'Gi',
    'e3',
    'E-3',
  );
  const text = fc
    .tuple(fc.integer({ min: -999999, max: 999999 }), fc.option(fc.nat(999)), suffix)
    .map(([n, f, s]) => `${n}${f === null ? '' : `.${f}`}${s}`);
  // As in Go, a binary quantity that is no multiple of 1024 is written without a suffix and reads
  // back as a decimal one.
  test('the canonical form has the same value and settles after one reading', () => {
    fc.assert(
      fc.property(text, (input) => {
        const parsed = parseQuantity(input);
        const again = parseQuantity(parsed.toString());
        expect(again.cmp(parsed)).toBe(0);
        expect(parseQuantity(again.toString()).toString()).toBe(again.toString());
      }),
    );
  });
  test('adding and subtracting are inverse, comparing is antisymmetric', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [x, y] = [parseQuantity(a), parseQuantity(b)];
        expect(x.add(y).sub(y).cmp(x)).toBe(0);
        expect(x.cmp(y)).toBe(y.cmp(x) === 0 ? 0 : -y.cmp(x));
      }),
    );
  });
});
