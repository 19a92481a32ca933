import { spawn as nodeSpawn, type ChildProcess } from 'node:child_process';
import { IoError } from '../base/errors.ts';

/** What a finished program left. */
export interface Finished {
  code: number;
  signal: string | undefined;
  stdout: Buffer;
  stderr: string;
}

export interface Spawn {
  /**
   * Runs a program to its end. Throws IoError when it cannot start; a non-zero status is the
   * caller's to judge.
   */
  run(op: string, command: string[], options?: RunOptions): Promise<Finished>;
  /** Starts a program that stays. */
  start(op: string, command: string[], options?: StartOptions): ChildProcess;
}

export interface RunOptions {
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  timeoutMs?: number;
  /** More output than this ends the program with an error. */
  maxOutputBytes?: number;
}

export interface StartOptions {
  env?: Record<string, string>;
  /** False: `env` is all that it gets; what this process was started with may hold a token. */
  inherit?: boolean;
  cwd?: string;
  /** In a session of its own, so that signals to us do not reach it. */
  detached?: boolean;
  stdio?: import('node:child_process').StdioOptions;
}

const defaultMaxOutputBytes = 16 * 1024 * 1024;

export const realSpawn: Spawn = {
  run(op, command, options = {}) {
    return new Promise((resolve, reject) => {
      const child = nodeSpawn(command[0] ?? '', command.slice(1), {
        cwd: options.cwd,
        env: options.env ? { ...process.env, ...options.env } : process.env,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      let bytes = 0;
      const take = (into: Buffer[]) => (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > (options.maxOutputBytes ?? defaultMaxOutputBytes)) child.kill('SIGKILL');
        else into.push(chunk);
      };
      const timer =
        options.timeoutMs === undefined
          ? undefined
          : setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
      child.stdout.on('data', take(out));
      child.stderr.on('data', take(err));
      child.stdin.on('error', () => undefined); // the program may end without reading its input
      child.on('error', (cause) => {
        clearTimeout(timer);
        reject(
          new IoError(`${op}: cannot run ${command[0]}: ${cause.message}`, {
            op,
            code: (cause as NodeJS.ErrnoException).code ?? 'IO',
            cause,
          }),
        );
      });
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        resolve({
          code: code ?? -1,
          signal: signal ?? undefined,
          stdout: Buffer.concat(out),
          stderr: Buffer.concat(err).toString(),
        });
      });
      child.stdin.end(options.input);
    });
  },
  start(_op, command, options = {}) {
    return nodeSpawn(command[0] ?? '', command.slice(1), {
      cwd: options.cwd,
      env: options.inherit === false ? options.env : { ...process.env, ...options.env },
      detached: options.detached ?? false,
      stdio: options.stdio ?? ['ignore', 'pipe', 'pipe'],
    });
  },
};

/** Runs a program and throws IoError, with its last words, unless it ended with status 0. */
export async function runOk(
  spawn: Spawn,
  op: string,
  command: string[],
  options?: RunOptions,
): Promise<string> {
  const done = await spawn.run(op, command, options);
  if (done.code !== 0) {
    throw new IoError(
      `${op}: ${command.join(' ').slice(0, 200)}: status ${done.code}: ` +
        `${done.stderr.trim().slice(-500)}`,
      { op, code: 'EXIT' },
    );
  }
  return done.stdout.toString();
}
