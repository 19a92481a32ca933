import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IoError, type ConfigError } from '../base/errors.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { realDisk, type Disk } from '../io/disk.ts';
import { makeLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { expiries, loadOrCreateNode, loadOrCreateServer } from './authorities.ts';
import { issueCa } from './certificate.ts';
import { store } from './pair-files.ts';
import { caHashOf, formatToken, newBootstrapToken, parseToken } from './tokens.ts';

let dir: string;
const clock = new FakeClock();
const doors = { disk: realDisk, clock, random: realRandom };
const serverNames = ['localhost', '127.0.0.1', 'kubernetes', '10.43.0.1'];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pki-'));
});
afterEach(() => rm(dir, { recursive: true }));

const load = (names = serverNames) => loadOrCreateServer({ ...doors, dir, serverNames: names });

test('a second start issues nothing', async () => {
  const first = await load();
  expect(await load()).toEqual(first);
  expect((await stat(join(dir, 'server-ca.key'))).mode & 0o777).toBe(0o600);
  expect(await readdir(dir)).toEqual(
    expect.arrayContaining([
      'server-ca.crt',
      'client-ca.crt',
      'request-header-ca.crt',
      'serving-kube-apiserver.crt',
      'client-admin.crt',
      'service.key',
    ]),
  );
});

test('a new name gives a new serving certificate under the same authority', async () => {
  const first = await load();
  const second = await load([...serverNames, 'boat.example']);
  expect(second.serverCa).toEqual(first.serverCa);
  expect(second.apiServer.cert).not.toBe(first.apiServer.cert);
  expect(second.admin).toEqual(first.admin);
});

test.each(['EROFS', 'ENOSPC'])(
  'a disk that takes nothing (%s) holds no server up: the new leaf is in memory alone',
  async (code) => {
    const first = await load();
    const full: Disk = {
      ...realDisk,
      writeAtomic: (op, path) => Promise.reject(new IoError(`${op}: ${path}`, { op, code })),
    };
    const names = [...serverNames, 'boat.example'];
    const second = await loadOrCreateServer({ ...doors, disk: full, dir, serverNames: names });
    expect(new X509Certificate(second.apiServer.cert).checkHost('boat.example')).toBeDefined();
    expect(second.admin).toEqual(first.admin);
    expect((await load()).apiServer).toEqual(first.apiServer);
    // An authority is nothing that may be forgotten.
    await rm(join(dir, 'client-ca.crt'));
    await rm(join(dir, 'client-ca.key'));
    await expect(
      loadOrCreateServer({ ...doors, disk: full, dir, serverNames: names }),
    ).rejects.toThrow('client-ca');
  },
);

test('leaves are renewed at two thirds of their life, authorities stay', async () => {
  const first = await load();
  clock.jump(200 * 24 * 3600 * 1000);
  expect((await load()).admin).toEqual(first.admin);
  clock.jump(60 * 24 * 3600 * 1000);
  const later = await load();
  expect(later.admin).not.toEqual(first.admin);
  expect(later.clientCa).toEqual(first.clientCa);
});

test('a lost authority key is said, not papered over', async () => {
  await load();
  await rm(join(dir, 'client-ca.key'));
  await expect(load()).rejects.toThrow(/client-ca\.key is missing/);
});

test('a node gets a name and an address', async () => {
  const server = await load();
  const node = await loadOrCreateNode({
    ...doors,
    dir: join(dir, 'agent'),
    ...server,
    nodeName: 'boat-1',
    addresses: ['192.0.2.7'],
  });
  expect(node.kubelet.cert).toContain('BEGIN CERTIFICATE');
  expect(
    (await expiries(realDisk, join(dir, 'agent'))).find((e) => e.file === 'client-kubelet.crt')
      ?.subject,
  ).toBe('O=system:nodes,CN=system:node:boat-1');
});

