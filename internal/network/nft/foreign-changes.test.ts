import { describe, expect, it } from 'vitest';
import { ForeignChanges } from './foreign-changes.ts';

const own = [
  'delete chain ip skiff pre',
  'delete table ip skiff',
  'add table ip skiff',
  'add set ip skiff stamp { type mark; } ',
  'add element ip skiff stamp { 0x0000002a }',
  '# new generation 3 by process 21793 (nft)',
];
const foreign = (lines: string[], stamps: number[] = [42]): boolean[] => {
  const changes = new ForeignChanges('ip skiff');
  for (const stamp of stamps) changes.expect(stamp);
  return lines
    .map((line) => changes.line(line) === 'foreign')
    .filter((_, i) => lines[i]?.startsWith('#'));
};

describe('a transaction', () => {
  it('with our stamp is ours', () => expect(foreign(own)).toEqual([false]));
  it('with a stamp that we did not give is not', () => expect(foreign(own, [41])).toEqual([true]));
  it('with a stamp that came before is not', () =>
    expect(foreign([...own, ...own])).toEqual([false, true]));
  it('of another that flushes everything is noticed', () =>
    expect(
      foreign([...own, 'delete table ip skiff', '# new generation 4 by process 2 (nft)']),
    ).toEqual([false, true]));
  it('of another that takes one element is noticed', () =>
    expect(
      foreign([
        'delete element ip skiff svc { 10.43.0.1 . tcp . 443 : jump n1 }',
        '# new generation 4 by process 2 (nft)',
      ]),
    ).toEqual([true]));
  it('of another in its own tables is nothing', () =>
    expect(
      foreign([
        'delete table ip filter',
        'add chain ip skiffy x',
        'add table ip6 skiff',
        '# new generation 4 by process 2 (nft)',
      ]),
    ).toEqual([false]));
  it('before which lines were lost is not judged', () => {
    const changes = new ForeignChanges('ip skiff');
    expect(
      [
        'delete table ip skiff',
        '# ERROR: We lost some netlink events!',
        '# new generation 4 by process 2 (nft)',
      ].map((line) => changes.line(line)),
    ).toEqual([undefined, 'lost', undefined]);
  });
});
