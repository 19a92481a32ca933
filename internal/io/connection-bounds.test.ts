import { describe, expect, test } from 'vitest';
import { ConnectionBounds, networkOf, type ConnectionLimits } from './connection-bounds.ts';

const limits: ConnectionLimits = {
  handshakeMs: 10,
  headerMs: 1000,
  idleMs: 5000,
  sweepMs: 60_000,
  strangersPerAddress: 3,
  strangers: 6,
  perUser: 2,
};

function bounds(): {
  made: ConnectionBounds;
  add: (address: string, name: string) => ReturnType<ConnectionBounds['add']>;
  ended: string[];
} {
  const made = new ConnectionBounds(limits);
  const ended: string[] = [];
  const add = (address: string, name: string): ReturnType<ConnectionBounds['add']> => {
    const connection = made.add(address, () => {
      ended.push(name);
      made.remove(connection);
    });
    return connection;
  };
  return { made, add, ended };
}

describe('strangers', () => {
  test('the oldest of an address makes room, and nobody of another', () => {
    const { add, ended } = bounds();
    add('10.0.0.9', 'good');
    for (let i = 0; i < 5; i++) add('10.0.0.1', `bad${i}`);
    expect(ended).toEqual(['bad0', 'bad1']);
  });

  test('over all addresses, the one that has most makes room', () => {
    const { made, add, ended } = bounds();
    for (let i = 0; i < 3; i++) add('10.0.0.1', `bad${i}`);
    for (let i = 2; i < 6; i++) add(`10.0.0.${i}`, `one${i}`);
    expect(ended).toEqual(['bad0']);
    expect(made.strangers).toBe(6);
  });

  test('one that is being answered stays while others ask nothing', () => {
    const { made, add, ended } = bounds();
    made.begin(add('10.0.0.1', 'asks'));
    for (let i = 0; i < 4; i++) add('10.0.0.1', `idle${i}`);
    expect(ended).toEqual(['idle0', 'idle1']);
  });

  test('a known client is never pushed out', () => {
    const { made, add, ended } = bounds();
    expect(made.know(add('10.0.0.1', 'known'), { name: 'u', bounded: true })).toBe(true);
    for (let i = 0; i < 20; i++) add('10.0.0.1', `bad${i}`);
    expect(ended).not.toContain('known');
    expect(made.strangers).toBe(3);
  });

  test('counts go down when connections go', () => {
    const { made, add } = bounds();
    const all = Array.from({ length: 3 }, (_, i) => add('10.0.0.1', `c${i}`));
    for (const one of all) made.remove(one);
    expect(made.strangers).toBe(0);
  });
});

describe('users', () => {
  test('have a bound that comes free again', () => {
    const { made, add } = bounds();
    const first = add('10.0.0.1', 'a');
    expect(made.know(first, { name: 'u', bounded: true })).toBe(true);
    expect(made.know(add('10.0.0.2', 'b'), { name: 'u', bounded: true })).toBe(true);
    const third = add('10.0.0.3', 'c');
    expect(made.know(third, { name: 'u', bounded: true })).toBe(false);
    expect(made.know(add('10.0.0.3', 'd'), { name: 'other', bounded: true })).toBe(true);
    made.remove(first);
    expect(made.know(third, { name: 'u', bounded: true })).toBe(true);
  });

  test('that are not bounded have none', () => {
    const { made, add } = bounds();
    for (let i = 0; i < 10; i++)
      expect(made.know(add(`10.0.0.${i}`, `c${i}`), { name: 'admin', bounded: false })).toBe(true);
  });
});

test(
  'an address is known from the first client that was, and after it went; its program by its ' +
    'hellos',
  () => {
    const { made, add } = bounds();
    const one = add('10.0.0.1', 'a');
    one.shape = 'curl';
    expect(made.acquaintance(one)).toBe('none');
    made.know(one, { name: 'u', bounded: true });
    made.remove(one);
    const seen = (address: string, shape: string): string => made.acquaintance({ address, shape });
    expect([
      seen('10.0.0.1', 'curl'),
      seen('10.0.0.1', 'kubectl'),
      seen('10.0.0.2', 'curl'),
    ]).toEqual(['client', 'address', 'none']);
  },
);

test(
  'a hello that is none is never the one of a known client, and only so many programs are ' +
    'remembered for an address',
  () => {
    const { made, add } = bounds();
    const seen = (shape: string): string => made.acquaintance({ address: '10.0.0.1', shape });
    for (let i = 0; i < 40; i++) {
      const one = add('10.0.0.1', `c${i}`);
      one.shape = i === 0 ? '' : `s${i}`;
      made.know(one, { name: `u${i}`, bounded: false });
      expect(seen('')).toBe('address');
    }
    expect([seen('s1'), seen('s7'), seen('s8'), seen('s39')]).toEqual([
      'address',
      'address',
      'client',
      'client',
    ]);
  },
);

describe('the sweep', () => {
  test('ends what never asked before what asked once, and nothing being answered', () => {
    const { made, add, ended } = bounds();
    add('10.0.0.1', 'silent').secure = true;
    const asked = add('10.0.0.2', 'asked');
    made.begin(asked);
    made.finish(asked);
    const open = add('10.0.0.3', 'open');
    made.begin(open);
    const now = performance.now();
    made.sweep(now + 500);
    expect(ended).toEqual([]);
    made.sweep(now + 1500);
    expect(ended).toEqual(['silent']);
    made.sweep(now + 6000);
    expect(ended).toEqual(['silent', 'asked']);
    made.sweep(now + 600_000);
    expect(ended).toEqual(['silent', 'asked']);
  });

  test('ends what never agreed on TLS first of all', () => {
    const { made, add, ended } = bounds();
    add('10.0.0.1', 'secure').secure = true;
    add('10.0.0.1', 'plain');
    made.sweep(performance.now() + 500);
    expect(ended).toEqual(['plain']);
  });

  test('two requests at once are one rest', () => {
    const { made, add, ended } = bounds();
    const both = add('10.0.0.1', 'both');
    made.begin(both);
    made.begin(both);
    made.finish(both);
    made.sweep(performance.now() + 60_000);
    expect(ended).toEqual([]);
    made.finish(both);
    made.sweep(performance.now() + 60_000);
    expect(ended).toEqual(['both']);
  });
});

test.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8::1', '2001:db8::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
  ['::1', '::/64'],
  ['', ''],
])('%s counts as %s', (address, network) => expect(networkOf(address)).toBe(network));
