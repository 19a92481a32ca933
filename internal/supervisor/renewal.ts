import { messageOf } from '../base/errors.ts';
import type { Doors } from './doors.ts';
import type { Part } from './running.ts';

/**
 * Leaves are renewed months before their end, so that twice a day is often enough and still no
 * ticking.
 */
const looksEveryMs = 12 * 3600 * 1000;

/** Issues what is due and puts it in its place; true = something was. */
export type Renew = () => Promise<boolean>;

export interface Renewal extends Part {
  /** Looks now: names, addresses or the clock have changed. */
  look(): Promise<void>;
  add(renew: Renew): void;
}

/**
 * Renews certificates while the server runs: a machine that is never restarted must not stop on its
 * birthday, nor when its clock is set, nor when its address changes.
 */
export function startRenewal({ clock, log }: Pick<Doors, 'clock' | 'log'>): Renewal {
  const all: Renew[] = [];
  let queue = Promise.resolve();
  const one = async (renew: Renew): Promise<void> => {
    try {
      if (await renew()) log.info('certificates renewed');
    } catch (error) {
      log.error('certificates could not be renewed', { error: messageOf(error) });
    }
  };
  // One look after the other: two would issue the same certificate twice.
  const look = (): Promise<void> =>
    (queue = queue.then(async () => {
      for (const renew of all) await one(renew);
    }));
  const timer = clock.every('certificates', looksEveryMs, () => void look());
  const unfollow = clock.onJump(() => void look());
  return {
    name: 'certificates',
    look,
    add: (renew) => void all.push(renew),
    stop: () => {
      timer.cancel();
      unfollow();
    },
  };
}
