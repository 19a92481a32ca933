import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../io/clock-fake.ts';
import { realDisk } from '../io/disk.ts';
import { realRandom } from '../io/random.ts';
import { expiries, loadOrCreateNode, loadOrCreateServer } from './authorities.ts';
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
  expect(await readdir(dir)).toEqual(expect.arrayContaining(['server-ca.crt', 'client-ca.crt', 'request-header-ca.crt', 'serving-kube-apiserver.crt', 'client-admin.crt', 'service.key']));
});

test('a new name gives a new serving certificate under the same authority', async () => {
  const first = await load();
  const second = await load([...serverNames, 'boat.example']);
  expect(second.serverCa).toEqual(first.serverCa);
  expect(second.apiServer.cert).not.toBe(first.apiServer.cert);
  expect(second.admin).toEqual(first.admin);
});

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
  const node = await loadOrCreateNode({ ...doors, dir: join(dir, 'agent'), ...server, nodeName: 'boat-1', addresses: ['192.0.2.7'] });
  expect(node.kubelet.cert).toContain('BEGIN CERTIFICATE');
  expect((await expiries(realDisk, join(dir, 'agent'))).find((e) => e.file === 'client-kubelet.crt')?.subject).toBe('O=system:nodes,CN=system:node:boat-1');
});

test('tokens are read as they were written', () => {
  const full = { caHash: caHashOf('pem'), user: 'server', password: 'a:b' };
  expect(parseToken(formatToken(full))).toEqual(full);
  expect(parseToken(' secret\n')).toEqual({ caHash: '', user: '', password: 'secret' });
  const bootstrap = newBootstrapToken(realRandom);
  expect(parseToken(formatToken({ caHash: full.caHash, user: '', password: '', bootstrap })).bootstrap).toBe(bootstrap);
  expect(() => parseToken('K10abc::server:x')).toThrow(/damaged/);
});
