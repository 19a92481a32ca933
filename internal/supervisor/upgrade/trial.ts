import { join } from 'node:path';
import { ConfigError } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';

const op = 'upgrade';

/** A container that ran before an upgrade, and has to run after it. */
export interface Before {
  namespace: string;
  pod: string;
  uid: string;
  /** Name and id of each container that ran. */
  containers: Record<string, string>;
}

/** An executable that was put in the place of another and has to prove itself. */
export interface Trial {
  format: 1;
  /** Where the executable lies, and what lies there now. */
  program: string;
  sha256: string;
  /** As "skiff version" says it. */
  from: string;
  to: string;
  /** Of the store, before. */
  snapshot?: string;
  waitSeconds: number;
  before: Before[];
  /** Of which run of the machine `before` tells (bootOf). */
  boot: string;
  /** The second trial of one that was put off: there is no third. */
  again?: true;
}

/** How a trial ended; `later`: it begins once more when a server answers. */
export interface Outcome {
  result: 'good' | 'returned' | 'later';
  from: string;
  to: string;
  why: string;
}

/**
 * This run of the machine. A container that passes for a machine has the kernel's name in common
 * with others, but not the start of its first process (proc_pid_stat(5), field 22).
 */
export async function bootOf(disk: Disk): Promise<string> {
  const read = async (path: string): Promise<string> =>
    ((await disk.readIfThere(op, path))?.toString() ?? '').trim();
  const stat = await read('/proc/1/stat');
  // The name of the program may hold anything, and ends with the last bracket.
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return `${await read('/proc/sys/kernel/random/boot_id')} ${started}`;
}

const folder = (dataDir: string): string => join(dataDir, 'upgrade');
/** Read by the guard of install.sh, too: that there is a trial, and how often it was started. */
const trialFile = (dataDir: string): string => join(folder(dataDir), 'trial');
const attemptsFile = (dataDir: string): string => join(folder(dataDir), 'attempts');
const secondsFile = (dataDir: string): string => join(folder(dataDir), 'seconds');
/** What the guard makes of a trial that has had its chances. */
const returnedFile = (dataDir: string): string => join(folder(dataDir), 'returned');
const whyFile = (dataDir: string): string => join(folder(dataDir), 'why');
/** Beside a trial that is taken back: it is put off, not over. */
const putOffFile = (dataDir: string): string => join(folder(dataDir), 'put-off');
/** A trial that was put off, while the old executable runs. */
const laterFile = (dataDir: string): string => join(folder(dataDir), 'later');
const outcomeFile = (dataDir: string): string => join(folder(dataDir), 'outcome');
/** More than the guard grants. */
const noMoreChances = '99\n';

const durable = { mode: 0o600, durable: true };

/** Notes a trial, safely, before the executable is replaced. */
export async function beginTrial(disk: Disk, dataDir: string, trial: Trial): Promise<void> {
  await disk.makeDir(op, folder(dataDir), 0o700);
  for (const old of [attemptsFile, returnedFile, whyFile, putOffFile, outcomeFile])
    await disk.remove(op, old(dataDir));
  await disk.writeAtomic(op, secondsFile(dataDir), `${trial.waitSeconds}\n`, durable);
  await disk.writeAtomic(op, trialFile(dataDir), JSON.stringify(trial), durable);
  await disk.remove(op, laterFile(dataDir));
}

export async function readTrial(disk: Disk, dataDir: string): Promise<Trial | undefined> {
  return await read(disk, trialFile(dataDir));
}

/** A trial that was rolled back and has not been reported yet. */
export async function readReturned(disk: Disk, dataDir: string): Promise<Trial | undefined> {
  return await read(disk, returnedFile(dataDir));
}

/** A trial that was put off: it begins again when a server answers. */
export async function readLater(disk: Disk, dataDir: string): Promise<Trial | undefined> {
  return await read(disk, laterFile(dataDir));
}

