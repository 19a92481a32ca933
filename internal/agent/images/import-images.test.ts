import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../io/clock-fake.ts';
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
  await writeFile(
    join(dir, 'ctr'),
    `#!/bin/sh\ncat > ${dir}/fed.$$\necho "unpacking example.org/$(head -c 20 ${dir}/fed.$$ ` +
      `| tr -d '\\n'):1 (sha256:0)...done"\n`,
    { mode: 0o755 },
  );
  importer = new ImageImporter({
    imagesDir: join(dir, 'images'),
    indexFile: join(dir, 'index.json'),
    ctr: [join(dir, 'ctr')],
    clock: realClock,
    disk: realDisk,
    spawn: realSpawn,
    log: silentLog,
    isThere: (name) => Promise.resolve(pulled.includes(name)),
    pull: (name) =>
      away.includes(name)
        ? Promise.reject(new Error('away'))
        : (pulled.push(name), Promise.resolve()),
  });
});
afterEach(async () => {
  importer.stop();
  await rm(dir, { recursive: true });
});

test('archives of every packing come in unpacked', async () => {
  await realDisk.makeDir('test', join(dir, 'images'));
  const packings: [string, string, string[]][] = [
    ['tar', 'cat', []],
    ['tar.gz', 'gzip', ['-c']],
    ['tar.zst', 'zstd', ['-c']],
    ['tar.bz2', 'bzip2', ['-c']],
    ['tar.lz4', 'lz4', ['-c']],
  ];
  const there = packings.filter(([, program]) => program !== 'zstd' || has('zstd'));
  for (const [ending, program, args] of there)
    await writeFile(
      join(dir, `images/${ending.replace('.', '-')}.${ending}`),
      execFileSync(program, args, { input: `of-${ending}`, stdio: ['pipe', 'pipe', 'ignore'] }),
    );
  await importer.start();
  expect([...importer.names()].sort()).toEqual(
    there.map(([ending]) => `example.org/of-${ending}:1`).sort(),
  );
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
  await writeFile(
    join(dir, 'images/some.txt'),
    '# what the site needs\nbusybox\nregistry.example/app:v1\r\n\nNOT A NAME\n' +
      'registry.example/away:1\n',
  );
  away = ['registry.example/away:1'];
  await importer.start();
  await expect.poll(() => pulled).toEqual(['busybox:latest', 'registry.example/app:v1']);
  expect([...importer.names()]).toEqual([
    'busybox:latest',
    'registry.example/app:v1',
    'registry.example/away:1',
  ]);
  await writeFile(join(dir, 'images/more.txt'), 'busybox:latest\nregistry.example/more:2\n');
  await expect
    .poll(() => pulled, { timeout: 10_000 })
    .toEqual(['busybox:latest', 'registry.example/app:v1', 'registry.example/more:2']);
  expect(await readFile(join(dir, 'index.json')).catch(() => undefined)).toBeUndefined();
});

test('an archive that had no room comes in when there is; the node hears it once', async () => {
  const clock = new FakeClock();
  const failed: string[] = [];
  await realDisk.makeDir('test', join(dir, 'images'));
  await writeFile(join(dir, 'images/big.tar'), 'big');
  await writeFile(join(dir, 'images/broken.tar'), 'broken');
  const room = join(dir, 'room');
  // Written once: a program that is being written while another is started cannot be started
  // (ETXTBSY).
  const script = [
    '#!/bin/sh',
    'if grep -q broken; then echo "ctr: archive/tar: invalid tar header" >&2',
    `elif [ -e ${room} ]; then echo "unpacking example.org/big:1 (sha256:0)...done"; exit 0`,
    'else echo "ctr: failed to copy: write /var/lib/x: no space left on device" >&2; fi',
    'exit 1',
  ];
  await writeFile(join(dir, 'ctr'), script.join('\n'), { mode: 0o755 });
  const small = new ImageImporter({
    imagesDir: join(dir, 'images'),
    indexFile: join(dir, 'index.json'),
    ctr: [join(dir, 'ctr')],
    clock,
    disk: realDisk,
    spawn: realSpawn,
    log: silentLog,
    isThere: () => Promise.resolve(true),
    pull: () => Promise.resolve(),
    failed: (file, message) => void failed.push(`${file}: ${message}`),
  });
  await small.start();
  await clock.advance(60_000);
  await expect
    .poll(() => failed)
    .toEqual([
      'big.tar: ctr: failed to copy: write /var/lib/x: no space left on device',
      'broken.tar: ctr: archive/tar: invalid tar header',
    ]);
  await writeFile(room, '');
  for (let i = 0; i < 100 && small.names().size === 0; i++) {
    await clock.advance(60_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect([...small.names()]).toEqual(['example.org/big:1']);
  expect(failed).toHaveLength(2);
  small.stop();
});

test('an image is looked for when the archives of the start have been read', async () => {
  await realDisk.makeDir('test', join(dir, 'images'));
  await writeFile(join(dir, 'images/one.tar'), 'one');
  pulled = ['example.org/one:1'];
  const starting = importer.start();
  expect(await importer.restore('example.org/one:1')).toBe(true);
  expect([...importer.names()]).toEqual(['example.org/one:1']);
  await starting;
  expect(await importer.restore('example.org/other:1')).toBe(false);
});

test('an image that somebody removed comes back from its archive, and no other', async () => {
  await realDisk.makeDir('test', join(dir, 'images'));
  await writeFile(join(dir, 'images/one.tar'), 'one');
  await importer.start();
  const fed = async (): Promise<number> =>
    (await realDisk.list('test', dir)).filter((name) => name.startsWith('fed.')).length;
  expect(await fed()).toBe(1);
  expect(await importer.restore('example.org/other:1')).toBe(false);
  expect(await fed()).toBe(1);
  // The runtime says that it is not there, before and after: it was imported again all the same.
  expect(await importer.restore('example.org/one:1')).toBe(false);
  expect(await fed()).toBe(2);
  pulled = ['example.org/one:1'];
  expect(await importer.restore('example.org/one:1')).toBe(true);
  expect(await fed()).toBe(2);
});
