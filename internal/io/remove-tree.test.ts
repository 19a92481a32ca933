import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeTree } from './remove-tree.ts';

let dir = '';
let tree = '';
beforeEach(async () => {
  dir = await fs.mkdtemp(join(tmpdir(), 'remove-'));
  tree = join(dir, 'tree');
  await fs.mkdir(join(dir, 'outside'));
  await fs.writeFile(join(dir, 'outside/precious'), 'x');
  await fs.mkdir(tree);
});
afterEach(() => fs.rm(dir, { recursive: true, force: true }));

const left = (): Promise<string[]> => fs.readdir(dir);

it('removes files, folders and what is not there', async () => {
  await fs.mkdir(join(tree, 'a/b/c'), { recursive: true });
  await fs.writeFile(join(tree, 'a/b/f'), 'x');
  await removeTree('test', join(tree, 'a/b/f'));
  await removeTree('test', tree);
  await removeTree('test', tree);
  expect(await left()).toEqual(['outside']);
});

it('leaves alone what links point to', async () => {
  await fs.symlink('../outside', join(tree, 'relative'));
  await fs.symlink(join(dir, 'outside'), join(tree, 'absolute'));
  await fs.symlink(join(dir, 'outside'), join(dir, 'top'));
  await removeTree('test', join(dir, 'top'));
  await removeTree('test', tree);
  expect(await left()).toEqual(['outside']);
  expect(await fs.readdir(join(dir, 'outside'))).toEqual(['precious']);
});

it('removes names that are no text, FIFOs and sockets', async () => {
  await fs.writeFile(
    Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe, 0x0a])]),
    'x',
  );
  execFileSync('mkfifo', [join(tree, 'fifo')]);
  await removeTree('test', tree);
  expect(await left()).toEqual(['outside']);
});

it('removes a tree deeper than any path', async () => {
  // A path may have 4,096 bytes; each round puts what there is below another 3,000.
  const levels = Array.from({ length: 150 }, () => 'abcdefghijklmnopqrs').join('/');
  for (let round = 0; round < 4; round++) {
    await fs.mkdir(join(tree, 'next', levels), { recursive: true });
    if (round > 0) await fs.rename(join(tree, 'all'), join(tree, 'next', levels, 'all'));
    await fs.rename(join(tree, 'next'), join(tree, 'all'));
  }
  await removeTree('test', tree);
  expect(await left()).toEqual(['outside']);
});

it('does not follow a folder that becomes a link while it is at work', async () => {
  // One process swaps a folder and a link as fast as it can; whatever the timing, nothing outside
  // may go.
  for (let round = 0; round < 20; round++) {
    await fs.mkdir(join(tree, 'd/e'), { recursive: true });
    await fs.symlink(join(dir, 'outside'), join(tree, 'l')).catch(() => undefined);
    const removal = removeTree('test', tree);
    for (let i = 0; i < 10; i++) {
      await fs.rename(join(tree, 'd'), join(tree, 'x')).catch(() => undefined);
      await fs.rename(join(tree, 'l'), join(tree, 'd')).catch(() => undefined);
    }
    await removal;
    await fs.mkdir(tree, { recursive: true });
  }
  expect(await fs.readdir(join(dir, 'outside'))).toEqual(['precious']);
});
