import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What a server said when it died, and how often in a row it has said just that: whoever waits for
 * it looks here.
 */
export interface LastWords {
  message: string;
  times: number;
  /** When it died, in milliseconds since 1970. */
  atMs: number;
}

const fileIn = (dir: string): string => join(dir, 'last-words.json');

/** Undefined when nobody has died, or the file is not of ours. */
export function readLastWords(dir: string): LastWords | undefined {
  try {
    const { message, times, atMs } = JSON.parse(readFileSync(fileIn(dir), 'utf8')) as Record<
      string,
      unknown
    >;
    return typeof message === 'string' && typeof times === 'number' && typeof atMs === 'number'
      ? { message, times, atMs }
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Synchronous, because nothing else may run any more in a process that is about to end. Where
 * nothing can be written nothing is.
 */
export function writeLastWords(dir: string, message: string, nowMs: number): void {
  const before = readLastWords(dir);
  const words: LastWords = {
    message,
    times: before?.message === message ? before.times + 1 : 1,
    atMs: nowMs,
  };
  try {
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    writeFileSync(`${fileIn(dir)}.new`, JSON.stringify(words), { mode: 0o600 });
    renameSync(`${fileIn(dir)}.new`, fileIn(dir));
  } catch {
    // It is in the log all the same.
  }
}

/** They were another executable's, and say nothing of this one. */
export function forgetLastWords(dir: string): void {
  rmSync(fileIn(dir), { force: true });
}
