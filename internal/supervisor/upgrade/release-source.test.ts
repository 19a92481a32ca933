import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { channelFile } from '../../../build/channels.ts';
import { newSigningKey, readSigningKey, signFile } from '../../../build/minisign.ts';
import { tar } from '../../../images/archive.ts';
import { realDisk } from '../../io/disk.ts';
import { realSpawn } from '../../io/spawn.ts';
import { checkSkew } from './begin.ts';
import { bringRelease, checkMirror, isVersion } from './release-source.ts';

const [signer, stranger] = [readSigningKey(newSigningKey()), readSigningKey(newSigningKey())];
let server: Server;
let url = '';
let dir = '';
let served = '';

function makeRelease(at: string, version = 'v1.2.3', key = signer): void {
  mkdirSync(at, { recursive: true });
  const data = Buffer.from(`#!/bin/sh\necho "skiff version ${version}"\n`);
  const packed = gzipSync(tar([{ path: 'skiff-amd64', data, mode: 0o755 }]));
  const names = { 'skiff-amd64': data, 'skiff-amd64.tar.gz': packed };
  const sums = Object.entries(names)
    .map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`)
    .join('');
  for (const [name, bytes] of Object.entries(names)) writeFileSync(join(at, name), bytes);
  writeFileSync(join(at, 'sha256sums'), sums);
  const signature = signFile(key, Buffer.from(sums), `skiff ${version}`);
  writeFileSync(join(at, 'sha256sums.minisig'), signature);
}
const channels = (version: string): void =>
  writeFileSync(join(served, 'channels'), channelFile({ version, url: '', names: ['stable'] }));
const bend = (name: string, at: number): void => {
  const bytes = readFileSync(join(served, name));
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(join(served, name), bytes);
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'source-'));
  served = join(dir, 'served');
  mkdirSync(join(dir, 'work'));
  makeRelease(served);
  channels('1.2.3');
  server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(served, request.url ?? '/')));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
  rmSync(dir, { recursive: true });
});

/** What is said by the executable that has come, or why none has. */
const brought = async (version?: string, mirror = url, channel = 'stable'): Promise<string> => {
  try {
    const wanted = { version, channel, arch: 'amd64' as const, dir: join(dir, 'work') };
    const key = signer.publicLine;
    const found = await bringRelease(
      { disk: realDisk, spawn: realSpawn },
      { ...wanted, mirror: { url: mirror, key } },
    );
    return (await realSpawn.run('test', [found.file])).stdout.toString().trim();
  } catch (error) {
    return (error as Error).message;
  }
};

describe('a release', () => {
  test('comes by channel, by version, from a folder', async () => {
    expect(await brought()).toBe('skiff version v1.2.3');
    expect(await brought('v1.2.3')).toBe('skiff version v1.2.3');
    expect(await brought(undefined, served)).toBe('skiff version v1.2.3');
    const all = join(dir, 'all');
    makeRelease(join(all, 'v1.2.3'));
    makeRelease(join(all, 'v1.3.0'), 'v1.3.0');
    served = all;
    channels('1.3.0');
    expect(await brought()).toBe('skiff version v1.3.0');
    expect(await brought('v1.2.3')).toBe('skiff version v1.2.3');
    expect(await brought('v7.0.0')).toBe(`there is no release v7.0.0 at ${url}`);
    expect(await brought(undefined, url, 'edge')).toMatch(/names no version for the channel edge/);
  });

  test.each([
    ['a bit of the sums', () => bend('sha256sums', 3), /signature of the release is wrong/],
    ['a bit of the signature', () => bend('sha256sums.minisig', 80), /signature of the release/],
    ['the packed executable', () => bend('skiff-amd64.tar.gz', 60), /checksum of skiff-amd64.tar/],
    ['its key', () => makeRelease(served, 'v1.2.3', stranger), /signature of the release is wrong/],
    ['its version', () => channels('1.2.4'), /holds skiff v1\.2\.3, not v1\.2\.4/],
    ['no signature', () => rmSync(join(served, 'sha256sums.minisig')), /is not signed/],
    ['no list', () => rmSync(join(served, 'sha256sums')), /there is no release/],
    [
      'a channel that leads elsewhere',
      () => writeFileSync(join(served, 'channels'), '{"data":[{"name":"stable","latest":"../x"}]}'),
      /names no version/,
    ],
  ])('is refused with another %s', async (_what, change, said) => {
    change();
    expect(await brought()).toMatch(said);
  });

  test('from a folder is held to its sum, too', async () => {
    bend('skiff-amd64', 5);
    expect(await brought(undefined, served)).toMatch(/checksum of skiff-amd64 is wrong/);
  });
});

test.each([
  ['v1.2.3', true],
  ['1.2.3-rc.1', true],
  ['v1.2', false],
  ['../1.2.3', false],
  ['v1.2.3/..', false],
])('%s is a version: %s', (text, is) => expect(isVersion(text)).toBe(is));

test.each(['ftp://x', 'x', 'http://x/$(id)', 'https://x y'])('%s is no mirror', (text) =>
  expect(() => checkMirror(text)).toThrow(/is not an http:\/\/ or https:\/\/ address/),
);

test('an agent is never newer than its servers', () => {
  const of = (minor: number) => ({ skiff: 'v0', kubernetes: { major: 1, minor } });
  expect(() => checkSkew(of(36), of(37), { major: 1, minor: 36 })).toThrow(
    'the servers speak Kubernetes 1.36, and an agent may not be newer',
  );
  checkSkew(of(36), of(37), { major: 1, minor: 37 });
  checkSkew(of(36), of(36), { major: 1, minor: 37 });
});
