import { join } from 'node:path';
import type { OrderedUpgrades } from '../../agent/options.ts';
import { messageOf } from '../../base/errors.ts';
import { buildInfo } from '../../io/assets.ts';
import { isOrderOf } from '../../pki/order.ts';
import type { Doors } from '../doors.ts';
import { isVersion } from './release-source.ts';
import { readLater, readOutcome, readTrial } from './trial.ts';

const op = 'upgrade';
/** Downloads over a slow line, and a snapshot of a large store. */
const prepareMs = 60 * 60_000;

export interface OrderedOptions {
  dataDir: string;
  nodeName: string;
  /** PEM of the servers' authorities, as they are now. */
  authorities(): string;
  /** The executable of the service. */
  program: string;
  doors: Pick<Doors, 'disk' | 'log' | 'processes' | 'random' | 'spawn'>;
}

/**
 * Upgrades that a server orders. An order names a version and nothing else: where releases are and
 * whose signature counts is this machine's own (`skiff upgrade VERSION`). It is signed with the
 * key of the servers' authority, for this node and for once.
 *
 *     idle -> preparing (brought, checked, put in its place) -> this process ends -> trial -> ...
 *                 \-> failed: nothing was changed
 */
export function orderedUpgrades(options: OrderedOptions): OrderedUpgrades {
  const { dataDir, nodeName, authorities, program, doors } = options;
  const { disk, random, spawn } = doors;
  const log = doors.log.named('upgrade');
  const { version, build } = buildInfo();
  let nonce = random.uuid();
  let preparing: string | undefined;
  let failed: { to: string; message: string } | undefined;

  const prepare = async (to: string): Promise<void> => {
    const done = await spawn.run(
      op,
      [program, 'upgrade', to, '--prepare', '--data-dir', dataDir, '--program', program],
      { timeoutMs: prepareMs },
    );
    if (done.code !== 0) throw new Error(lastLine(done.stderr) || `it ended with ${done.code}`);
    if (!(await readTrial(disk, dataDir))) throw new Error(lastLine(done.stdout.toString()));
    log.info('a server has ordered another version: it is started', { to });
    doors.processes.kill(op, process.pid, 'SIGTERM');
  };

  return {
    report: async () => {
      const state = { runs: `v${version} (${build})`, nonce };
      if (preparing !== undefined)
        return { ...state, phase: 'preparing', to: preparing, message: '' };
      const trial = await readTrial(disk, dataDir);
      if (trial) return { ...state, phase: 'trial', to: trial.to, message: '' };
      const later = await readLater(disk, dataDir);
      if (later) return { ...state, phase: 'later', to: later.to, message: '' };
      if (failed) return { ...state, phase: 'failed', ...failed };
      const outcome = await readOutcome(disk, dataDir);
      return outcome
        ? { ...state, phase: outcome.result, to: outcome.to, message: outcome.why }
        : { ...state, phase: 'idle', to: '', message: '' };
    },
    order: async ({ version: to, signature }) => {
      if (!isVersion(to) || to.length > 128) return { status: 400, text: 'that is no version' };
      if (!isOrderOf(authorities(), { node: nodeName, version: to, nonce }, signature)) {
        log.warn('an order that no server has signed was refused', { version: to });
        return { status: 403, text: 'Forbidden: no server has signed this order' };
      }
      nonce = random.uuid();
      if (preparing !== undefined || (await readTrial(disk, dataDir)))
        return { status: 409, text: 'another version is on its way already' };
      if (!(await disk.stat(op, join(dataDir, 'skiff-guard.sh'))))
        return {
          status: 409,
          text: 'this machine was not installed by install.sh: nothing takes a version back here',
        };
      preparing = to;
      failed = undefined;
      prepare(to)
        .catch((error: unknown) => {
          failed = { to, message: messageOf(error) };
          log.warn('an ordered upgrade did not begin', failed);
        })
        .finally(() => (preparing = undefined));
      return { status: 200, text: 'it is on its way' };
    },
  };
}

const lastLine = (text: string): string =>
  (text.trim().split('\n').at(-1) ?? '').replace(/^skiff: /, '').slice(0, 500);
