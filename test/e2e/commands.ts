import { execFile, spawnSync } from 'node:child_process';

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command on the host and returns what it said, whatever its status. */
export function run(
  command: string[],
  options: { input?: string; env?: Record<string, string>; timeoutMs?: number } = {},
): Result {
  const done = spawnSync(command[0] as string, command.slice(1), {
    input: options.input,
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 120_000,
    maxBuffer: 64 * 1024 * 1024,
    encoding: 'utf8',
  });
  return {
    code: done.status ?? -1,
    stdout: done.stdout ?? '',
    stderr: (done.stderr ?? '') + (done.error ? String(done.error) : ''),
  };
}

/** As `run`, while others run too. */
export function runBeside(
  command: string[],
  options: { timeoutMs?: number } = {},
): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(
      command[0] as string,
      command.slice(1),
      { timeout: options.timeoutMs ?? 120_000, maxBuffer: 64 * 1024 * 1024, killSignal: 'SIGKILL' },
      (error, stdout, stderr) =>
        resolve({
          code: child.exitCode ?? -1,
          stdout,
          stderr: stderr + (error && child.exitCode === null ? String(error) : ''),
        }),
    );
  });
}

/** Runs a command and throws, with what it said, unless it succeeds. */
export function ok(command: string[], options?: Parameters<typeof run>[1]): string {
  const done = run(command, options);
  if (done.code !== 0)
    throw new Error(
      `${command.join(' ').slice(0, 300)}: status ${done.code}\n${done.stdout.slice(-2000)}\n` +
        `${done.stderr.slice(-2000)}`,
    );
  return done.stdout;
}

/** Waits until `reached` gives a value, asking again and again; fails with what it last saw. */
export async function until<T>(
  what: string,
  reached: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs?: number; seen?: () => string } = {},
): Promise<T> {
  const deadline = Date.now() + (options.timeoutMs ?? 60_000);
  let last: unknown;
  for (;;) {
    try {
      const value = await reached();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(
        `not reached in time: ${what}; last: ${String(last)} ${options.seen?.() ?? ''}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
