import { createLineCutter } from './line-cutter.ts';
import type { Clock, Timer } from './clock.ts';
import type { Log } from './log.ts';
import { messageOf } from '../base/errors.ts';
import type { Spawn } from './spawn.ts';

export interface FollowProgram {
  op: string;
  command: string[];
  /** A line of its output, cut to `longestLine` characters. */
  line(text: string): void;
  /** It was started: the first time, or again after it ended, when events may have been missed. */
  started(again: boolean): void;
}

const longestLine = 1024;
const firstRestartMs = 1_000;
const longestRestartMs = 60_000;
/** What ran this long was well. */
const steadyMs = 60_000;

/**
 * Follows a program that tells of the kernel's events as they come, and starts it again whenever it
 * ends.
 */
export function followProgram(
  { spawn, clock, log }: { spawn: Spawn; clock: Clock; log: Log },
  { op, command, line, started }: FollowProgram,
): { stop(): void } {
  let stopped = false;
  let timer: Timer | undefined;
  let restartMs = firstRestartMs;
  let end: () => void = () => undefined;
  const start = (again: boolean): void => {
    const begunMs = clock.monotonicMs();
    const child = spawn.start(op, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout?.on(
      'data',
      createLineCutter(longestLine, (text) => !stopped && line(text)),
    );
    child.stderr?.on('data', (bytes: Buffer) => (said = bytes.toString().slice(0, 200)));
    end = () => child.kill('SIGKILL');
    let ended = false;
    const over = (why: string): void => {
      if (ended || stopped) return;
      ended = true;
      if (clock.monotonicMs() - begunMs > steadyMs) restartMs = firstRestartMs;
      log.warn('a program that tells of changes ended and is started again', {
        command: command.join(' '),
        why,
        inMs: restartMs,
      });
      timer = clock.after(op, restartMs, () => start(true));
      restartMs = Math.min(longestRestartMs, restartMs * 2);
    };
    child.once('error', (error) => over(messageOf(error)));
    child.once('close', (code, signal) => over(said.trim() || String(signal ?? code)));
    started(again);
  };
  start(false);
  return {
    stop() {
      stopped = true;
      timer?.cancel();
      end();
    },
  };
}
