import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realDisk } from '../../io/disk.ts';
import { realSpawn } from '../../io/spawn.ts';
import { libraryPlace, readManifest, withLibraries } from './contents.ts';
import { imageNames } from './images.ts';
import { loadBundle } from './load.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'airgap-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const program = `ELF ${libraryPlace}\0 and the rest`;

/** A bundle of these files; `change` may spoil it before it is packed. */
function bundle(change: (at: string) => void = () => undefined, manifest: object = {}): string {
  const at = mkdtempSync(join(dir, 'bundle-'));
  const files: Record<string, string> = {
    'bin/runc': program,
    'lib/a.so.1': 'a',
    'images.tar': 'i',
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, path)), { recursive: true });
    writeFileSync(join(at, path), text, { mode: 0o755 });
  }
  const sum = (text: string): string => createHash('sha256').update(text).digest('hex');
  const sums = Object.entries(files).map(([path, text]) => [path, sum(text)]);
  const text = JSON.stringify({
    format: 1,
    arch: 'amd64',
    distribution: 'Debian',
    packages: { runc: '1' },
    files: Object.fromEntries(sums) as object,
    images: ['registry.example/a:1'],
    ...manifest,
  });
  writeFileSync(join(at, 'manifest.json'), text);
  change(at);
  const file = `${at}.tar`;
  execFileSync('tar', ['-cf', file, '-C', at, '.']);
  return file;
}
const load = (file: string, arch = 'amd64'): ReturnType<typeof loadBundle> =>
  loadBundle({ file, dataDir: join(dir, 'data'), arch, disk: realDisk, spawn: realSpawn });

describe('a bundle', () => {
  it('is unpacked, its programs find their libraries, and its images are imported', async () => {
    await load(bundle());
    const placed = readFileSync(join(dir, 'data/airgap/bin/runc'), 'latin1');
    expect(placed).toHaveLength(program.length);
    expect(placed).toMatch(/^ELF \/.*\/data\/airgap\/lib\/+\0 and the rest$/);
    expect(readFileSync(join(dir, 'data/agent/images/airgap.tar'), 'utf8')).toBe('i');
    await load(bundle());
    expect(readdirSync(join(dir, 'data'))).toEqual(['agent', 'airgap']);
  });

  it.each([
    [
      'a file that was changed',
      (at: string) => writeFileSync(join(at, 'bin/runc'), 'x'),
      /damaged/,
    ],
    ['a file too many', (at: string) => writeFileSync(join(at, 'bin/more'), 'x'), /other files/],
    ['a file too few', (at: string) => rmSync(join(at, 'lib/a.so.1')), /other files/],
    [
      'a link',
      (at: string) => symlinkSync('/etc/passwd', join(at, 'bin/link')),
      /not a regular file/,
    ],
    ['no manifest', (at: string) => rmSync(join(at, 'manifest.json')), /not an air-gap bundle/],
  ])('with %s changes nothing', async (_what, change, expected) => {
    await load(bundle());
    await expect(load(bundle(change))).rejects.toThrow(expected);
    expect(readFileSync(join(dir, 'data/airgap/lib/a.so.1'), 'utf8')).toBe('a');
    expect(readdirSync(join(dir, 'data'))).toEqual(['agent', 'airgap']);
  });

  it('of another architecture is refused', async () => {
    await expect(load(bundle(), 'arm64')).rejects.toThrow(
      'is for amd64, and this machine is arm64',
    );
  });

  it('names no file outside its folders', () => {
    const sum = 'a'.repeat(64);
    for (const path of ['../x', '/etc/passwd', 'bin/../../x', 'bin/a b', 'other/x'])
      expect(() =>
        readManifest(
          JSON.stringify({
            format: 1,
            arch: 'amd64',
            files: { [path]: sum },
            packages: {},
            images: [],
          }),
        ),
      ).toThrow('it names a file');
    expect(() => readManifest('{')).toThrow('damaged');
    expect(() => readManifest('null')).toThrow('format');
  });
});

it('a data directory may be deep, but not deeper than the place in a program', () => {
  expect(() => withLibraries(Buffer.from(program), `/${'d'.repeat(300)}`)).toThrow('too long');
  const none = Buffer.from('static');
  expect(withLibraries(none, '/d')).toBe(none);
});

it('images are named in full', () => {
  expect(imageNames('busybox\n# no\n\nreg:5000/a/b:v1\nx@sha256:' + 'a'.repeat(64))).toEqual([
    'docker.io/library/busybox:latest',
    'reg:5000/a/b:v1',
    `docker.io/library/x@sha256:${'a'.repeat(64)}`,
  ]);
  expect(() => imageNames('NOT A NAME')).toThrow('--images');
});
