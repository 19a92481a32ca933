import { describe, expect, test } from 'vitest';
import { own, table } from './own.ts';

const inherited = [
  'constructor',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__proto__',
  'isPrototypeOf',
  '__defineGetter__',
];

describe('names that every object of JavaScript answers to', () => {
  test.each(inherited)('%s is nothing special', (name) => {
    expect(table({ a: 1 })[name]).toBeUndefined();
    expect(own({ a: 1 }, name)).toBeUndefined();
    const held = JSON.parse(`{${JSON.stringify(name)}: 2}`) as Record<string, number>;
    expect(own(held, name)).toBe(2);
  });
  test('what is there is found', () => {
    expect(table({ a: 1 })['a']).toBe(1);
    expect(own({ a: 1 }, 'a')).toBe(1);
    expect(own(undefined, 'a')).toBeUndefined();
    expect(own(null, 'a')).toBeUndefined();
  });
});
