import { mkdtemp, rm, stat, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { realRandom } from '../io/random.ts';
import {
  bootstrapFormat,
  bootstrapName,
  checkBootstrap,
  collectFiles,
  differingSetting,
  foreignFile,
  openBootstrap,
  sealBootstrap,
  versionsApart,
  writeFiles,
  type BootstrapData,
} from './bootstrap.ts';
import { issueCa } from './certificate.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'bootstrap-'));
});
afterEach(() => rm(dir, { recursive: true }));

const files = {
  'tls/server-ca.crt': 'cert',
  'tls/server-ca.key': 'key',
  'tls/client-ca.key': 'key2',
  'tls/service.key': 'sign',
};
const data: BootstrapData = {
  format: bootstrapFormat,
  version: 'v1.36.3',
  settings: { 'cluster-cidr': '10.42.0.0/16' },
  files,
};

describe('sealing', () => {
  test('what one password sealed opens with it and with no other', async () => {
    const sealed = await sealBootstrap(data, 'secret', realRandom);
    expect(sealed.toString()).not.toContain('sign');
    expect(await openBootstrap(sealed, 'secret')).toEqual(data);
    await expect(openBootstrap(sealed, 'Secret')).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('cannot be opened with this token'),
      hint: expect.stringContaining('server/token'),
    });
    const damaged = Buffer.from(sealed);
    damaged[damaged.length - 3] = damaged[damaged.length - 3] === 65 ? 66 : 65;
    await expect(openBootstrap(damaged, 'secret')).rejects.toThrow(/cannot be opened/);
    expect((await sealBootstrap(data, 'secret', realRandom)).equals(sealed)).toBe(false);
  });

  test('the name tells passwords apart and does not tell the password', async () => {
    expect(await bootstrapName('a')).toBe(await bootstrapName('a'));
    expect(await bootstrapName('a')).not.toBe(await bootstrapName('b'));
    expect(await bootstrapName('a')).toMatch(/^[0-9a-f]{16}$/);
  });

  test('another format is refused by name', async () => {
    await expect(openBootstrap(Buffer.from('other:x:y'), 'secret')).rejects.toThrow(
      /another skiff/,
    );
    expect(() => checkBootstrap({ ...data, format: 2 })).toThrow(/another bootstrap format \(2\)/);
    expect(() => checkBootstrap(null)).toThrow(/another bootstrap format/);
    expect(() => checkBootstrap({ ...data, files: {} })).toThrow(/lacks tls\/server-ca.crt/);
  });
});

describe('files', () => {
  test('are written once, keys for root alone, and nothing outside the known names', async () => {
    const evil = checkBootstrap({ ...data, files: { ...files, '../../etc/passwd': 'x' } });
    expect(Object.keys(evil.files)).not.toContain('../../etc/passwd');
    expect(await writeFiles(realDisk, dir, evil.files)).toHaveLength(4);
    expect(((await stat(join(dir, 'tls/service.key'))).mode & 0o777).toString(8)).toBe('600');
    expect(((await stat(join(dir, 'tls/server-ca.crt'))).mode & 0o777).toString(8)).toBe('644');
    expect(((await stat(join(dir, 'tls'))).mode & 0o777).toString(8)).toBe('700');
    expect(await writeFiles(realDisk, dir, files)).toEqual([]);
    expect(await collectFiles(realDisk, dir)).toEqual(files);
    expect(
      await writeFiles(realDisk, dir, { ...files, 'cred/encryption-keys.json': '{}' }),
    ).toEqual(['cred/encryption-keys.json']);
    expect(await readFile(join(dir, 'cred/encryption-keys.json'), 'utf8')).toBe('{}');
  });

  test('an authority of another cluster is noticed, a changed encryption key is ours', async () => {
    const real = {
      ...files,
      'tls/server-ca.crt': issueCa({ nowMs: realClock.now(), random: realRandom, cn: 'a' }).cert,
    };
    await writeFiles(realDisk, dir, { ...real, 'cred/encryption-keys.json': '1' });
    expect(
      await foreignFile(realDisk, dir, { ...real, 'cred/encryption-keys.json': '2' }),
    ).toBeUndefined();
    expect(await foreignFile(realDisk, dir, { ...real, 'tls/server-ca.crt': 'other' })).toBe(
      'tls/server-ca.crt',
    );
  });

  test.each([
    ['empty', ''],
    ['cut off', '-----BEGIN CERTIFICATE-----\nMIIB'],
    ['something else', 'hello'],
  ])("an authority that is %s is nobody's: the cluster's takes its place", async (_what, text) => {
    await writeFiles(realDisk, dir, { ...files, 'tls/server-ca.crt': text });
    expect(
      await foreignFile(realDisk, dir, { ...files, 'tls/server-ca.crt': 'whole' }),
    ).toBeUndefined();
    expect(await writeFiles(realDisk, dir, { ...files, 'tls/server-ca.crt': 'whole' })).toContain(
      'tls/server-ca.crt',
    );
  });
});

test('settings and versions that do not go together are named', () => {
  expect(
    differingSetting(
      { 'cluster-cidr': 'a', 'service-cidr': 'b' },
      { 'cluster-cidr': 'a', 'service-cidr': 'c' },
    ),
  ).toBe('--service-cidr is b here and c in the cluster');
  expect(
    differingSetting({ 'cluster-cidr': 'a' }, { 'cluster-cidr': 'a', later: 'x' }),
  ).toBeUndefined();
  expect([
    versionsApart('v1.36.3', 'v1.36.0'),
    versionsApart('v1.36.3', 'v1.35.9'),
    versionsApart('v1.36.3', 'v1.34.1'),
    versionsApart('v1.36.3', 'nonsense'),
  ]).toEqual([false, false, true, true]);
});
