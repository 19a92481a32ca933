import { mkdtempSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
import { realClock } from '../../io/clock.ts';
import { silentLog } from '../../io/log.ts';
import { realRandom, seededRandom } from '../../io/random.ts';
import { etcdFile } from '../bolt/etcd-file.ts';
import { EncryptedStore } from '../encrypted-store.ts';
import { LogStore } from '../log-store.ts';
import { recover } from '../recovery.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { restoreSnapshot } from './upkeep.ts';

test(
  "an etcd's snapshot whose Secrets a server encrypted is refused: the store could not read " +
    'them',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'skiff-from-etcd-'));
    const clock = new FakeClock();
    const inner = new LogStore({
      journal: new MemoryJournal(),
      recovered: recover([], clock).recovered,
      clock,
      log: silentLog,
      random: seededRandom(1),
      historyMs: 0,
    });
    const sealed = new EncryptedStore(inner, {
      clock,
      encryption: {
        prefixes: ['/registry/secrets/'],
        keys: [{ id: 1, key: realRandom.bytes(32) }],
      },
    });
    const write = async (name: string): Promise<string> => {
      const pages: Buffer[] = [];
      const steps = etcdFile(await inner.contents(), {
        memberId: '1',
        name: 'one',
        clientUrls: [],
        raftTerm: 2,
      });
      for (let step = steps.next(); ; step = steps.next()) {
        if (step.done === true) {
          writeFileSync(join(dir, name), Buffer.concat([step.value, ...pages]));
          return join(dir, name);
        }
        pages.push(step.value);
      }
    };
    await sealed.put({ key: '/registry/pods/p', value: Buffer.from('for all eyes') });
    expect(
      (
        await restoreSnapshot({
          snapshot: await write('plain'),
          dir: join(dir, 'db'),
          clock: realClock,
        })
      ).kept,
    ).toBeUndefined();
    await sealed.put({ key: '/registry/secrets/s', value: Buffer.from('hidden') });
    await expect(
      restoreSnapshot({ snapshot: await write('sealed'), dir: join(dir, 'db'), clock: realClock }),
    ).rejects.toMatchObject({
      message: /encrypted before they came to its etcd/,
      hint: /--cluster-reset-restore-path/,
    });
    expect(existsSync(join(dir, 'db/store.db.restore'))).toBe(false);
    rmSync(dir, { recursive: true, force: true });
  },
);
