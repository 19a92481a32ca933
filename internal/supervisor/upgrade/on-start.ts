import { messageOf } from '../../base/errors.ts';
import { pruneUnpacked } from '../../io/assets.ts';
import { forgetLastWords, readLastWords } from '../../io/last-words.ts';
import { sha256File } from '../../io/file-sum.ts';
import type { NodeConfig } from '../config.ts';
import type { Doors } from '../doors.ts';
import { tryAgainWhenReady } from './again.ts';
import { lastGood, nameToo, triedAgain } from './begin.ts';
import { startJudge, type Judge } from './judge.ts';
import {
  beganMs,
  endTrial,
  goOn,
  keepForLater,
  readLater,
  readReturned,
  readTrial,
  wasPutOff,
  type Trial,
} from './trial.ts';

const op = 'upgrade';

interface OnStart {
  config: Pick<NodeConfig, 'dataDir' | 'runDir'>;
  doors: Doors;
  /** Whether its servers are elsewhere: one that they did not answer is put off, not rejected. */
  agent?: boolean;
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
  if (returned !== undefined) await takeBack(options, returned);
  const end = (): void => void doors.processes.kill(op, process.pid, 'SIGTERM');
  const trial = await readTrial(disk, dataDir);
  const inPlace = trial && (await sha256File(op, trial.program)) === trial.sha256;
  // The power went before the new executable was in its place.
  if (trial?.again && !inPlace) await keepForLater(disk, dataDir, trial);
  else if (trial && !inPlace) {
    await endTrial(disk, dataDir, trial, 'returned');
    log.warn('an upgrade did not take place', { to: trial.to, runs: trial.from });
    return undefined;
  }
  if (!inPlace) {
    await pruneUnpacked().catch((error: unknown) =>
      log.warn('what older versions unpacked was not removed', { error: messageOf(error) }),
    );
    const later = await readLater(disk, dataDir);
    return later && tryAgainWhenReady({ trial: later, dataDir, doors, end });
  }
  await goOn(disk, dataDir);
  log.info('this version is on trial', { from: trial.from, to: trial.to });
  const { program } = trial;
  return startJudge({
    trial,
    dataDir,
    doors,
    keep: async () => {
      await disk.remove(op, triedAgain(program));
      await nameToo(doors, program, lastGood(program)).catch((error: unknown) =>
        log.warn('this version was not kept as good', { error: messageOf(error) }),
      );
    },
    ...(options.agent && { setAside: () => nameToo(doors, program, triedAgain(program)) }),
    end,
  });
}

/** The old executable runs again: why, and whether the other is tried once more. */
async function takeBack(options: OnStart, returned: Trial): Promise<void> {
  const { doors, config } = options;
  const { disk, log } = doors;
  const { dataDir, runDir } = config;
  const { from, to } = returned;
  if (await wasPutOff(disk, dataDir)) {
    await keepForLater(disk, dataDir, returned);
    return log.warn('an upgrade is put off until a server answers', { to, runs: from });
  }
  await bringStoreBack(options, returned.snapshot);
  const words = readLastWords(runDir);
  const its = words !== undefined && words.atMs >= (await beganMs(disk, dataDir));
  const dying = its ? words.message : undefined;
  await disk.remove(op, triedAgain(returned.program));
  const { why } = await endTrial(disk, dataDir, returned, 'returned', dying);
  if (its) forgetLastWords(runDir);
  log.error('an upgrade was taken back', { to, because: why, runs: from });
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
