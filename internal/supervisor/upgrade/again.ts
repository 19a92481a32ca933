import { messageOf } from '../../base/errors.ts';
import { sha256File } from '../../io/file-sum.ts';
import type { Doors } from '../doors.ts';
import { putOnTrial, triedAgain } from './begin.ts';
import { failed, type Judge } from './judge.ts';
import { endTrial, type Trial } from './trial.ts';
import { staysMs } from './verdict.ts';

const op = 'upgrade';
/** A machine may wait for its servers for weeks. */
const looksEveryMs = 2000;

/**
 * While the old executable runs in the place of one that was put off: when a server has found its
 * node Ready for a while, the other is tried once more.
 */
export function tryAgainWhenReady({
  trial,
  dataDir,
  doors,
  end,
}: {
  trial: Trial;
  dataDir: string;
  doors: Pick<Doors, 'clock' | 'disk' | 'log' | 'spawn'>;
  /** Ends this process: the other executable is started in its place. */
  end(): void;
}): Judge {
  const { clock, disk, log } = doors;
  const { program, from, to, waitSeconds } = trial;
  const file = triedAgain(program);
  const sinceMs = clock.now();
  let stopped = false;
  return {
    name: 'upgrade to come',
    started: ({ look, running }) =>
      void (async () => {
        let goodSince: number | undefined;
        while (!stopped) {
          const { fault } = await look({ before: [], rebooted: false, sinceMs }).catch(failed);
          goodSince = fault === undefined ? (goodSince ?? clock.monotonicMs()) : undefined;
          if (goodSince !== undefined && clock.monotonicMs() - goodSince >= staysMs) break;
          await clock.sleep(op, looksEveryMs);
        }
        if (stopped) return;
        if (
          (await disk.stat(op, file)) === undefined ||
          (await sha256File(op, file)) !== trial.sha256
        ) {
          log.warn('the version that was put off is not there any more', { to, runs: from });
          return void (await endTrial(disk, dataDir, trial, 'returned'));
        }
        log.info('a server answers: the version that was put off is tried again', { from, to });
        const about = { program, dataDir, from, to, waitSeconds };
        await putOnTrial({
          ...{ ...doors, ...about, file },
          ...{ snapshot: undefined, before: running(), again: true },
        });
        end();
      })().catch((error: unknown) =>
        log.error('the upgrade could not be tried again', { error: messageOf(error) }),
      ),
    stop: () => {
      stopped = true;
    },
  };
}
