import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { StoreError } from '../errors.ts';
import { openInlineStore } from './inline-journal.ts';
import { type Found, look } from './judge.ts';
import { LifeClock } from './workload.ts';

const flips = Number(process.env['SKIFF_SIMULATIONS'] ?? 1000) / 5;
const seed = testSeed();
const dir = mkdtempSync(join(tmpdir(), 'skiff-rot-'));
const path = join(dir, 'store.db');
afterAll(() => rmSync(dir, { recursive: true }));

const open = (file: string): ReturnType<typeof openInlineStore> =>
  openInlineStore({
    path: file,
    clock: new LifeClock(),
    seed,
    historyMs: 60_000,
    checkpointPages: 1000,
  });

/** What the two newest commits take of the log, at most: a few pages each. */
const lastCommitsBytes = 12 * 4120;

/**
 * The store as it is on the disk: everything synced, the newest part of it still in the write-ahead
 * log.
 */
let truth: Found;
beforeAll(async () => {
  const { store } = await open(path);
  const random = seededRandom(seed);
  for (let i = 0; i < 300; i++)
    await store.put({
      key: `key${random.int(150)}`,
      value: Buffer.alloc(random.int(600), `${i} `),
    });
  await store.leaseGrant({ id: '7', ttlSeconds: 1000 });
  await store.compact(store.revision - 20);
  await store.flushed();
  await store.defragment();
  for (let i = 0; i < 40; i++)
    await store.put({
      key: `key${random.int(200)}`,
      value: Buffer.alloc(random.int(600), `${i}; `),
    });
  truth = await look(store);
  // The process is killed here: what it leaves is copied while it still runs.
  for (const name of ['store.db', 'store.db-wal'])
    copyFileSync(join(dir, name), join(dir, `kept-${name}`));
  await store.close();
});

/**
 * Turns one bit round in a file and opens the store: 'whole' when everything is there, 'refused'
 * when it says so, 'less' otherwise.
 */
async function flip(
  name: string,
  random: Random,
): Promise<{ outcome: 'whole' | 'refused' | 'less'; at: number }> {
  for (const each of ['store.db', 'store.db-wal', 'store.db-shm'])
    rmSync(join(dir, each), { force: true });
  for (const each of ['store.db', 'store.db-wal'])
    cpSync(join(dir, `kept-${each}`), join(dir, each));
  const bytes = readFileSync(join(dir, name));
  const at = random.int(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << random.int(8));
  writeFileSync(join(dir, name), bytes);
  try {
    const { store } = await open(path);
    const found = await look(store);
    const same = isDeepStrictEqual(found, truth);
    for (let i = 0; i < 60; i++)
      await store.put({ key: `more${i}`, value: Buffer.alloc(500, 'x') });
    const more = await look(store);
    await store.close();
    const again = await open(path);
    expect(await look(again.store), `after a flip at ${at} of ${name}`).toEqual(more);
    await again.store.close();
    return { outcome: same ? 'whole' : 'less', at };
  } catch (error) {
    if (!(error instanceof StoreError) || error.hint === undefined)
      throw new Error(`a flip at ${at} of ${name}: ${String(error)}`, { cause: error });
    expect(existsSync(path)).toBe(true);
    return { outcome: 'refused', at };
  }
}

describe('a bit that turned round in what was synced', () => {
  const outcomes = async (name: string): Promise<Record<string, number[]>> => {
    const random = seededRandom(seed);
    const found: Record<string, number[]> = { whole: [], refused: [], less: [] };
    for (let i = 0; i < flips; i++) {
      const { outcome, at } = await flip(name, random);
      found[outcome]?.push(at);
    }
    console.log(
      `${flips} flips in ${name} from seed ${seed}: ${Object.entries(found)
        .map(([outcome, at]) => `${at.length} ${outcome}`)
        .join(', ')}`,
    );
    return found;
  };

  test('the database is refused, or shows all of it', async () => {
    expect((await outcomes('store.db'))['less']).toEqual([]);
  });

  test('the write-ahead log is refused, or lacks only its newest commits', async () => {
    const { less, refused } = await outcomes('store.db-wal');
    const newest = readFileSync(join(dir, 'kept-store.db-wal')).length - lastCommitsBytes;
    expect(less?.filter((at) => at < newest)).toEqual([]);
    expect(refused?.length).toBeGreaterThan(flips / 2);
  });
});