test('tokens are read as they were written', () => {
  const full = { caHash: caHashOf('pem'), user: 'server', password: 'a:b' };
  expect(parseToken(formatToken(full))).toEqual(full);
  expect(parseToken(' secret\n')).toEqual({ caHash: '', user: '', password: 'secret' });
  const bootstrap = newBootstrapToken(realRandom);
  expect(
    parseToken(formatToken({ caHash: full.caHash, user: '', password: '', bootstrap })).bootstrap,
  ).toBe(bootstrap);
  expect(() => parseToken('K10abc::server:x')).toThrow(/damaged/);
});

const span = (pem: string): [from: number, to: number] => {
  const cert = new X509Certificate(pem);
  return [Date.parse(cert.validFrom), Date.parse(cert.validTo)];
};
const dayMs = 24 * 3600 * 1000;
const trueMs = Date.UTC(2026, 5, 1);
const builtMs = Date.UTC(2026, 4, 1);
const at = (nowMs: number): FakeClock => Object.assign(new FakeClock(nowMs), { earliest: builtMs });
const loadAt = (nowMs: number, more: Partial<Parameters<typeof loadOrCreateServer>[0]> = {}) =>
  loadOrCreateServer({ ...doors, clock: at(nowMs), dir, serverNames, alone: true, ...more });
const all = (s: Awaited<ReturnType<typeof loadAt>>): string[] =>
  [s.serverCa, s.clientCa, s.requestHeaderCa, s.apiServer, s.admin, s.kubeletClient].map(
    ({ cert }) => cert,
  );

describe.each([
  ['of 1970', 60_000],
  ['ten years ahead', trueMs + 3650 * dayMs],
  ['of a month before the build', builtMs - 30 * dayMs],
])('what is made under a clock %s', (_what, wrongMs) => {
  test('is good by that clock and by a true one, and nothing is made in between', async () => {
    const first = await loadAt(wrongMs);
    for (const cert of all(first)) {
      const [from, to] = span(cert);
      expect(from).toBeLessThanOrEqual(Math.min(wrongMs, trueMs));
      expect(to).toBeGreaterThan(Math.max(wrongMs, trueMs) + 200 * dayMs);
    }
    expect((await loadAt(trueMs)).serverCa).toEqual(first.serverCa);
    expect(all(await loadAt(wrongMs)).slice(0, 3)).toEqual(all(first).slice(0, 3));
  });
});

test('a leaf from the future is issued again, whichever clock is wrong', async () => {
  await loadAt(trueMs);
  const early = await loadAt(60_000);
  expect(span(early.apiServer.cert)[0]).toBe(0);
  expect(span(early.apiServer.cert)[1]).toBeGreaterThan(trueMs);
});

test(
  'an authority that a wrong clock dated gets new dates, and its key and name stay; where ' +
    'others have it, it is only said',
  async () => {
    const said: string[] = [];
    const log = makeLog({ level: 'warn', write: (line) => void said.push(line) });
    await loadAt(trueMs);
    const old = issueCa({
      nowMs: 60_000,
      random: realRandom,
      cn: 'old-ca',
      lifeMs: 9 * 365 * dayMs,
    });
    await store(realDisk, dir, 'server-ca', old);
    const shared = await loadAt(trueMs, { alone: false, log });
    expect(shared.serverCa).toEqual(old);
    expect(said.join('')).toMatch(/ERROR.*not valid at the time of this clock.*server-ca\.crt/);
    const healed = await loadAt(trueMs, { log });
    expect(healed.serverCa.key).toBe(old.key);
    expect(span(healed.serverCa.cert)[1]).toBeGreaterThan(trueMs);
    const [before, after] = [
      new X509Certificate(old.cert),
      new X509Certificate(healed.serverCa.cert),
    ];
    expect(after.subject).toBe(before.subject);
    // A holder of the old file trusts what the new one signs.
    expect(new X509Certificate(healed.apiServer.cert).verify(before.publicKey)).toBe(true);
    expect(said.join('')).toMatch(/WARN.*gets new dates/);
  },
);

