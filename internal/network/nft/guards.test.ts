import { partOf } from '../../base/testing/part-of.ts';
import { EventEmitter } from 'node:events';
import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import type { Spawn } from '../../io/spawn.ts';
import { NftGuards } from './guards.ts';

let clock: FakeClock;
let guards: NftGuards;
let say: (text: string) => void;
let started: number;
let tables: string;

beforeEach(() => {
  clock = new FakeClock();
  started = 0;
  tables = '';
  const spawn = partOf<Spawn>({
    start: () => {
      started++;
      const out = new EventEmitter();
      say = (text) => void out.emit('data', Buffer.from(`${text}\n`));
      return Object.assign(new EventEmitter(), {
        stdout: out,
        stderr: new EventEmitter(),
        kill: () => true,
      });
    },
    run: () =>
      Promise.resolve({ code: 0, signal: undefined, stdout: Buffer.from(tables), stderr: '' }),
  });
  guards = new NftGuards({ spawn, clock, log: silentLog });
});

it('tells the owner of a table, and nobody else, by one monitor', async () => {
  const told: string[] = [];
  const one = guards.guard('ip skiff', () => told.push('one'));
  const two = guards.guard('inet skiff-policy', () => told.push('two'));
  expect(started).toBe(1);
  say('delete table inet skiff-policy\n# new generation 3 by process 1 (nft)');
  await clock.advance(0);
  expect(told).toEqual(['two']);
  const stamp = /\{ (\d+) \}/.exec(one.stamp())?.[1];
  say(
    'add table ip skiff\nadd element ip skiff stamp { ' +
      `0x${Number(stamp).toString(16).padStart(8, '0')} }\n# new generation 4 by process 1 ` +
      '(nft)',
  );
  await clock.advance(1000);
  expect(told).toEqual(['two']);
  one.stop();
  two.stop();
});

it('puts back at once, and ever later while somebody is at it', async () => {
  const told: number[] = [];
  guards.guard('inet skiff-policy', () => told.push(clock.monotonicMs()));
  for (let i = 0; i < 4; i++) {
    say('delete table inet skiff-policy\n# new generation 3 by process 1 (nft)');
    await clock.advance(1000);
  }
  expect(told).toEqual([0, 1050, 2100, 3200]);
});

it('looks whether the tables are there when events were lost', async () => {
  const told: string[] = [];
  guards.guard('ip skiff', () => told.push('one'));
  guards.guard('inet skiff-policy', () => told.push('two'));
  tables = 'table ip skiff\n';
  say('# ERROR: We lost some netlink events!');
  await clock.advance(0);
  expect(told).toEqual(['two']);
});
