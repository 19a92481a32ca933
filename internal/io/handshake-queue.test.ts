import { expect, test } from 'vitest';
import { HandshakeQueue } from './handshake-queue.ts';

function queue(): { arrive: () => void; add: (address: string, name: string, known?: boolean) => () => void; turn: () => void; turns: () => void; begun: string[] } {
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
    add: (address, name, known = false) => made.add(address, known, () => void begun.push(name)),
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

test('known addresses have every second turn, and no more', () => {
  const { add, turns, begun } = queue();
  for (let i = 0; i < 50; i++) add(`10.0.1.${i}`, `stranger${i}`);
  for (let i = 0; i < 3; i++) add(`10.0.0.${i}`, `known${i}`, true);
  turns();
  expect(begun.slice(0, 7)).toEqual(['stranger0', 'known0', 'stranger1', 'known1', 'stranger2', 'known2', 'stranger3']);
  expect(begun.length).toBe(53);
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

test('handshakes wait while connections come in, and not for ever', () => {
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
