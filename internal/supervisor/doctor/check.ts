import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { FilesystemRoom } from '../../io/filesystem.ts';
import type { Host } from '../../io/host.ts';
import type { Processes } from '../../io/processes.ts';
import type { Spawn } from '../../io/spawn.ts';

/** What a machine was asked, and what it came to. */
export interface Check {
  what: string;
  /** `bad`: a node does not work so. `note`: it does, and not as well as it could. */
  state: 'ok' | 'note' | 'bad';
  /** What to do; empty when it is well. */
  fix: string;
  /** Does what `fix` says, where that can do no harm. */
  mend?(): Promise<void>;
}

export interface DoctorDoors {
  disk: Disk;
  spawn: Spawn;
  host: Host;
  processes: Processes;
  clock: Clock;
  room(path: string): Promise<FilesystemRoom>;
}

export interface Patient {
  doors: DoctorDoors;
  dataDir: string;
}

export const op = 'doctor';
export const well = (what: string): Check => ({ what, state: 'ok', fix: '' });

/** What a program says; undefined when it is not there or does not succeed. */
export async function said({ spawn }: DoctorDoors, command: string[]): Promise<string | undefined> {
  const done = await spawn.run(op, command).catch(() => undefined);
  return done?.code === 0 ? done.stdout.toString() : undefined;
}

export const textOf = async ({ disk }: DoctorDoors, path: string): Promise<string> =>
  (await disk.readIfThere(op, path).catch(() => undefined))?.toString() ?? '';
