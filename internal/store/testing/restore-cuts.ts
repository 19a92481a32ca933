import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { seededRandom } from '../../io/random.ts';
import { restoreSnapshot } from '../sqlite/upkeep.ts';
import { CrashDisk, type Files } from './crash-disk.ts';
import { readTrace } from './disk-trace.ts';
import { FaultDisk } from './fault-disk.ts';
import { openInlineStore } from './inline-journal.ts';
import { look, requireThat } from './judge.ts';
import { materialize } from './life.ts';
import { LifeClock } from './workload.ts';

/** Each moment is cut so often, on each kind of disk. */
const cutsPerMoment = 3;

/**
 * `node restore-cuts.ts DIR SEED`: restores a snapshot over a store that was killed, and cuts the
 * power at every call. Prints how often.
 */
const [dir = '', seed = '1'] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const root = join(dir, 'life');
const snapshot = join(root, 'before.snap');
const open = (below: string): ReturnType<typeof openInlineStore> =>
  openInlineStore({
    path: join(below, 'db/store.db'),
    clock: new LifeClock(),
    seed: 1,
    historyMs: 0,
    checkpointPages: 1000,
  });

mkdirSync(join(root, 'db'), { recursive: true });
const { store } = await open(root);
for (let i = 0; i < 40; i++)
  await store.put({ key: `key${random.int(30)}`, value: random.bytes(random.int(500)) });
await store.snapshot(snapshot);
const before = await look(store);
for (let i = 0; i < 20; i++)
  await store.put({ key: `key${random.int(40)}`, value: random.bytes(random.int(500)) });
const newest = await look(store);
// Killed here: a part of it is in the write-ahead log only.
cpSync(join(root, 'db'), join(dir, 'killed'), { recursive: true });
await store.close();
rmSync(join(root, 'db'), { recursive: true });
cpSync(join(dir, 'killed'), join(root, 'db'), { recursive: true });
rmSync(join(root, 'db/store.db-shm'), { force: true });

const start: Files = new Map([['db/', Buffer.alloc(0)]]);
for (const name of ['before.snap', ...readdirSync(join(root, 'db')).map((each) => `db/${each}`)])
  start.set(name, readFileSync(join(root, name)));
const disk = new FaultDisk();
disk.trace(root, join(dir, 'trace'));
await restoreSnapshot({ snapshot, dir: join(root, 'db'), clock: new LifeClock() });
disk.stop();
const calls = readTrace(readFileSync(join(dir, 'trace')));

let states = 0;
for (const kind of ['journaled', 'loose'] as const) {
  const model = new CrashDisk(root, kind, start);
  for (let at = 0; at <= calls.length; at++) {
    for (let i = 0; i < cutsPerMoment; i++)
      await cut(
        model.crash(random),
        `${kind} disk, cut before call ${at} of ${calls.length}`,
        at === calls.length,
      );
    const call = calls[at];
    if (call !== undefined) model.apply(call);
  }
}
process.stdout.write(`${states}\n`);

/** The store is the old one, whole, or the restored one. */
async function cut(files: Files, moment: string, done: boolean): Promise<void> {
  states++;
  const below = join(dir, 'cut');
  materialize(below, files, random);
  const again = await open(below);
  const found = await look(again.store);
  const restored = isDeepStrictEqual(found.keys, before.keys) && found.revision > newest.revision;
  requireThat(
    restored || (!done && isDeepStrictEqual(found, newest)),
    `${moment}: ${found.keys.size} keys at revision ${found.revision} are neither the store ` +
      'nor the snapshot',
  );
  const { revision } = await again.store.put({ key: 'after', value: Buffer.from('the cut') });
  requireThat(revision === found.revision + 1, `${moment}: the next revision is ${revision}`);
  await again.store.close();
}
