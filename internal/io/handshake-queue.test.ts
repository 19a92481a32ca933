import { expect, test } from 'vitest';
import { HandshakeQueue, type Acquaintance } from './handshake-queue.ts';

function queue(): {
  arrive: () => void;
  add: (sender: string, name: string, acquaintance?: Acquaintance) => () => void;
  turn: () => void;
  turns: () => void;
  begun: string[];
} {
  const waiting: (() => void)[] = [];
  const made = new HandshakeQueue({ nextTurn: (fn) => void waiting.push(fn) });
  const begun: string[] = [];
  const turn = (): void => waiting.shift()?.();
  return {
    arrive: () => made.arrive(),
    begun,
    turn,
    turns: () => {
      while (waiting.length > 0) turn();
    },
    add: (sender, name, acquaintance = 'none') =>
      made.add(sender, acquaintance, () => void begun.push(name)),
  };
}

test('one begins at once, and one in each turn', () => {
  const { add, turn, turns, begun } = queue();
  for (let i = 0; i < 3; i++) add('10.0.0.1', `h${i}`);
  expect(begun).toEqual(['h0']);
  turn();
  expect(begun.length).toBe(2);
  turns();
  expect(begun.length).toBe(3);
  add('10.0.0.1', 'later');
  expect(begun).toContain('later');
});

test('an address that sends few does not wait behind one that sends many', () => {
  const { add, turn, begun } = queue();
  for (let i = 0; i < 200; i++) add('10.0.0.1', `bad${i}`);
  add('10.0.0.2', 'good');
  turn();
  turn();
  expect(begun).toContain('good');
});

test('of one address the newest goes first', () => {
  const { add, turns, begun } = queue();
  for (let i = 0; i < 4; i++) add('10.0.0.1', `h${i}`);
  turns();
  expect(begun).toEqual(['h0', 'h3', 'h2', 'h1']);
});

test('known clients have every second turn, known addresses every fourth, and no more', () => {
  const { add, turns, begun } = queue();
  add('10.0.2.1', 'first');
  for (let i = 0; i < 50; i++) add(`10.0.1.${i}`, `stranger${i}`);
  for (let i = 0; i < 3; i++) add(`10.0.0.${i} kubectl`, `client${i}`, 'client');
  for (let i = 0; i < 2; i++) add(`10.0.0.${i}`, `address${i}`, 'address');
  turns();
  expect(begun.slice(0, 9)).toEqual([
    'first',
    'client0',
    'address0',
    'client1',
    'stranger0',
    'client2',
    'address1',
    'stranger1',
    'stranger2',
  ]);
  expect(begun.length).toBe(56);
});

test('a client that is known goes ahead of a flood from its own address', () => {
  const { add, turn, begun } = queue();
  for (let i = 0; i < 200; i++) add('10.0.0.1', `bad${i}`, 'address');
  add('10.0.0.1 kubectl', 'good', 'client');
  for (let i = 0; i < 100; i++) add('10.0.0.1', `later${i}`, 'address');
  turn();
  turn();
  expect(begun).toContain('good');
});

test('what has gone is not begun, and takes no turn', () => {
  const { add, turn, turns, begun } = queue();
  add('10.0.0.1', 'first');
  const gone = [add('10.0.0.2', 'gone'), add('10.0.0.3', 'gone'), add('10.0.0.3', 'gone')];
  add('10.0.0.3', 'stays');
  for (const leave of gone) leave();
  turn();
  expect(begun).toEqual(['first', 'stays']);
  for (const leave of gone) leave();
  turns();
  expect(begun).toEqual(['first', 'stays']);
});

test('handshakes wait while connections come in, and not forever', () => {
  const { add, arrive, turn, turns, begun } = queue();
  arrive();
  add('10.0.0.1', 'waits');
  for (let i = 0; i < 10; i++) {
    turn();
    arrive();
  }
  expect(begun).toEqual([]);
  for (let i = 0; i < 40; i++) {
    turn();
    arrive();
  }
  expect(begun).toEqual(['waits']);
  add('10.0.0.1', 'next');
  turns();
  expect(begun).toEqual(['waits', 'next']);
});