test('an authority that ends soon does not have its leaves issued again at each look', async () => {
  await loadAt(trueMs);
  await store(
    realDisk,
    dir,
    'client-ca',
    issueCa({ nowMs: trueMs, random: realRandom, cn: 'short', lifeMs: 30 * dayMs }),
  );
  const first = await loadAt(trueMs);
  expect((await loadAt(trueMs + dayMs)).admin).toEqual(first.admin);
});

describe('a damaged file', () => {
  const damages: [what: string, damage: (path: string) => Promise<void>, words: RegExp][] = [
    ['empty', (path) => writeFile(path, ''), /is empty/],
    [
      'cut off',
      async (path) => writeFile(path, (await readFile(path, 'utf8')).slice(0, 90)),
      /is cut off|is damaged/,
    ],
    ['garbage', (path) => writeFile(path, randomBytes(300)), /is not a PEM file/],
    [
      'of another type',
      (path) =>
        writeFile(
          path,
          '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC ' +
            'KEY-----\n',
        ),
      /holds a PUBLIC KEY/,
    ],
    ['gone', (path) => rm(path), /is missing/],
  ];
  const authorities = [
    'server-ca.crt',
    'server-ca.key',
    'client-ca.crt',
    'client-ca.key',
    'request-header-ca.key',
    'service.key',
  ];
  const leaves = [
    'serving-kube-apiserver.crt',
    'serving-kube-apiserver.key',
    'client-admin.crt',
    'client-admin.key',
    'client-auth-proxy.key',
  ];

  test.each(
    authorities.flatMap((file) =>
      damages.map(([what, damage, words]) => [file, what, damage, words] as const),
    ),
  )(
    '%s, %s: one line with its name, and nothing new in its place',
    async (file, _what, damage, words) => {
      await load();
      await damage(join(dir, file));
      const before = await readdir(dir);
      const failure = await loadOrCreateServer({
        ...doors,
        dir,
        serverNames,
        mustExist: true,
      }).catch((error: unknown) => error as ConfigError);
      expect(failure).toMatchObject({
        code: 'CONFIG',
        message: expect.stringContaining(join(dir, file)),
        hint: expect.stringContaining('put it back'),
      });
      expect((failure as ConfigError).message).toMatch(words);
      expect((failure as ConfigError).message).not.toContain('\n');
      expect(await readdir(dir)).toEqual(before);
    },
  );

  test.each(
    leaves.flatMap((file) => damages.map(([what, damage]) => [file, what, damage] as const)),
  )('%s, %s: made again under the same authorities', async (file, _what, damage) => {
    const first = await load();
    await damage(join(dir, file));
    const healed = await loadOrCreateServer({ ...doors, dir, serverNames, mustExist: true });
    expect(healed.serverCa).toEqual(first.serverCa);
    expect(
      new X509Certificate(healed.admin.cert).checkPrivateKey(createPrivateKey(healed.admin.key)),
    ).toBe(true);
    expect(
      new X509Certificate(healed.apiServer.cert).checkPrivateKey(
        createPrivateKey(healed.apiServer.key),
      ),
    ).toBe(true);
    expect(await load()).toEqual(healed);
  });

  test('a key of another certificate is told from a damaged one', async () => {
    await load();
    await writeFile(join(dir, 'server-ca.key'), await readFile(join(dir, 'client-ca.key')));
    await expect(load()).rejects.toThrow(/server-ca\.key is not the key of server-ca\.crt/);
  });

  test('a power cut between key and certificate of a new authority: it is made', async () => {
    await load();
    await rm(join(dir, 'server-ca.crt'));
    expect((await load()).serverCa.cert).toContain('BEGIN CERTIFICATE');
  });

  test('"certificate check" shows it', async () => {
    await load();
    await writeFile(join(dir, 'client-admin.crt'), 'x');
    expect(
      (await expiries(realDisk, dir)).find((e) => e.file === 'client-admin.crt')?.fault,
    ).toMatch(/not a PEM/);
  });
});
