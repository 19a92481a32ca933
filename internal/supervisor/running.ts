import { ConfigError, messageOf } from '../base/errors.ts';
import type { Doors } from './doors.ts';
import { machineShutsDown } from './machine-shuts-down.ts';

/** A part that runs until it is stopped. */
export interface Part {
  name: string;
  stop(): Promise<void> | void;
  /** The whole machine is about to end: done before anything is stopped, however long it takes. */
  machineEnds?(): Promise<void>;
}

/** An orderly end must not hang on a part that does not answer. */
const partStopsWithinMs = 5000;

/** Takes the place of the one skiff on this machine, or says who holds it. */
export async function claimPidFile(doors: Doors, path: string): Promise<void> {
  const holder = Number((await doors.disk.readIfThere('pid file', path))?.toString().trim());
  if (Number.isInteger(holder) && holder > 1 && holder !== process.pid) {
    const other = (await doors.processes.list('pid file')).find((p) => p.pid === holder);
    if (other?.command.some((word) => /skiff/.test(word))) {
      throw new ConfigError(`skiff is running already (process ${holder})`, {
        op: 'start',
        hint: 'stop it first',
      });
    }
  }
  await doors.disk.writeAtomic('pid file', path, `${process.pid}\n`);
}

/**
 * Stops the parts, the last started first, when the process is told to end; then ends it.
 * Containers are left alone.
 */
export function stopOnSignal(doors: Doors, parts: Part[], pidFile: string): void {
  let stopping = false;
  const stop = async (signal: string): Promise<void> => {
    if (stopping) return;
    stopping = true;
    doors.log.info('stopping', { signal });
    await endWithMachine(doors, parts);
    await stopParts(doors, parts, pidFile);
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop('SIGTERM'));
  process.on('SIGINT', () => void stop('SIGINT'));
}

/** When it is the machine that ends, and not this service alone, pods end in good order. */
async function endWithMachine(doors: Doors, parts: readonly Part[]): Promise<void> {
  const ends = parts.flatMap((part) => part.machineEnds ?? []);
  try {
    if (ends.length > 0 && (await machineShutsDown(doors)))
      await Promise.all(ends.map((end) => end()));
  } catch (error) {
    doors.log.warn('pods did not end in good order', { error: messageOf(error) });
  }
}

/** Stops the parts, the last started first. */
export async function stopParts(doors: Doors, parts: Part[], pidFile: string): Promise<void> {
  for (const part of parts.toReversed()) {
    try {
      await Promise.race([part.stop(), doors.clock.sleep('stop', partStopsWithinMs)]);
    } catch (error) {
      doors.log.warn('a part did not stop well', { part: part.name, error: messageOf(error) });
    }
  }
  await doors.disk.remove('pid file', pidFile).catch(() => undefined);
}

/**
 * Tells systemd that the service stands (sd_notify). Node has no datagram sockets of the Unix kind,
 * so systemd's own tool says it for us; the unit has NotifyAccess=all for that.
 */
export async function notifyReady(doors: Doors): Promise<void> {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  await doors.spawn
    .run('notify', ['systemd-notify', '--ready', `--pid=${process.pid}`])
    .catch((error: unknown) => {
      doors.log.warn('systemd was not told that the service is ready', { error: messageOf(error) });
    });
}
