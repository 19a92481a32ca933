import { describe, expect, test } from 'vitest';
import {
  exactMatch,
  formatSelector,
  nothing,
  parseFieldSelector,
  parseLabelSelector,
  selectorFromMap,
  selectorFromObject,
} from './selectors.ts';

describe('label selectors', () => {
  test.each<[string, string]>([
    ['', ''],
    ['a', 'a'],
    ['!a', '!a'],
    ['a=b', 'a=b'],
    ['a==b', 'a==b'],
    ['a!=b', 'a!=b'],
    ['x in (b,a),y', 'x in (a,b),y'],
    ['x notin (a)', 'x notin (a)'],
    ['x in ()', 'x in ()'],
    ['x in (,)', 'x in ()'],
    ['x in (a,,b)', 'x in (,a,b)'],
    [' b = 1 , a = 2 ', 'a=2,b=1'],
    ['x>1', 'x>1'],
    ['x<5', 'x<5'],
    ['a=', 'a='],
    ['a=,b', 'a=,b'],
    ['in in (in)', 'in in (in)'],
    ['example.com/x=y', 'example.com/x=y'],
  ])('%j is %j', (input, output) => expect(parseLabelSelector(input).toString()).toBe(output));

  test.each<[string, string]>([
    ['a=b=c', "found '=', expected: ',' or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a,', "found '', expected: identifier after ','"],
    ['=a', "found '=', expected: !, identifier, or 'end of string'"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (=)', "unable to parse requirement: found '=', expected: ',', ')' or identifier"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a=(', "unable to parse requirement: found '(', expected: identifier"],
    [
      'a>x',
      `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, ` +
        'the value must be an integer',
    ],
  ])('%j is refused', (input, message) => expect(() => parseLabelSelector(input)).toThrow(message));

  test('a bad key and a bad value are named', () => {
    expect(() => parseLabelSelector('a$=b')).toThrow(
      /^unable to parse requirement: <nil>: Invalid value: "a\$": name part must consist of/,
    );
    expect(() => parseLabelSelector('a=b$')).toThrow(
      /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "b\$": a valid label must be/,
    );
  });

  const labels = { app: 'web', tier: 'front', n: '7' };
  test.each<[string, boolean]>([
    ['', true],
    ['app', true],
    ['app=web', true],
    ['app!=web', false],
    ['zone!=a', true],
    ['!zone', true],
    ['!app', false],
    ['app in (web,db)', true],
    ['app notin (web)', false],
    ['zone notin (web)', true],
    ['zone in (a)', false],
    ['n>6', true],
    ['n>7', false],
    ['n<8', true],
    ['app>1', false],
    ['app=web,tier=back', false],
  ])('%j matches: %s', (selector, matches) =>
    expect(parseLabelSelector(selector).matches(labels)).toBe(matches),
  );

  test('labels of the prototype are not labels', () => {
    expect(parseLabelSelector('toString').matches({})).toBe(false);
    expect(parseLabelSelector('a').matches(undefined)).toBe(false);
  });

  test('objects', () => {
    expect(selectorFromObject(undefined)).toBe(nothing);
    expect(selectorFromObject({}).matches({})).toBe(true);
    const selector = selectorFromObject({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'n', operator: 'In', values: ['8', '7'] },
        { key: 'zone', operator: 'DoesNotExist' },
      ],
    });
    expect(selector.toString()).toBe('app=web,n in (7,8),!zone');
    expect(selector.matches(labels)).toBe(true);
    expect(exactMatch(selector, 'app')).toBe('web');
    expect(exactMatch(selector, 'n')).toBeUndefined();
    expect(formatSelector({ matchLabels: {} })).toBe('<none>');
    expect(formatSelector({ matchExpressions: [{ key: 'a', operator: 'Odd' }] })).toBe('<error>');
    expect(() => selectorFromObject({ matchExpressions: [{ key: 'a', operator: 'In' }] })).toThrow(
      "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    );
    expect(selectorFromMap({ b: '1', a: '2' }).toString()).toBe('a=2,b=1');
  });
});

describe('field selectors', () => {
  const read = (field: string): string =>
    ({ 'metadata.name': 'web', 'status.phase': 'Running' })[field] ?? '';
  test.each<[string, string, boolean]>([
    ['', '', true],
    ['metadata.name=web', 'metadata.name=web', true],
    ['metadata.name==web', 'metadata.name=web', true],
    ['status.phase!=Failed,metadata.name=web', 'metadata.name=web,status.phase!=Failed', true],
    ['status.phase!=Running', 'status.phase!=Running', false],
    ['spec.nodeName=', 'spec.nodeName=', true],
    ['metadata.name=a\\,b', 'metadata.name=a\\,b', false],
  ])('%j', (input, text, matches) => {
    const selector = parseFieldSelector(input);
    expect(selector.toString()).toBe(text);
    expect(selector.matches(read)).toBe(matches);
  });
  test('errors', () => {
    expect(() => parseFieldSelector('a')).toThrow("invalid selector: 'a'; can't understand 'a'");
    expect(() => parseFieldSelector('a=\\x')).toThrow(
      'invalid field selector: invalid escape sequence: \\x',
    );
    expect(() => parseFieldSelector('a=b=c')).toThrow(
      'invalid field selector: unescaped character in value: 61',
    );
  });
  test('renaming and exact values', () => {
    const selector = parseFieldSelector('spec.host=n1', (f) =>
      f === 'spec.host' ? 'spec.nodeName' : f,
    );
    expect(selector.exact('spec.nodeName')).toBe('n1');
    expect(selector.exact('x')).toBeUndefined();
    expect(selector.empty).toBe(false);
  });
});
