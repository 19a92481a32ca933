import type { ServerIdentities } from '../pki/authorities.ts';
import { messageOf } from '../base/errors.ts';
import type { Doors } from './doors.ts';
import type { Part } from './running.ts';

/** Leaves are renewed months before their end, so that twice a day is often enough and still no ticking. */
const looksEveryMs = 12 * 3600 * 1000;

/** Renews certificates while the server runs: a machine that is never restarted must not stop on its birthday. */
export function startRenewal(options: {
  doors: Doors;
  current: ServerIdentities;
  /** Issues what is due, and returns all. */
  reload(): Promise<ServerIdentities>;
  /** Serves with, or writes out, what has changed. */
  changed(identities: ServerIdentities): Promise<void> | void;
}): Part {
  const { doors } = options;
  let current = options.current;
  const timer = doors.clock.every('certificates', looksEveryMs, () => void look());
  return { name: 'certificates', stop: () => timer.cancel() };

  async function look(): Promise<void> {
    try {
      const now = await options.reload();
      if (now.apiServer.cert === current.apiServer.cert && now.admin.cert === current.admin.cert) return;
      current = now;
      await options.changed(now);
      doors.log.info('certificates renewed');
    } catch (error) {
      doors.log.error('certificates could not be renewed', { error: messageOf(error) });
    }
  }
}
