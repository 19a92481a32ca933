import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { NftGuards } from './guards.ts';
import { FakeSpawn } from '../../io/spawn.fake.ts';

let clock: FakeClock;
let guards: NftGuards;
let spawn: FakeSpawn;
const say = (text: string): void => spawn.started.at(-1)?.say(text);
let tables: string;

beforeEach(() => {
  clock = new FakeClock();
  tables = '';
  spawn = new FakeSpawn(() => ({ stdout: tables }));
  guards = new NftGuards({ spawn, clock, log: silentLog });
});

it('tells the owner of a table, and nobody else, by one monitor', async () => {
  const told: string[] = [];
  const one = guards.guard('ip skiff', () => told.push('one'));
  const two = guards.guard('inet skiff-policy', () => told.push('two'));
  expect(spawn.started.length).toBe(1);
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
