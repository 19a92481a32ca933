import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeFiles } from './disk.fake.ts';
import { realDisk, type Disk } from './disk.ts';
import type { FileStat } from './held.ts';
import { testSeed } from './test-seed.ts';
import { realTree, type Tree } from './tree.ts';

const names = ['a', 'b', 'a/x', 'a/y', 'b/x', 'a/x/z', 'l', 'l/x'];
const path = fc.constantFrom(...names);
const mode = fc.constantFrom(0o600, 0o644, 0o755);

type Doors = { disk: Disk; tree: Tree };
type Call = { text: string; run(doors: Doors, root: string): Promise<unknown> };

const call = <T extends unknown[]>(
  text: string,
  run: (doors: Doors, root: string, ...args: T) => Promise<unknown>,
  ...args: { [K in keyof T]: fc.Arbitrary<T[K]> }
): fc.Arbitrary<Call> =>
  fc
    .tuple<T>(...args)
    .map((values) => ({
      text: `${text} ${values.join(' ')}`,
      run: (doors, root) => run(doors, root, ...values),
    }));

const shown = (stat: FileStat | undefined) =>
  stat && {
    kind: stat.kind,
    mode: stat.mode,
    uid: stat.uid,
    ...(stat.kind === 'file' && { size: stat.size }),
  };

const calls: fc.Arbitrary<Call> = fc.oneof(
  call('read', ({ disk }, r, p: string) => disk.read('t', `${r}/${p}`).then(String), path),
  call(
    'readIfThere',
    async ({ disk }, r, p: string) => (await disk.readIfThere('t', `${r}/${p}`))?.toString(),
    path,
  ),
  call(
    'writeAtomic',
    ({ disk }, r, p: string, m: number) => disk.writeAtomic('t', `${r}/${p}`, p, { mode: m }),
    path,
    mode,
  ),
  call('append', ({ disk }, r, p: string) => disk.append('t', `${r}/${p}`, '+'), path),
  call('makeDir', ({ disk }, r, p: string) => disk.makeDir('t', `${r}/${p}`), path),
  call(
    'list',
    async ({ disk }, r, p: string) => (await disk.list('t', `${r}/${p}`)).toSorted(),
    path,
  ),
  call('remove', ({ disk }, r, p: string) => disk.remove('t', `${r}/${p}`), path),
  call('stat', async ({ disk }, r, p: string) => shown(await disk.stat('t', `${r}/${p}`)), path),
  call(
    'realPath',
    async ({ disk }, r, p: string) => (await disk.realPath('t', `${r}/${p}`)).slice(r.length),
    path,
  ),
  call(
    'writeFile',
    ({ tree }, r, p: string, m: number) => tree.writeFile('t', `${r}/${p}`, Buffer.from(p), m),
    path,
    mode,
  ),
  call(
    'makeFile',
    ({ tree }, r, p: string, m: number) => tree.makeFile('t', `${r}/${p}`, m),
    path,
    mode,
  ),
  call(
    'tree.makeDir',
    ({ tree }, r, p: string, m: number) => tree.makeDir('t', `${r}/${p}`, m),
    path,
    mode,
  ),
  call(
    'symlink',
    ({ tree }, r, to: string, p: string) => tree.symlink('t', to, `${r}/${p}`),
    path,
    path,
  ),
  call('readLink', ({ tree }, r, p: string) => tree.readLink('t', `${r}/${p}`), path),
  call(
    'rename',
    ({ tree }, r, from: string, to: string) => tree.rename('t', `${r}/${from}`, `${r}/${to}`),
    path,
    path,
  ),
  call('removeDir', ({ tree }, r, p: string) => tree.removeDir('t', `${r}/${p}`), path),
  call('chmod', ({ tree }, r, p: string, m: number) => tree.chmod('t', `${r}/${p}`, m), path, mode),
  call(
    'statTarget',
    async ({ tree }, r, p: string) => shown(await tree.statTarget('t', `${r}/${p}`)),
    path,
  ),
  call(
    'hold',
    async ({ tree }, r, p: string) => {
      const held = await tree.hold('t', `${r}/${p}`, { follow: false });
      if (!held) return undefined;
      const is = await held.stat();
      const read = is.kind === 'file' ? await held.read({ mostBytes: 3, from: 'end' }) : '';
      const list = is.kind === 'dir' ? (await held.list()).map(String).toSorted() : [];
      const real = (await held.real()).slice(r.length);
      await held.release();
      return { ...shown(is), read: String(read), list, real };
    },
    path,
  ),
);

/** Which error it is does not matter where the kernel, too, has its own order of looking. */
const outcome = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    (value) => ({ value }),
    () => 'fails',
  );

describe('FakeFiles', () => {
  it('answers as the disk does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(calls, { maxLength: 25 }), async (list) => {
        const root = await mkdtemp(join(tmpdir(), 'files-'));
        try {
          const fake = new FakeFiles();
          await fake.disk.makeDir('t', root, 0o755);
          for (const [i, { text, run }] of list.entries()) {
            const real = await outcome(run({ disk: realDisk, tree: realTree }, root));
            expect([i, text, await outcome(run(fake, root))]).toEqual([i, text, real]);
          }
        } finally {
          await rm(root, { recursive: true, force: true });
        }
      }),
      { numRuns: 150, seed: testSeed() },
    );
  });

  it('fails the operation that it is told to, and no other', async () => {
    const files = new FakeFiles();
    files.fail('status', 'ENOSPC');
    await expect(files.disk.writeAtomic('status', '/f', 'x')).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    await files.disk.writeAtomic('other', '/f', 'x');
    files.fail('status', undefined);
    await files.disk.writeAtomic('status', '/f', 'y');
    expect(String(await files.disk.read('t', '/f'))).toBe('y');
  });

  it('keeps a held place whatever becomes of its name', async () => {
    const { disk, tree } = new FakeFiles();
    await disk.makeDir('t', '/a');
    await disk.writeAtomic('t', '/a/f', 'first');
    const held = (await tree.hold('t', '/a', { follow: true }))!;
    await tree.rename('t', '/a', '/b');
    await tree.symlink('t', '/etc', '/a');
    expect(await held.real()).toBe('/b');
    expect(String(await disk.read('t', `${held.path}/f`))).toBe('first');
  });
});
