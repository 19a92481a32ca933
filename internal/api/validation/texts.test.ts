import { describe, expect, test } from 'vitest';
import { checkCanonicalCidr, isWithin } from './addresses.ts';
import { cronError } from '../cron/cron.ts';
import { countIndexes, overlap } from './job-indexes.ts';
import { goDiff } from './pod-diff.ts';
import { inOrder, Problems } from './problems.ts';
import { shown, shownPodSpec } from './shapes.ts';

describe('cron schedules', () => {
  test.each([
    '* * * * *',
    '*/5 0-6 1,15 jan-mar mon',
    '@daily',
    '@every 1h30m',
    '0 0 ? * 0',
    '59 23 31 12 6',
    'TZ=UTC 0 0 * * *',
  ])('%s is one', (text) => expect(cronError(text)).toBeUndefined());
  test.each([
    ['', 'empty spec string'],
    ['* *', 'expected exactly 5 fields, found 2: [* *]'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
    ['1/2/3 * * * *', 'too many slashes: 1/2/3'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
    ['@soon', 'unrecognized descriptor: @soon'],
    ['TZ=Nowhere * * * * *', 'provided bad location Nowhere: unknown time zone Nowhere'],
  ])('%s is none', (text, why) => expect(cronError(text)).toBe(why));
});

describe('indexes of jobs', () => {
  test.each([
    ['', 0],
    ['0', 1],
    ['0-3', 4],
    ['0,2-3,9', 4],
  ])('%s', (text, count) => expect(countIndexes(text, 10)).toBe(count));
  test.each([
    ['10', 'too large index: "10"'],
    ['3,1', 'non-increasing order, previous: 3, current: 1'],
    ['3-3', 'non-increasing order, previous: 3, current: 3'],
    ['a', 'cannot convert string to integer for index: "a"'],
    [
      '0-1-2',
      'the fragment "0-1-2" violates the requirement that an index interval can have at most ' +
        "two parts separated by '-'",
    ],
  ])('%s is wrong', (text, why) => expect(countIndexes(text, 10)).toBe(why));
  test('overlap where both name an index', () => {
    expect(overlap('0-3,7', '5,7-8', 10)).toBe(7);
    expect(overlap('0-3', '4-5', 10)).toBeUndefined();
    expect(overlap('', '4', 10)).toBeUndefined();
    expect(overlap('x,2', '2', 10)).toBe(2);
  });
});

describe('ranges of addresses', () => {
  test.each([
    ['10.1.0.0/16', '10.0.0.0/8', true],
    ['11.0.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/8', '10.0.0.0/8', false],
    ['fd00::/64', '10.0.0.0/8', false],
    ['x', '10.0.0.0/8', undefined],
  ])('%s in %s: %s', (inner, outer, answer) => {
    expect(isWithin(inner, outer)).toBe(answer);
  });
  test.each([
    ['10.0.0.0/8', []],
    ['FD00::/64', ['must be in canonical form ("fd00::/64")']],
    ['10.0.0.1/8', ['must not have bits set beyond the prefix length']],
    ['10.0.0.0/08', ['must not have leading 0s in IP or prefix length']],
    ['10.0.0.0', ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']],
  ])('%s', (range, details) => {
    const problems = new Problems();
    checkCanonicalCidr(problems, 'f', range);
    expect(problems.list.map((e) => e.detail)).toEqual(details);
  });
});

describe('differences', () => {
  test('show what stands around them', () => {
    expect(goDiff({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3] })).toBe(
      '@@ -2,6 +2,6 @@\n  "a": 1,\n  "b": [\n   1,\n-  2\n+  3\n  ]\n }\n',
    );
  });
  test('stand apart when they are far from each other', () => {
    const list = (first: number, last: number): number[] => [
      first,
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      last,
    ];
    expect(goDiff(list(0, 0), list(5, 5)).match(/^@@.*@@$/gm)).toEqual([
      '@@ -1,5 +1,5 @@',
      '@@ -9,5 +9,5 @@',
    ]);
  });
  test('of equal values are none', () => expect(goDiff([1], [1])).toBe('\n'));
  test('of huge values are not looked for', () =>
    expect(goDiff(Array.from({ length: 6000 }), [])).toBe(''));
});

describe('values as kube-apiserver holds them', () => {
  test('have all fields, under the names of Go', () => {
    expect(shown('Capabilities', { drop: ['ALL'] })).toEqual({ Add: null, Drop: ['ALL'] });
    expect(shown('SeccompProfile', { type: 'Localhost' })).toEqual({
      Type: 'Localhost',
      LocalhostProfile: null,
    });
    expect(shown('PodIP', [{ ip: '::1' }])).toEqual([{ IP: '::1' }]);
    expect(shown('NoSuchStruct', { a: 1 })).toEqual({ a: 1 });
  });
  test('keep the namespaces of the host in the security context', () => {
    const spec = shownPodSpec({ containers: [], hostNetwork: true }) as Record<
      string,
      Record<string, unknown>
    >;
    expect(spec['SecurityContext']?.['HostNetwork']).toBe(true);
    expect(spec['HostNetwork']).toBeUndefined();
    expect(spec['Containers']).toEqual([]);
  });
  test('have their maps in order', () => {
    expect(JSON.stringify(inOrder({ b: '1', a: '2' }))).toBe('{"a":"2","b":"1"}');
    expect(inOrder(undefined)).toBeNull();
  });
});
