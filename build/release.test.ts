import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { tar } from '../images/archive.ts';
import { root } from './bundle.ts';
import { channelFile } from './channels.ts';
import { verifyFile } from '../internal/pki/minisign.ts';
import { newSigningKey, readSigningKey, signFile } from './minisign.ts';
import { packageDirs } from './licenses.ts';
import { sbom } from './sbom.ts';

const signer = readSigningKey(newSigningKey());
const stranger = readSigningKey(newSigningKey());
const script = readFileSync(join(root, 'install.sh'), 'utf8');
const functions = script.slice(0, script.indexOf('\nmain() {'));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'release-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('signatures', () => {
  const bytes = Buffer.from('0123  skiff-amd64\n');

  test('are good for one key, one file and one comment', () => {
    const file = signFile(signer, bytes, 'skiff v1.2.3');
    expect(verifyFile(signer.publicLine, bytes, file)).toBe('skiff v1.2.3');
    expect(signFile(signer, bytes, 'skiff v1.2.3')).toBe(file);
    expect(verifyFile(stranger.publicLine, bytes, file)).toBeUndefined();
    expect(verifyFile(signer.publicLine, Buffer.from('x'), file)).toBeUndefined();
    expect(verifyFile(signer.publicLine, bytes, file.replace('v1.2.3', 'v1.2.2'))).toBeUndefined();
  });

  test.skipIf(spawnSync('minisign', ['-v']).error)('are what minisign takes', () => {
    writeFileSync(join(dir, 'file'), bytes);
    writeFileSync(join(dir, 'file.minisig'), signFile(signer, bytes, 'skiff v1.2.3'));
    const check = (key: string): { status: number | null; stdout: string } => {
      const args = ['-V', '-H', '-Q', '-P', key, '-m', join(dir, 'file')];
      const { status, stdout } = spawnSync('minisign', args, { encoding: 'utf8' });
      return { status, stdout };
    };
    expect(check(signer.publicLine)).toEqual({ status: 0, stdout: 'skiff v1.2.3\n' });
    expect(check(stranger.publicLine).status).toBe(1);
  });

  test('a key of another kind is refused', () => {
    const { stdout } = spawnSync('openssl', ['ecparam', '-genkey', '-noout', '-name', 'P-256'], {
      encoding: 'utf8',
    });
    expect(() => readSigningKey(stdout)).toThrow('an Ed25519 key is needed, this is ec');
  });
});

test('the list of what is inside names packages with their checksums, and draws nothing', () => {
  const dirs = packageDirs(root, ['node_modules/hono/dist/hono.js', 'node_modules/ws/index.js']);
  const make = (): { components: { name: string; hashes?: { content: string }[] }[] } =>
    sbom({
      version: '1.2.3',
      build: 'abc',
      arch: 'x64',
      dirs,
      nodePackage: join(root, `node_modules/node-linux-${process.arch}`),
      kubectl: true,
      lockFile: join(root, 'package-lock.json'),
      sqliteVersion: '3.53.4',
    }) as never;
  const list = make();
  const names = list.components.map((part) => part.name);
  expect(names).toEqual(expect.arrayContaining(['hono', 'ws', 'kubectl', 'sqlite', 'v8']));
  expect(names).toContain(`node-linux-${process.arch}`);
  expect(list.components.find((part) => part.name === 'hono')?.hashes?.[0]?.content).toMatch(
    /^[0-9a-f]{128}$/,
  );
  expect(make()).toEqual(list);
});

