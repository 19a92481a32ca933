import { describe, expect, it, test } from 'vitest';
import { ago, logLine, quantity, visible } from './text.ts';

describe('what others wrote', () => {
  it('shows controls and marks of direction', () => {
    expect(visible('a\u202Etxt.exe')).toBe('a⟨202e⟩txt.exe');
    expect(visible('a\u0000b\u001B[31m\u200Bc\uFEFF')).toBe('a⟨0⟩b⟨1b⟩[31m⟨200b⟩c⟨feff⟩');
    expect(visible('tag\u{E0041}')).toBe('tag⟨e0041⟩');
  });

  it('leaves writing alone', () => {
    const text = 'naïve 名前 שלום\n\tx <img src=x onerror=alert(1)>';
    expect(visible(text)).toBe(text);
  });

  test.each([
    ['\u001B[1;31mred\u001B[0m', 'red'],
    ['\u001B]8;;http://x\u0007link\u001B]8;;\u0007', 'link'],
    ['\u001B]0;title\u001B\\rest', 'rest'],
    ['\u001B[2J\u001B[Hgone', 'gone'],
    ['\u001Bcreset', 'reset'],
    ['back\bspace\r', 'back⟨8⟩space'],
    ['lonely \u001B', 'lonely '],
    ['unended \u001B]0;title', 'unended '],
  ])('a line of a log gives no orders: %j', (line, shown) => {
    expect(logLine(line)).toBe(shown);
  });

  it('a line of a megabyte is done at once', () => {
    const line = '\u001B]0;'.repeat(250_000);
    const began = performance.now();
    logLine(line);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

test.each([
  ['100m', 0.1],
  ['2', 2],
  ['1Ki', 1024],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['1e3', 1000],
  ['12345n', 12345e-9],
])('the quantity %s', (text, number) => {
  expect(quantity(text)).toBeCloseTo(number);
});

test.each(['', undefined, '1constructor', '<b>', '1 Gi', '--1'])('%j is no quantity', (text) => {
  expect(quantity(text)).toBeNaN();
});

test('ages are told as kubectl tells them', () => {
  const now = Date.parse('2026-01-10T00:00:00Z');
  const told = (since: string | null): string => ago(since, now);
  expect(told('2026-01-09T23:59:30Z')).toBe('30s');
  expect(told('2026-01-09T23:00:00Z')).toBe('60m');
  expect(told('2026-01-09T00:00:00Z')).toBe('24h');
  expect(told('2026-01-01T00:00:00Z')).toBe('9d');
  expect(told('2027-01-01T00:00:00Z')).toBe('0s');
  expect(told(null)).toBe('');
});
