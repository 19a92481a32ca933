import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { requireProgram } from '../packages.ts';
import { ok, root } from './node.ts';

/** Builds what shows a program another clock (wrong-clock.c) as a shared library in that folder. */
export function buildWrongClock(folder: string): string {
  const library = join(folder, 'wrong-clock.so');
  const source = join(root, 'test/e2e/wrong-clock.c');
  ok([requireProgram('gcc'), '-O2', '-shared', '-fPIC', '-o', library, source, '-ldl']);
  return library;
}

/** The environment of a program whose clock is as wrong as the file says. */
export const wrongClockEnv = (library: string, file: string): Record<string, string> => ({
  LD_PRELOAD: library,
  WRONG_CLOCK: file,
});

/** By how many seconds it is wrong. Written in its place: running programs have the file mapped. */
export function setWrongClock(file: string, seconds: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT);
  writeSync(fd, bytes, 0, 8, 0);
  closeSync(fd);
}
