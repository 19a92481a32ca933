import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hold, readRegular } from './held.ts';
import { openReader } from './file-reader.ts';

let dir = '';
beforeEach(async () => void (dir = await fs.mkdtemp(join(tmpdir(), 'held-'))));
afterEach(() => fs.rm(dir, { recursive: true, force: true }));

it('stays the same place when names are swapped', async () => {
  await fs.mkdir(join(dir, 'a'));
  await fs.mkdir(join(dir, 'other'));
  await fs.writeFile(join(dir, 'a/f'), 'mine', { mode: 0o600 });
  const held = (await hold('test', join(dir, 'a'), { follow: false }))!;
  await fs.rename(join(dir, 'a'), join(dir, 'b'));
  await fs.symlink('other', join(dir, 'a'));
  await held.chmod(0o711);
  const child = (await held.child(Buffer.from('f')))!;
  await child.chmod(0o640);
  expect((await child.read({ mostBytes: 2, from: 'end' })).toString()).toBe('ne');
  expect((await held.list()).map(String)).toEqual(['f']);
  expect(await held.real()).toBe(join(dir, 'b'));
  await child.release();
  await held.release();
  expect((await fs.stat(join(dir, 'b/f'))).mode & 0o777).toBe(0o640);
  expect((await fs.stat(join(dir, 'b'))).mode & 0o777).toBe(0o711);
  expect((await fs.stat(join(dir, 'other'))).mode & 0o777).not.toBe(0o711);
});

it('does not follow a link as a child', async () => {
  await fs.symlink('/etc', join(dir, 'l'));
  const held = (await hold('test', dir, { follow: false }))!;
  const child = (await held.child(Buffer.from('l')))!;
  expect((await child.stat()).kind).toBe('link');
  await child.release();
  await held.release();
});

/** Each would block, never end, or show what belongs to somebody else. */
it.each([
  ['a FIFO', (path: string) => void execFileSync('mkfifo', [path])],
  ['a folder', (path: string) => fs.mkdir(path)],
])('reads no %s', async (_what, make) => {
  await make(join(dir, 'x'));
  await expect(readRegular('test', join(dir, 'x'), { mostBytes: 10, from: 'end' })).rejects.toThrow(
    'not a regular file',
  );
  await expect(openReader('test', join(dir, 'x'))).rejects.toThrow('not a regular file');
});

it('reads no device', async () => {
  await expect(readRegular('test', '/dev/zero', { mostBytes: 10, from: 'start' })).rejects.toThrow(
    'not a regular file but a char',
  );
  await expect(openReader('test', '/dev/zero')).rejects.toThrow('not a regular file');
});

it('reads through no link', async () => {
  await fs.writeFile(join(dir, 'secret'), 'x');
  await fs.symlink('secret', join(dir, 'x'));
  await expect(readRegular('test', join(dir, 'x'), { mostBytes: 10, from: 'end' })).rejects.toThrow(
    'not a regular file but a link',
  );
  await fs.mkdir(join(dir, 'pod/real'), { recursive: true });
  await fs.writeFile(join(dir, 'pod/real/0.log'), 'x');
  await fs.symlink('real', join(dir, 'pod/c'));
  await expect(openReader('test', join(dir, 'pod/c/0.log'), { held: 2 })).rejects.toThrow(
    'leads through a link',
  );
  await (await openReader('test', join(dir, 'pod/real/0.log'), { held: 2 }))?.close();
});

it('reads the end of a file of terabytes at once', async () => {
  await fs.writeFile(join(dir, 'sparse'), '');
  await fs.truncate(join(dir, 'sparse'), 2 ** 42);
  await fs.appendFile(join(dir, 'sparse'), 'the end');
  const bytes = await readRegular('test', join(dir, 'sparse'), { mostBytes: 4096, from: 'end' });
  expect(bytes).toHaveLength(4096);
  expect(bytes?.toString()).toMatch(/the end$/);
});