/** When the note of a trial that was taken back was written: its beginning. */
export async function beganMs(disk: Disk, dataDir: string): Promise<number> {
  return (await disk.stat(op, returnedFile(dataDir)))?.mtimeMs ?? 0;
}

async function read(disk: Disk, path: string): Promise<Trial | undefined> {
  const text = (await disk.readIfThere(op, path))?.toString();
  if (text === undefined) return undefined;
  try {
    const trial = JSON.parse(text) as Trial;
    if (trial.format === 1 && typeof trial.program === 'string') return trial;
  } catch {
    // Said below.
  }
  throw new ConfigError(`${path} is damaged`, {
    op,
    hint: 'remove it: no upgrade is on trial then',
  });
}

/** The executable on trial has failed: the next start is the old one's. */
export async function rejectTrial(disk: Disk, dataDir: string, why: string): Promise<void> {
  await disk.writeAtomic(op, whyFile(dataDir), why, durable);
  await disk.writeAtomic(op, attemptsFile(dataDir), noMoreChances, durable);
}

/** Whether the executable on trial has no more chances. */
export async function isJudged(disk: Disk, dataDir: string): Promise<boolean> {
  return (await disk.readIfThere(op, attemptsFile(dataDir)))?.toString() === noMoreChances;
}

/** The old executable shall tell whether it is the servers: nobody answers the one on trial. */
export async function putOffTrial(disk: Disk, dataDir: string, why: string): Promise<void> {
  await disk.writeAtomic(op, putOffFile(dataDir), '', durable);
  await rejectTrial(disk, dataDir, why);
}

/** A power cut may have come between the two notes of one that was put off: it goes on. */
export async function goOn(disk: Disk, dataDir: string): Promise<void> {
  await disk.remove(op, putOffFile(dataDir));
}

/** Whether what was taken back was put off. */
export async function wasPutOff(disk: Disk, dataDir: string): Promise<boolean> {
  return (await disk.stat(op, putOffFile(dataDir))) !== undefined;
}

/** A trial becomes one to come. Cut anywhere, the next start does the rest. */
export async function keepForLater(disk: Disk, dataDir: string, trial: Trial): Promise<void> {
  const why = (await disk.readIfThere(op, whyFile(dataDir)))?.toString() ?? 'no server answers';
  const { from, to } = trial;
  await disk.writeAtomic(op, laterFile(dataDir), JSON.stringify(trial), durable);
  const outcome: Outcome = { result: 'later', from, to, why };
  await disk.writeAtomic(op, outcomeFile(dataDir), JSON.stringify(outcome), durable);
  for (const file of [trialFile, returnedFile, putOffFile, attemptsFile, secondsFile, whyFile])
    await disk.remove(op, file(dataDir));
}

/**
 * Ends a trial, good or taken back; nothing is on trial when it resolves. `dying`: what the version
 * said when it ended, if it has rejected itself for no other reason.
 */
export async function endTrial(
  disk: Disk,
  dataDir: string,
  trial: Trial,
  result: 'good' | 'returned',
  dying?: string,
): Promise<Outcome> {
  const said = (await disk.readIfThere(op, whyFile(dataDir)))?.toString();
  const { from, to } = trial;
  const unsaid =
    dying === undefined
      ? 'it did not start, or the machine lost its power'
      : `it did not start: ${dying}`;
  const why = result === 'good' ? '' : (said ?? unsaid);
  const outcome: Outcome = { result, from, to, why };
  await disk.writeAtomic(op, outcomeFile(dataDir), JSON.stringify(outcome), durable);
  for (const file of [
    trialFile,
    returnedFile,
    laterFile,
    putOffFile,
    attemptsFile,
    secondsFile,
    whyFile,
  ])
    await disk.remove(op, file(dataDir));
  return outcome;
}

export async function readOutcome(disk: Disk, dataDir: string): Promise<Outcome | undefined> {
  const text = await disk.readIfThere(op, outcomeFile(dataDir));
  return text === undefined ? undefined : (JSON.parse(text.toString()) as Outcome);
}
