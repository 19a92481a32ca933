import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import type { Disk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import type { NftGuards } from './guards.ts';
import { TableWriter } from './table-writer.ts';
import { FakeSpawn } from '../../io/spawn.fake.ts';

let clock: FakeClock;
/** What the owner of the table wants; and each text that the kernel took. */
let wanted: number;
let known: boolean;
let loads: string[];
let refused: (text: string) => boolean;
let events: string[];
let takenAway: () => void;
let writer: TableWriter;

beforeEach(() => {
  clock = new FakeClock();
  [wanted, known, loads, refused, events] = [0, true, [], () => false, []];
  let file = '';
  const disk = {
    writeAtomic: (_op: string, path: string, text: string) =>
      Promise.resolve(void ((file = text), events.push(path))),
  } as Disk;
  const spawn = new FakeSpawn(() => {
    const text = file.replace('stamp', '');
    if (!refused(text)) loads.push(text);
    return { code: refused(text) ? 1 : 0, stderr: 'conflicting protocols' };
  });
  const guards = {
    guard: (_table: string, putBack: () => void) => (
      (takenAway = putBack),
      { stamp: () => 'stamp', stop: () => undefined }
    ),
  } as NftGuards;
  let shown = 0;
  writer = new TableWriter({
    ...{
      clock,
      disk,
      spawn,
      guards,
      log: silentLog,
      runDir: '/run/x',
      name: 'test',
      table: 'ip test',
      what: 'rules',
    },
    record: (_kind, name) => Promise.resolve(void events.push(`record ${name}`)),
    text: (whole) => {
      if (!known) return undefined;
      const change = whole ? `all ${wanted}` : shown === wanted ? '' : `to ${wanted}`;
      shown = wanted;
      return change;
    },
    written: () => Promise.resolve(void events.push('written')),
  });
});

const change = (): number => {
  wanted += 1;
  return writer.touch();
};

it('loads the whole table first, and then what changed, many changes at once', async () => {
  known = false;
  change();
  await clock.advance(100);
  expect(loads).toEqual([]);
  known = true;
  change();
  await clock.advance(10);
  expect([loads, events]).toEqual([['all 2'], ['record ip test', '/run/x/test.nft', 'written']]);
  for (let i = 0; i < 5; i++) change();
  await clock.advance(20);
  expect(loads).toEqual(['all 2']); // no two of them within 50 ms
  await clock.advance(50);
  expect(loads).toEqual(['all 2', 'to 7']);
  writer.touch();
  await clock.advance(100);
  expect([loads.length, events.filter((e) => e === 'written').length]).toEqual([2, 3]);
});

it('loads the whole table when a change is refused, and again when that is', async () => {
  change();
  await clock.advance(100);
  refused = (text) => text.startsWith('to');
  change();
  await clock.advance(100);
  expect(loads).toEqual(['all 1', 'all 2']);
  refused = () => true;
  const revision = change();
  const told = writer.applied(revision, 60_000).catch((error: Error) => error.message);
  await clock.advance(100);
  expect(await told).toMatch(/^rules could not be written: .*conflicting protocols/);
  refused = () => false;
  await clock.advance(1000);
  expect(loads).toEqual(['all 1', 'all 2', 'all 3']);
});

it('tells when a state stands, and gives up waiting for one that does not come', async () => {
  const first = change();
  const order: string[] = [];
  const done = writer.applied(first, 1000).then(() => order.push('stands'));
  await clock.advance(10);
  await done;
  expect([order, loads]).toEqual([['stands'], ['all 1']]);
  await writer.applied(first, 1000);
  known = false;
  const late = writer.applied(change(), 1000).catch((error: Error) => error.message);
  await clock.advance(1000);
  expect(await late).toBe('the rules of the node are not known yet');
});

it('puts it back when somebody has taken it away, and nothing after a stop', async () => {
  change();
  await clock.advance(100);
  takenAway();
  await clock.advance(100);
  expect(loads).toEqual(['all 1', 'all 1']);
  change();
  writer.stop();
  await clock.advance(1000);
  expect(loads).toHaveLength(2);
});
