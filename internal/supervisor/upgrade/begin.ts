import { basename, dirname, join } from 'node:path';
import { ConfigError, messageOf } from '../../base/errors.ts';
import type { Disk } from '../../io/disk.ts';
import { sha256File } from '../../io/file-sum.ts';
import { runOk, type Spawn } from '../../io/spawn.ts';
import { beginTrial, bootOf, type Before, type Trial } from './trial.ts';

const op = 'upgrade';
const answersWithinMs = 60_000;

/** The name of the executable that is known to be good, beside the one that is used. */
export const lastGood = (program: string): string => join(dirname(program), '.skiff-last-good');

/** The name of one that was put off, until it is tried again. */
export const triedAgain = (program: string): string => join(dirname(program), '.skiff-again');

export interface Version {
  /** As it says it itself. */
  skiff: string;
  kubernetes: { major: number; minor: number };
}

/** What an executable says of itself; throws ConfigError when it is none, or does not run here. */
export async function versionOf(spawn: Spawn, file: string): Promise<Version> {
  const done = await spawn
    .run(op, [file, 'version'], { timeoutMs: answersWithinMs })
    .catch((cause: unknown) => {
      throw new ConfigError(`${file} does not run here: ${messageOf(cause)}`, { op, cause });
    });
  const text = done.stdout.toString();
  const [, skiff] = /^skiff version (v\S+ \(\w+\))$/m.exec(text) ?? [];
  const [, major, minor] = /^kubernetes v(\d+)\.(\d+)/m.exec(text) ?? [];
  if (done.code !== 0 || skiff === undefined || minor === undefined)
    throw new ConfigError(`${file} is not a skiff program for this machine`, {
      op,
      hint: done.stderr.trim().split('\n')[0] || 'is it for this architecture, and whole?',
    });
  return { skiff, kubernetes: { major: Number(major), minor: Number(minor) } };
}

/**
 * Kubernetes' rule for servers (https://kubernetes.io/releases/version-skew-policy/): one minor
 * version up at a time, and never down; an agent is never newer than its servers.
 */
export function checkSkew(from: Version, to: Version, servers?: Version['kubernetes']): void {
  const steps = to.kubernetes.minor - from.kubernetes.minor;
  if (to.kubernetes.major !== from.kubernetes.major || steps > 1 || steps < 0)
    throw new ConfigError(
      `from Kubernetes 1.${from.kubernetes.minor} to 1.${to.kubernetes.minor}: ` +
        `${steps < 0 ? 'there is no way back' : 'no minor version may be left out'}`,
      {
        op,
        hint:
          steps < 0 ? 'restore a snapshot of that version' : 'upgrade one minor version at a time',
      },
    );
  if (servers && to.kubernetes.minor > servers.minor)
    throw new ConfigError(
      `the servers speak Kubernetes 1.${servers.minor}, and an agent may not be newer`,
      { op, hint: 'upgrade the servers first' },
    );
}

export interface Begin {
  file: string;
  program: string;
  dataDir: string;
  /** As they say it themselves. */
  from: string;
  to: string;
  snapshot: string | undefined;
  before: Before[];
  waitSeconds: number;
  again?: true;
  disk: Disk;
  spawn: Spawn;
}

/**
 * Puts a new executable in the place of the old one, on trial. Whenever the power goes, one of the
 * two is there, whole, and the note says which is to be judged.
 */
export async function putOnTrial(options: Begin): Promise<Trial> {
  const { file, program, dataDir, disk, spawn, snapshot } = options;
  const fresh = join(dirname(program), `${basename(program)}.new`);
  await disk.remove(op, fresh);
  await runOk(spawn, op, ['install', '-m', '755', file, fresh]);
  await runOk(spawn, op, ['sync', fresh]);
  await nameToo(options, program, lastGood(program));
  const trial: Trial = {
    format: 1,
    program,
    sha256: await sha256File(op, fresh),
    from: options.from,
    to: options.to,
    ...(snapshot !== undefined && { snapshot }),
    waitSeconds: options.waitSeconds,
    before: options.before,
    boot: await bootOf(disk),
    ...(options.again && { again: true }),
  };
  await beginTrial(disk, dataDir, trial);
  await runOk(spawn, op, ['mv', '-f', fresh, program]);
  await runOk(spawn, op, ['sync', dirname(program)]);
  return trial;
}

/** The same file under another name too, which is on the disk when it resolves. */
export async function nameToo(
  { disk, spawn }: { disk: Disk; spawn: Spawn },
  program: string,
  other: string,
): Promise<void> {
  const link = `${other}.new`;
  await disk.remove(op, link);
  await runOk(spawn, op, ['ln', program, link]);
  // A rename over another name of the same file would leave both.
  const [was, is] = [await disk.stat(op, other), await disk.stat(op, link)];
  if (was?.ino === is?.ino) await disk.remove(op, link);
  else await runOk(spawn, op, ['mv', '-f', link, other]);
  await runOk(spawn, op, ['sync', dirname(program)]);
}
