import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realClock } from '../../io/clock.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import { realSpawn } from '../../io/spawn.ts';
import { ImageImporter } from './import-images.ts';

let dir: string;
let importer: ImageImporter;
let pulled: string[] = [];
let away: string[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'images-'));
  [pulled, away] = [[], []];
  // Stands for ctr: keeps what it is fed, and says what it found.
  await writeFile(join(dir, 'ctr'), `#!/bin/sh\ncat > ${dir}/fed.$$\necho "unpacking example.org/$(head -c 20 ${dir}/fed.$$ | tr -d '\\n'):1 (sha256:0)...done"\n`, { mode: 0o755 });
  importer = new ImageImporter({
    imagesDir: join(dir, 'images'), indexFile: join(dir, 'index.json'), ctr: [join(dir, 'ctr')], clock: realClock, disk: realDisk, spawn: realSpawn, log: silentLog,
    isThere: (name) => Promise.resolve(pulled.includes(name)),
    pull: (name) => (away.includes(name) ? Promise.reject(new Error('away')) : (pulled.push(name), Promise.resolve())),
  });
});
afterEach(async () => {
  importer.stop();
  await rm(dir, { recursive: true });
});

test('archives of every packing come in unpacked', async () => {
  await realDisk.makeDir('test', join(dir, 'images'));
  const packings: [string, string, string[]][] = [['tar', 'cat', []], ['tar.gz', 'gzip', ['-c']], ['tar.zst', 'zstd', ['-c']], ['tar.bz2', 'bzip2', ['-c']], ['tar.lz4', 'lz4', ['-c']]];
  const there = packings.filter(([, program]) => program !== 'zstd' || has('zstd'));
  for (const [ending, program, args] of there) await writeFile(join(dir, `images/${ending.replace('.', '-')}.${ending}`), execFileSync(program, args, { input: `of-${ending}`, stdio: ['pipe', 'pipe', 'ignore'] }));
  await importer.start();
  expect([...importer.names()].sort()).toEqual(there.map(([ending]) => `example.org/of-${ending}:1`).sort());
});

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('images of a list are pulled, once, and kept', async () => {
  await realDisk.makeDir('test', join(dir, 'images'));
  await writeFile(join(dir, 'images/some.txt'), '# what the site needs\nbusybox\nregistry.example/app:v1\r\n\nNOT A NAME\nregistry.example/away:1\n');
  away = ['registry.example/away:1'];
  await importer.start();
  await expect.poll(() => pulled).toEqual(['busybox:latest', 'registry.example/app:v1']);
  expect([...importer.names()]).toEqual(['busybox:latest', 'registry.example/app:v1', 'registry.example/away:1']);
  await writeFile(join(dir, 'images/more.txt'), 'busybox:latest\nregistry.example/more:2\n');
  await expect.poll(() => pulled, { timeout: 10_000 }).toEqual(['busybox:latest', 'registry.example/app:v1', 'registry.example/more:2']);
  expect(await readFile(join(dir, 'index.json')).catch(() => undefined)).toBeUndefined();
});
