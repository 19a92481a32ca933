import { spawnSync } from 'node:child_process';
import { IoError, messageOf } from '../base/errors.ts';

/**
 * Becomes another program: same process id, same terminal. Where that cannot be done, runs it and
 * ends with its status.
 */
export function replaceProcess(path: string, argv: string[], env: Record<string, string>): never {
  if (process.execve) {
    try {
      process.execve(path, argv, env);
    } catch (cause) {
      throw new IoError(`cannot run ${path}: ${messageOf(cause)}`, { op: 'exec', cause });
    }
  }
  const done = spawnSync(path, argv.slice(1), { env, stdio: 'inherit', argv0: argv[0] });
  process.exit(done.status ?? 1);
}
