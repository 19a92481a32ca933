import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Troubles } from '../client/troubles.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { wasSeen } from '../io/clock.ts';
import { guardClock, readLastTime } from './clock-guard.ts';

const built = Date.UTC(2026, 4, 1);
const dayMs = 24 * 3600 * 1000;
let dataDir: string;
beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'clock-'))));
afterEach(async () => {
  wasSeen(0);
  await rm(dataDir, { recursive: true });
});
const file = (): string => join(dataDir, 'last-time');
const written = async (): Promise<number> => Number(await readFile(file(), 'utf8'));
function guard(nowMs: number, lastMs = 0) {
  const clock = Object.assign(new FakeClock(nowMs), { earliest: Math.max(built, lastMs) });
  const troubles = new Troubles();
  const said: string[] = [];
  const part = guardClock({
    dataDir,
    doors: { clock, disk: realDisk, log: silentLog },
    lastMs,
    troubles,
    said: (reason, message) => void said.push(`${reason}: ${message}`),
  });
  return { clock, troubles, said, part };
}

test('a clock before the build is a trouble until it is set, and is not remembered', async () => {
  const { clock, troubles, said, part } = guard(60_000);
  expect(troubles.list()[0]).toMatchObject({
    type: 'ClockWrong',
    message: expect.stringContaining('1970-01-01'),
  });
  clock.jump(built + dayMs);
  clock.look();
  expect([troubles.list(), said]).toEqual([
    [],
    [expect.stringMatching(/^ClockSet: the clock was set by \d+ s, to 2026-05-02/)],
  ]);
  await part.stop();
  expect(await written()).toBe(built + dayMs + 60_000);
});

test(
  'a clock behind what was seen is a trouble, and believed after an hour: the other may have ' +
    'been ahead',
  async () => {
    const { clock, troubles, part } = guard(built + dayMs, built + 400 * dayMs);
    expect(troubles.list()).toHaveLength(1);
    clock.earliest = built; // what wasSeen(0) brings about with the real one
    await clock.advance(3_700_000);
    expect(troubles.list()).toEqual([]);
    await part.stop();
    expect(await written()).toBeLessThan(built + 2 * dayMs);
  },
);

test('a clock that was ahead and is set back by less is unlearned at once', async () => {
  const { clock, part } = guard(built + dayMs + 3_600_000, built + dayMs - 60_000);
  await expect.poll(() => written().catch(() => 0)).toBe(built + dayMs + 3_600_000);
  clock.jump(built + dayMs + 30_000 - clock.now());
  clock.look();
  await expect.poll(written).toBe(built + dayMs + 30_000);
  await part.stop();
});

test.each([
  ['garbage', '\0\xff'],
  ['empty', ''],
  ['beyond all sense', '99999999999999'],
  ['before the build', '100000000000'],
])('a remembered time that is %s is none', async (_what, text) => {
  await writeFile(file(), text);
  const clock = Object.assign(new FakeClock(built), { earliest: built });
  expect(await readLastTime(dataDir, { clock, disk: realDisk, log: silentLog })).toBe(0);
});

test('the card is not worn: a time that is near the last is not written', async () => {
  const { part } = guard(built + dayMs, built + dayMs - 60_000);
  await part.stop();
  await expect(written()).rejects.toThrow(/ENOENT/);
});