describe('install.sh and a release', () => {
  let server: Server;
  let url: string;
  let served: string;

  beforeAll(async () => {
    server = createServer((request, response) => {
      try {
        response.end(readFileSync(join(served, request.url ?? '/')));
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  /** A release whose executable is a script. */
  function makeRelease(at: string, version = 'v1.2.3', key = signer): void {
    mkdirSync(at, { recursive: true });
    const names: Record<string, Buffer> = {};
    for (const arch of ['amd64', 'arm64']) {
      const data = Buffer.from(`#!/bin/sh\necho "skiff version ${version}"\n`);
      names[`skiff-${arch}`] = data;
      names[`skiff-${arch}.tar.gz`] = gzipSync(tar([{ path: `skiff-${arch}`, data, mode: 0o755 }]));
    }
    const sums = Object.entries(names)
      .map(([name, data]) => `${createHash('sha256').update(data).digest('hex')}  ${name}\n`)
      .join('');
    for (const [name, data] of Object.entries(names)) writeFileSync(join(at, name), data);
    writeFileSync(join(at, 'sha256sums'), sums);
    const signature = signFile(key, Buffer.from(sums), `skiff ${version}`);
    writeFileSync(join(at, 'sha256sums.minisig'), signature);
  }
  const channels = (version: string): void =>
    writeFileSync(
      join(served, 'channels'),
      channelFile({ version, url: '', names: ['stable', 'latest'] }),
    );

  beforeEach(() => {
    served = join(dir, 'served');
    makeRelease(served);
    channels('1.2.3');
  });

  /** What `download` says, by a shell and without programs that are not wanted. */
  function download(
    env: Record<string, string> = {},
    { shell = 'sh', before = '' } = {},
  ): Promise<{ code: number; all: string; left: string[] }> {
    const text = `${functions.replace("public_key=''", `public_key='${signer.publicLine}'`)}
install_packages() { echo "would install $*"; }
${before}
from_k3s
known_variables
begin
check_suffix() { case $(uname -m) in x86_64) suffix=amd64 ;; *) suffix=arm64 ;; esac; }
check_suffix
source= bin_dir=${dir}/bin data_dir=${dir}/data ledger=${dir}/data/ledger
choose_source
[ $source = release ] || { echo "source $source"; exit 0; }
download
"$binary" version
`;
    writeFileSync(join(dir, 'pipe.sh'), text);
    const options = { env: { PATH: process.env['PATH'] ?? '', ...env }, cwd: dir };
    return new Promise((resolve) => {
      const words = shell.split(' ');
      const args = [...words.slice(1), join(dir, 'pipe.sh')];
      execFile(words[0] ?? 'sh', args, options, (error, stdout, stderr) =>
        resolve({
          code: error ? Number(error.code) : 0,
          all: stdout + stderr,
          left: readdirSync(dir)
            .concat(readdirSync(join(dir, 'bin'), { withFileTypes: false }).map(String))
            .filter((name) => name.startsWith('.skiff')),
        }),
      );
      mkdirSync(join(dir, 'bin'), { recursive: true });
    });
  }
  const mirror = (): Record<string, string> => ({ INSTALL_SKIFF_MIRROR: url });
  const withoutMinisign = 'command() { [ "$2" != minisign ] && [ -x "/usr/bin/$2" ]; }';
  const bend = (name: string, at: number): void => {
    const bytes = readFileSync(join(served, name));
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(served, name), bytes);
  };

  test.each([
    ['sh', ''],
    ['busybox sh', ''],
    ['sh', withoutMinisign],
    ['busybox sh', withoutMinisign],
  ])('%s brings and checks it (%s)', async (shell, before) => {
    const done = await download(mirror(), { shell, before });
    expect(done).toMatchObject({ code: 0, left: [] });
    expect(done.all).toMatch(/bringing skiff v1\.2\.3 for \w+\nskiff version v1\.2\.3\n$/s);
    channels('9.9.9');
    expect((await download({ INSTALL_SKIFF_MIRROR: served })).all).toContain('version v1.2.3');
  });

  test.each([
    ['a bit of the sums', () => bend('sha256sums', 3), /signature of the release is wrong/],
    ['a bit of the signature', () => bend('sha256sums.minisig', 80), /signature of the release/],
    ['a packed executable', () => bend('skiff-amd64.tar.gz', 60), /checksum of skiff-amd64.tar.gz/],
    [
      'a comment that was signed with it',
      () => {
        const file = join(served, 'sha256sums.minisig');
        writeFileSync(file, readFileSync(file, 'utf8').replace('v1.2.3', 'v1.2.4'));
        channels('1.2.4');
      },
      /signature of the release is wrong/,
    ],
    [
      'the key',
      () => makeRelease(served, 'v1.2.3', stranger),
      /signature of the release is wrong|signed with another key/,
    ],
    [
      'the version that was asked for',
      () => channels('1.2.4'),
      /holds skiff v1\.2\.3, not v1\.2\.4/,
    ],
    [
      'the signature, which is gone',
      () => rmSync(join(served, 'sha256sums.minisig')),
      /is not signed/,
    ],
  ])('refuses another %s', { timeout: 60_000 }, async (_what, change, expected) => {
    if (process.arch === 'x64') change();
    for (const before of ['', withoutMinisign]) {
      const done = await download(mirror(), { before });
      expect(done.all).toMatch(expected);
      expect(done.all).not.toContain('skiff version');
      expect(done).toMatchObject({ code: 1, left: [] });
    }
  });

  test('says what is to be done where neither minisign nor OpenSSL 3 is', async () => {
    const before =
      'command() { case $2 in minisign | openssl) return 1 ;; esac; [ -x "/usr/bin/$2" ]; }';
    const done = await download(mirror(), { before });
    expect(done.all).toContain('would install openssl');
    expect(done.all).toMatch(
      /neither minisign nor OpenSSL 3 is here.*INSTALL_SKIFF_SKIP_SIGNATURE/,
    );
    expect(done.code).toBe(1);
    const alone = await download({ ...mirror(), INSTALL_SKIFF_SKIP_SIGNATURE: 'true' }, { before });
    expect(alone.all).toMatch(/is not checked.*skiff version v1\.2\.3/s);
  });

  test('takes a version of a channel or one that is named, from folders of releases', async () => {
    const all = join(dir, 'served2');
    cpSync(served, join(all, 'v1.2.3'), { recursive: true });
    makeRelease(join(all, 'v1.3.0'), 'v1.3.0');
    served = all;
    channels('1.3.0');
    expect((await download(mirror())).all).toContain('skiff version v1.3.0');
    const old = await download({ ...mirror(), INSTALL_SKIFF_VERSION: 'v1.2.3' });
    expect(old.all).toContain('skiff version v1.2.3');
    const none = await download({ ...mirror(), INSTALL_SKIFF_VERSION: 'v7.0.0' });
    expect(none.all).toContain(`there is no release v7.0.0 at ${url}`);
    const odd = await download({ ...mirror(), INSTALL_SKIFF_VERSION: '../v1' });
    expect(odd.all).toContain('"../v1" is not a version');
    const channel = await download({ ...mirror(), INSTALL_SKIFF_CHANNEL: 'edge' });
    expect(channel.all).toContain('names no version for the channel edge');
  });

  test('brings nothing that is there already, and nothing when it must not', async () => {
    mkdirSync(join(dir, 'bin'));
    cpSync(join(served, 'skiff-amd64'), join(dir, 'bin/skiff'));
    chmodSync(join(dir, 'bin/skiff'), 0o755);
    const done = await download({ ...mirror() });
    if (process.arch === 'x64') expect(done.all).toBe('skiff version v1.2.3\n');
    const skip = { ...mirror(), INSTALL_SKIFF_SKIP_DOWNLOAD: 'true' };
    expect((await download(skip)).all).toBe('source installed\n');
    const k3s = { ...mirror(), INSTALL_K3S_SKIP_DOWNLOAD: 'binary' };
    expect((await download(k3s)).all).toContain('source installed\n');
  });

  test('says where releases may come from when nobody told', async () => {
    expect((await download()).all).toContain('name a mirror of releases');
    expect((await download({ INSTALL_SKIFF_MIRROR: 'ftp://x' })).all).toContain('must begin with');
  });
});
