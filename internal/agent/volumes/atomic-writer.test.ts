import { lstat, mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realDisk } from '../../io/disk.ts';
import { realTree } from '../../io/tree.ts';
import { validatePath, writeAtomically, type Payload } from './atomic-writer.ts';

let dir = '';
let now = Date.UTC(2026, 0, 2, 15, 4, 5, 123);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atomic-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const payload = (files: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));
const write = (files: Record<string, string>, mode?: number): Promise<boolean> =>
  writeAtomically(dir, payload(files, mode), { disk: realDisk, tree: realTree, nowMs: now++ });
const visible = async (): Promise<string[]> =>
  (await readdir(dir)).filter((name) => !name.startsWith('..')).sort();

describe('writeAtomically', () => {
  it('shows files through ..data', async () => {
    expect(await write({ a: '1', 'b/c': '2' })).toBe(true);
    expect(await readlink(join(dir, 'a'))).toBe('..data/a');
    expect(await readlink(join(dir, 'b'))).toBe('..data/b');
    expect(await readlink(join(dir, '..data'))).toMatch(/^\.\.2026_01_02_15_04_05\.\d+$/);
    expect(await readFile(join(dir, 'b/c'), 'utf8')).toBe('2');
  });

  it('writes nothing when nothing changed', async () => {
    await write({ a: '1' });
    const before = await readlink(join(dir, '..data'));
    expect(await write({ a: '1' })).toBe(false);
    expect(await readlink(join(dir, '..data'))).toBe(before);
  });

  it('swaps to new content and forgets old names', async () => {
    await write({ a: '1', 'b/c': '2', 'b/d': '3', e: '4' });
    const before = await readlink(join(dir, '..data'));
    expect(await write({ a: '9', 'b/d': '3' })).toBe(true);
    expect(await visible()).toEqual(['a', 'b']);
    expect(await readdir(join(dir, 'b'))).toEqual(['d']);
    expect(await readFile(join(dir, 'a'), 'utf8')).toBe('9');
    await expect(lstat(join(dir, before))).rejects.toThrow('ENOENT');
  });

  it('can become empty and full again', async () => {
    await write({});
    expect(await visible()).toEqual([]);
    await write({ a: '1' });
    expect(await visible()).toEqual(['a']);
    await write({});
    expect(await visible()).toEqual([]);
  });

  it('sets modes whatever the umask', async () => {
    await write({ a: '1' }, 0o777);
    expect((await stat(join(dir, 'a'))).mode & 0o777).toBe(0o777);
  });

  it('refuses paths that lead outside or hide', () => {
    for (const bad of ['', '/a', 'a/../b', '..a', '../a', 'x'.repeat(4097)])
      expect(() => validatePath(bad), bad).toThrow('invalid path');
    for (const good of ['a', 'a/..b', 'a/b', '.a', 'a..'])
      expect(() => validatePath(good)).not.toThrow();
  });
});
