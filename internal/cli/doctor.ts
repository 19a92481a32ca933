import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { statfs } from '../io/filesystem.ts';
import { realHost } from '../io/host.ts';
import { realProcesses } from '../io/processes.ts';
import { realSpawn } from '../io/spawn.ts';
import { findAirgapPrograms } from '../supervisor/airgap/programs.ts';
import { op, type Check, type Patient } from '../supervisor/doctor/check.ts';
import { examine, mend } from '../supervisor/doctor/doctor.ts';
import { printJson } from './output.ts';

const signs = { ok: 'ok     ', note: 'note   ', bad: 'MISSING' } as const;

/** This machine. */
export function patient(dataDir: string): Patient {
  findAirgapPrograms(dataDir);
  const doors = { disk: realDisk, spawn: realSpawn, host: realHost, processes: realProcesses };
  const room = (path: string): ReturnType<typeof statfs> => statfs(op, path);
  return { doors: { ...doors, clock: realClock, room }, dataDir };
}

/** A line each; the exit status is 1 when a node does not work so. */
export function report(checks: Check[], words: Record<Check['state'], string> = signs): void {
  for (const { what, state, fix } of checks)
    process.stdout.write(`${words[state]} ${what}${state === 'ok' ? '' : `: ${fix}`}\n`);
  if (checks.some(({ state }) => state === 'bad')) process.exitCode = 1;
}

/** `skiff doctor`: what is wrong with this machine, and what to do about it. */
export async function doctor(options: {
  dataDir: string;
  fix?: boolean;
  output: string;
}): Promise<void> {
  const here = patient(options.dataDir);
  if (!realHost.isRoot())
    process.stderr.write('only root can see all of this: sudo skiff doctor\n');
  const { done, now } = options.fix ? await mend(here) : { done: [], now: await examine(here) };
  for (const line of done) process.stderr.write(`fixed   ${line}\n`);
  if (options.output !== 'json') return report(now, { ...signs, bad: 'BAD    ' });
  const plain = now.map(({ what, state, fix, mend: can }) => ({ what, state, fix, mends: !!can }));
  printJson(plain);
  if (now.some(({ state }) => state === 'bad')) process.exitCode = 1;
}
