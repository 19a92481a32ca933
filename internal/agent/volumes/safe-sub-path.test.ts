import { mkdir, mkdtemp, rm, stat, symlink, writeFile, chmod, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realTree } from '../../io/tree.ts';
import { holdSubPath } from './safe-sub-path.ts';

let base = '';
let root = '';
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'subpath-')));
  root = join(base, 'volume');
  await mkdir(root);
  await mkdir(join(base, 'secret'));
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function resolve(subPath: string): Promise<string> {
  const held = await holdSubPath(realTree, root, subPath);
  const real = await held.real();
  await held.release();
  return real;
}

it('finds files and folders', async () => {
  await mkdir(join(root, 'a/b'), { recursive: true });
  await writeFile(join(root, 'a/f'), '');
  expect(await resolve('a/b')).toBe(join(root, 'a/b'));
  expect(await resolve('./a//f')).toBe(join(root, 'a/f'));
});

it('makes what is missing with the mode of the volume', async () => {
  await chmod(root, 0o2775);
  expect(await resolve('x/y')).toBe(join(root, 'x/y'));
  expect((await stat(join(root, 'x/y'))).mode & 0o7777).toBe(0o2775);
});

it('follows links inside and refuses those that lead out', async () => {
  await mkdir(join(root, 'real'));
  await symlink('real', join(root, 'inner'));
  await symlink('../secret', join(root, 'outer'));
  await symlink('/nowhere-at-all', join(root, 'dangling'));
  expect(await resolve('inner')).toBe(join(root, 'real'));
  expect(await resolve('inner/new')).toBe(join(root, 'real/new'));
  await expect(resolve('outer')).rejects.toThrow('outside');
  await expect(resolve('outer/new')).rejects.toThrow('outside');
  await expect(resolve('dangling/new')).rejects.toThrow();
  await expect(resolve('../secret')).rejects.toThrow("must not contain '..'");
});
