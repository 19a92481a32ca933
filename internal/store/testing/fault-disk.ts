import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireProgram } from '../../../test/packages.ts';

const source = join(import.meta.dirname, 'fault-disk.c');
const control = '/@fault-disk';

/** The library that stands between a program and its disk, compiled when it is not there yet. */
async function faultDiskLibrary(): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const dir = join(tmpdir(), `skiff-fault-disk-${process.getuid?.() ?? 0}`);
  const library = join(dir, `${digest}.so`);
  if (existsSync(library)) return library;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const fresh = join(mkdtempSync(join(dir, 'make-')), 'fault-disk.so');
  const { code, text } = await ended(
    spawn(requireProgram('gcc'), [
      '-shared',
      '-fPIC',
      '-O1',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-o',
      fresh,
      source,
      '-lpthread',
      '-ldl',
    ]),
  );
  if (code !== 0)
    throw new Error(`cannot compile ${source} (it needs the packages gcc and libc6-dev):\n${text}`);
  renameSync(fresh, library);
  return library;
}

/**
 * The environment of a program whose disk is ours. `commands`: what the disk is told at its start.
 */
export async function faultDiskEnvironment(commands: string[] = []): Promise<NodeJS.ProcessEnv> {
  return {
    ...process.env,
    LD_PRELOAD: await faultDiskLibrary(),
    SKIFF_FAULT_DISK: commands.join('\n'),
  };
}

/**
 * The call that fails, on files whose path ends so ('*': all), after the first `skip` of them,
 * `count` times (-1: forever), each with a chance of 1 in `odds`.
 */
export interface Fault {
  call: 'sync' | 'write' | 'truncate' | 'open' | 'read' | 'unlink' | 'rename';
  error: 'EIO' | 'ENOSPC' | 'EROFS';
  suffix: string;
  skip?: number;
  count?: number;
  odds?: number;
  /**
   * `revert`: a failed sync takes back what was written since the last good one. `short`: half is
   * written before the error.
   */
  mode?: 'keep' | 'revert' | 'short';
}

export function faultLine({
  call,
  error,
  suffix,
  skip = 0,
  count = 1,
  odds = 1,
  mode = 'keep',
}: Fault): string {
  return `fail ${call} ${error} ${suffix} ${skip} ${count} ${odds} ${mode}`;
}

/** The disk of this very process, when it was started with faultDiskEnvironment. */
export class FaultDisk {
  readonly #control: number;

  constructor() {
    if (!process.env['LD_PRELOAD'])
      throw new Error('this program runs on a disk of faultDiskEnvironment');
    this.#control = openSync(control, 'w');
  }

  trace(folder: string, file: string): void {
    writeSync(this.#control, `trace ${folder} ${file}`);
  }

  stop(): void {
    writeSync(this.#control, 'trace');
  }

  note(note: object): void {
    writeSync(this.#control, `note ${JSON.stringify(note)}`);
  }

  fail(fault: Fault): void {
    writeSync(this.#control, faultLine(fault));
  }

  heal(): void {
    writeSync(this.#control, 'heal');
  }
}

/** Runs a program to its end; its output, both kinds together. */
export function ended(child: ReturnType<typeof spawn>): Promise<{ code: number; text: string }> {
  const parts: Buffer[] = [];
  child.stdout?.on('data', (part: Buffer) => parts.push(part));
  child.stderr?.on('data', (part: Buffer) => parts.push(part));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve({
        code: code ?? -1,
        text: `${Buffer.concat(parts).toString()}${signal === null ? '' : `\nended by ${signal}`}`,
      }),
    );
  });
}
