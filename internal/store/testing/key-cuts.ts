import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { realDisk } from '../../io/disk.ts';
import { seededRandom } from '../../io/random.ts';
import { changeKeys, fileKeeper, loadKeyRing } from '../key-ring.ts';
import { CrashDisk, type Files } from './crash-disk.ts';
import { readTrace } from './disk-trace.ts';
import { FaultDisk } from './fault-disk.ts';
import { openInlineStore } from './inline-journal.ts';
import { look, requireThat } from './judge.ts';
import { materialize } from './life.ts';
import { LifeClock } from './workload.ts';

const cutsPerMoment = 1;

/**
 * `node key-cuts.ts DIR SEED`: makes keys, changes them twice and stops encrypting, and cuts the
 * power at every call. Prints how often.
 */
const [dir = '', seed = '1'] = process.argv.slice(2);
const random = seededRandom(Number(seed));
const root = join(dir, 'life');
mkdirSync(join(root, 'db'), { recursive: true });
const ringOf = (below: string): { disk: typeof realDisk; random: typeof random; path: string } => ({
  disk: realDisk,
  random,
  path: join(below, 'keys.json'),
});
/** As a server starts: first the keys, then the store with them. */
async function open(below: string): ReturnType<typeof openInlineStore> {
  const encryption = await loadKeyRing(ringOf(below));
  return await openInlineStore({
    path: join(below, 'db/store.db'),
    clock: new LifeClock(),
    seed: 1,
    historyMs: 0,
    checkpointPages: 12,
    encryption,
  });
}

const start: Files = new Map([['db/', Buffer.alloc(0)]]);
const disk = new FaultDisk();
disk.trace(root, join(dir, 'trace'));
const { store } = await open(root);
const secret = (i: number): string => `/registry/secrets/default/s${i}`;
for (let i = 0; i < 20; i++)
  await store.put({ key: secret(i), value: random.bytes(random.int(300)) });
disk.note({ written: true });
const truth = await look(store);
for (const change of ['rotate', 'rotate', 'disable'] as const)
  await changeKeys({ keeper: fileKeeper(ringOf(root)), random, store, change });
await store.close();
disk.stop();
const calls = readTrace(readFileSync(join(dir, 'trace')));
const written = calls.findIndex((call) => call.call === 'note');

let states = 0;
for (const kind of ['journaled', 'loose'] as const) {
  const model = new CrashDisk(root, kind, start);
  for (let at = 0; at <= calls.length; at++) {
    for (let i = 0; i < cutsPerMoment; i++)
      await cut(
        model.crash(random),
        `${kind} disk, cut before call ${at} of ${calls.length}`,
        at > written,
      );
    const call = calls[at];
    if (call !== undefined) model.apply(call);
  }
}
process.stdout.write(`${states}\n`);

/** The keys that are there open the store that is there. */
async function cut(files: Files, moment: string, whole: boolean): Promise<void> {
  states++;
  const below = join(dir, 'cut');
  materialize(below, files, random);
  const again = await open(below).catch((error: unknown) => {
    throw new Error(`${moment}: ${String(error)}`, { cause: error });
  });
  const found = await look(again.store);
  if (whole)
    requireThat(
      isDeepStrictEqual(found.keys, truth.keys),
      `${moment}: ${found.keys.size} secrets of ${truth.keys.size}`,
    );
  await again.store.close();
}
