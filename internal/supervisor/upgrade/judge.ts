import { messageOf } from '../../base/errors.ts';
import type { Doors } from '../doors.ts';
import type { Part } from '../running.ts';
import { bootOf, endTrial, putOffTrial, rejectTrial, type Before, type Trial } from './trial.ts';
import { after, verdictOf, type Course, type Look } from './verdict.ts';

const op = 'upgrade';
const looksEveryMs = 500;

export interface Judged {
  trial: Trial;
  dataDir: string;
  doors: Pick<Doors, 'clock' | 'disk' | 'log'>;
  /** Keeps the executable as the one that is known to be good. */
  keep(): Promise<void>;
  /** Keeps it beside the one that is known to be good; without this, nothing is put off. */
  setAside?(): Promise<void>;
  /** Ends this process; the old executable is started in its place. */
  end(): void;
}

/** What a look goes by: what ran before, in which run of the machine, and since when this one runs. */
export interface Since {
  before: Before[];
  rebooted: boolean;
  sinceMs: number;
}

export interface Judge extends Part {
  /** Every part has started: from now on it is looked at. `running`: what runs of its pods now. */
  started(what: { look(since: Since): Promise<Look>; running(): Before[] }): void;
}

/**
 * Judges an executable on trial from inside: it is good when a server finds its node Ready, and
 * what ran before runs on (`verdict.ts`). One that is rejected ends itself.
 */
export function startJudge({ trial, dataDir, doors, keep, setAside, end }: Judged): Judge {
  const { clock, disk, log } = doors;
  const sinceMs = clock.now();
  let stopped = false;
  let course: Course = {
    deadlineMs: clock.monotonicMs() + trial.waitSeconds * 1000,
    mayPutOff: setAside !== undefined && trial.again !== true,
    last: { fault: 'it did not start in time', away: false },
    goodSinceMs: undefined,
  };
  const conclude = async (): Promise<void> => {
    const verdict = verdictOf(course, clock.monotonicMs());
    if (stopped || verdict === 'open') return;
    stopped = true;
    deadline.cancel();
    if (verdict === 'good') {
      await keep();
      await endTrial(disk, dataDir, trial, 'good');
      return log.info('this version is good', { from: trial.from, to: trial.to });
    }
    const because = course.last.fault ?? 'it has not run well for long enough';
    const about = { from: trial.from, to: trial.to, because };
    if (verdict === 'later') {
      log.warn('this version is put off: the old one shall say whether a server answers', about);
      await setAside?.();
      await putOffTrial(disk, dataDir, because);
    } else {
      log.error('this version is taken back', about);
      await rejectTrial(disk, dataDir, because);
    }
    end();
  };
  const said = (error: unknown): void =>
    log.error('the upgrade could not be judged', { error: messageOf(error) });
  const deadline = clock.after(op, trial.waitSeconds * 1000, () => void conclude().catch(said));
  return {
    name: 'upgrade',
    started: ({ look }) =>
      void (async () => {
        const rebooted = trial.boot !== (await bootOf(disk));
        const since = { before: trial.before, rebooted, sinceMs };
        while (!stopped) {
          const last = await look(since).catch(failed);
          course = after(course, last, clock.monotonicMs());
          await conclude();
          if (!stopped) await clock.sleep(op, looksEveryMs);
        }
      })().catch(said),
    stop: () => {
      stopped = true;
      deadline.cancel();
    },
  };
}

export const failed = (error: unknown): Look => ({ fault: messageOf(error), away: false });
