import { execFileSync } from 'node:child_process';
import { appendFile, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { annotationNames } from '../config/labels.ts';
import type { RuntimeContainer } from './model.ts';
import { terminationMessage } from './termination-message.ts';

let dir = '';
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'message-'))));
afterEach(() => rm(dir, { recursive: true, force: true }));

function said(options: { policy?: string; exitCode?: number } = {}): Promise<string> {
  const annotations = {
    [annotationNames.terminationMessagePath]: '/dev/termination-log',
    [annotationNames.terminationMessagePolicy]: options.policy ?? 'File',
  };
  const status = {
    annotations,
    mounts: [{ containerPath: '/dev/termination-log', hostPath: join(dir, 'said') }],
    message: '',
  };
  return terminationMessage(
    status as never,
    { exitCode: options.exitCode ?? 0, logPath: join(dir, '0.log') } as RuntimeContainer,
  );
}

it('is the end of the file, 4096 bytes at most', async () => {
  await writeFile(join(dir, 'said'), 'done');
  expect(await said()).toBe('done');
  await writeFile(join(dir, 'said'), `${'x'.repeat(5000)}end`);
  expect(await said()).toBe(`${'x'.repeat(4093)}end`);
});

/**
 * What a container may leave in the place of its message. None may hold up the node or fill its
 * memory.
 */
it.each([
  ['a FIFO', () => void execFileSync('mkfifo', [join(dir, 'said')])],
  ['a link to a file of the host', () => symlink('/etc/hostname', join(dir, 'said'))],
  ['a link to a device', () => symlink('/dev/zero', join(dir, 'said'))],
  ['a folder', () => void execFileSync('mkdir', [join(dir, 'said')])],
  ['nothing', () => undefined],
])('is empty when there is %s', async (_what, make) => {
  await make();
  expect(await said()).toBe('');
});

it('does not read a sparse file of terabytes', async () => {
  await writeFile(join(dir, 'said'), '');
  await truncate(join(dir, 'said'), 2 ** 42);
  expect(await said()).toHaveLength(4096);
});

it('falls back to 80 lines or 2048 bytes of the log of a container that failed', async () => {
  const line = (n: number, text: string): string =>
    `2026-01-01T00:00:00.000000000Z stdout F ${n} ${text}\n`;
  await writeFile(join(dir, '0.log'), Array.from({ length: 100 }, (_, n) => line(n, 'a')).join(''));
  expect(await said({ policy: 'FallbackToLogsOnError' })).toBe('');
  const lines = (await said({ policy: 'FallbackToLogsOnError', exitCode: 1 })).trim().split('\n');
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([80, '20 a', '99 a']);
  await appendFile(
    join(dir, '0.log'),
    Array.from({ length: 100 }, (_, n) => line(n, 'b'.repeat(100))).join(''),
  );
  expect(await said({ policy: 'FallbackToLogsOnError', exitCode: 1 })).toHaveLength(2048);
});

it('reads no log that is a FIFO', async () => {
  execFileSync('mkfifo', [join(dir, '0.log')]);
  expect(await said({ policy: 'FallbackToLogsOnError', exitCode: 1 })).toBe('');
});
