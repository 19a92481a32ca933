import { basename, dirname, join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { pruneUnpacked } from '../../io/assets.ts';
import { forgetLastWords, readLastWords } from '../../io/last-words.ts';
import { sha256File } from '../../io/file-sum.ts';
import type { ServerConfig } from '../config.ts';
import { isShared, openFile } from '../datastore.ts';
import type { Doors } from '../doors.ts';
import { restoreFile } from '../reset.ts';
import { lastGood } from './begin.ts';
import { startJudge, type Judge } from './judge.ts';
import { beganMs, endTrial, readReturned, readTrial } from './trial.ts';

const op = 'upgrade';

interface OnStart {
  config: Pick<ServerConfig, 'dataDir' | 'runDir'>;
  doors: Doors;
  /** Whether the store can be read by this version; undefined where there is none of ours. */
  storeOpens?(): Promise<void>;
  /** Puts a snapshot in the place of the store; what was there is kept. */
  restore?(snapshot: string): Promise<void>;
}

/**
 * What a start has to do with an upgrade: says that one was taken back (and brings the store back
 * when this version cannot read what the newer one left), or has this very version judged. Nothing
 * on trial: what older versions unpacked is removed.
 */
export async function upgradeOnStart(options: OnStart): Promise<Judge | undefined> {
  const { config, doors } = options;
  const { disk, log } = doors;
  const { dataDir } = config;
  const returned = await readReturned(disk, dataDir);
  if (returned !== undefined) {
    await bringStoreBack(options, returned.snapshot);
    const words = readLastWords(config.runDir);
    const its = words !== undefined && words.atMs >= (await beganMs(disk, dataDir));
    const dying = its ? words.message : undefined;
    const { from, to, why } = await endTrial(disk, dataDir, returned, 'returned', dying);
    if (its) forgetLastWords(config.runDir);
    log.error('an upgrade was taken back', { to, because: why, runs: from });
  }
  const trial = await readTrial(disk, dataDir);
  if (trial === undefined) {
    await pruneUnpacked().catch((error: unknown) =>
      log.warn('what older versions unpacked was not removed', { error: messageOf(error) }),
    );
    return undefined;
  }
  // The power went before the new executable was in its place.
  if ((await sha256File(op, trial.program)) !== trial.sha256) {
    await endTrial(disk, dataDir, trial, 'returned');
    log.warn('an upgrade did not take place', { to: trial.to, runs: trial.from });
    return undefined;
  }
  log.info('this version is on trial', { from: trial.from, to: trial.to });
  return startJudge({
    trial,
    dataDir,
    doors,
    keep: async () => await keepAsGood(doors, trial.program),
    end: () => void doors.processes.kill(op, process.pid, 'SIGTERM'),
  });
}

/** How the file below the data directory is tried, and brought back; of other engines nothing. */
export function storeOfUpgrade(
  config: ServerConfig,
  doors: Doors,
): Pick<OnStart, 'storeOpens' | 'restore'> {
  return {
    storeOpens: async () => {
      if (await isShared(config, doors)) return;
      await (await openFile({ config, doors })).close();
    },
    restore: async (snapshot) => void (await restoreFile(config, doors, snapshot)),
  };
}

/** The old executable goes with its last name. */
async function keepAsGood({ disk, spawn, log }: Doors, program: string): Promise<void> {
  const kept = lastGood(program);
  const link = join(dirname(kept), `${basename(kept)}.new`);
  await disk.remove(op, link);
  const linked = await spawn.run(op, ['ln', program, link]);
  const moved = linked.code === 0 ? await spawn.run(op, ['mv', '-f', link, kept]) : linked;
  if (moved.code !== 0) log.warn('this version was not kept as good', { error: moved.stderr });
}

async function bringStoreBack(
  { storeOpens, restore, doors }: OnStart,
  snapshot: string | undefined,
): Promise<void> {
  try {
    await storeOpens?.();
  } catch (error) {
    if (snapshot === undefined || !restore) throw error;
    doors.log.warn(
      'this version cannot read the store as the newer one left it: the snapshot ' +
        'of before is restored',
      { snapshot, error: messageOf(error) },
    );
    await restore(snapshot);
  }
}
