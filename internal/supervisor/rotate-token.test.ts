import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryStore } from '../apiserver/memory-store.fake.ts';
import { realClock } from '../io/clock.ts';
import { realDisk } from '../io/disk.ts';
import { silentLog as log } from '../io/log.ts';
import { realRandom as random } from '../io/random.ts';
import { loadOrCreateAuthorities } from '../pki/authorities.ts';
import { caHashOf, formatToken } from '../pki/tokens.ts';
import type { Store } from '../store/store.ts';
import { followBootstrap, readBootstrap, shareBootstrap } from './bootstrap.ts';
import type { ServerConfig } from './config.ts';
import type { Datastore } from './datastore.ts';
import type { Doors } from './doors.ts';
import { keepTokens, rotateToken, type RotateRequest } from './rotate-token.ts';
import { tokenNow, type JoinPasswords } from './token-change.ts';

const doors = { clock: realClock, disk: realDisk, random, log } as Doors;
let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skiff-rotate-'));
});
afterAll(() => rm(root, { recursive: true }));

const configOf = (name: string, more: Partial<ServerConfig> = {}): ServerConfig =>
  ({ dataDir: join(root, name), ...more }) as ServerConfig;
const same = (password: string): JoinPasswords => ({ server: password, agent: password });
const file = (name: string, path: string): string =>
  readFileSync(join(root, name, 'server', path), 'utf8').trim();

interface Options {
  config: ServerConfig;
  store: Store;
  passwords: JoinPasswords;
  shared?: boolean;
}

const tokensOf = ({ config, store, passwords, shared = true }: Options) => ({
  config,
  doors,
  datastore: { store, shared } as Datastore,
  passwords,
  serverCa: readFileSync(join(config.dataDir, 'server/tls/server-ca.crt'), 'utf8'),
});
const rotate = (request: RotateRequest, options: Options): Promise<void> =>
  rotateToken(request, tokensOf(options));

test('all servers of a datastore have the new token: at once, or when they are back', async () => {
  const store = memoryStore();
  const [a, b, c] = [same('old'), same('old'), same('old')];
  for (const [name, passwords] of [
    ['a', a],
    ['b', b],
    ['c', c],
  ] as const)
    await shareBootstrap(store, { config: configOf(name), doors, passwords });
  let told = 0;
  const stop = await followBootstrap(store, {
    passwords: b,
    dir: join(root, 'b/server'),
    doors,
    changed: () => undefined,
    async rotated() {
      await keepTokens(tokensOf({ config: configOf('b'), store, passwords: b }));
      told += 1;
    },
  });
  await rotate({ token: 'old', newToken: 'new' }, { config: configOf('a'), store, passwords: a });
  expect(a).toEqual(same('new'));
  await expect.poll(() => b).toEqual(same('new'));
  await expect.poll(() => told).toBe(1);
  for (const name of ['a', 'b']) expect(file(name, 'token')).toMatch(/::server:new$/);
  // It was off, and its configuration still says the old one.
  await shareBootstrap(store, { config: configOf('c'), doors, passwords: c });
  expect(c).toEqual(same('new'));
  expect(await readBootstrap(store, 'new')).toBeDefined();
  // The old token alone no longer lets anybody in.
  await expect(
    shareBootstrap(store, { config: configOf('d'), doors, passwords: same('old') }),
  ).rejects.toThrow(/another token/);
  await shareBootstrap(store, { config: configOf('e'), doors, passwords: same('new') });
  const { kvs } = await store.range({ key: '\0', end: '\0' });
  expect(kvs.map(({ value }) => Buffer.from(value).toString()).join()).not.toMatch(/"new"|PRIVATE/);
  stop();
});

test('a server alone goes on with the new one, whatever its configuration says', async () => {
  const store = memoryStore();
  const config = configOf('alone', { agentToken: 'agents' });
  const dir = join(root, 'alone/server');
  await loadOrCreateAuthorities({ ...doors, dir: join(dir, 'tls') });
  const passwords: JoinPasswords = { server: 'one', agent: 'agents' };
  const options = { config, store, passwords, shared: false };
  await rotate({}, options);
  const made = passwords.server;
  expect(made).toMatch(/^[0-9a-f]{32}$/);
  expect(file('alone', 'agent-token')).toMatch(/::node:agents$/);
  for (const [start, then] of [
    ['one', made],
    [made, made],
    ['chosen by hand', 'chosen by hand'],
  ] as const) {
    const begun: JoinPasswords = { server: start, agent: 'agents' };
    expect(await tokenNow(store, { dir, doors, passwords: begun })).toBe(start !== then);
    expect(begun).toEqual({ server: then, agent: 'agents' });
  }
  // Back to the first: it is no old one any more, and the one between is.
  await rotate({ newToken: 'one' }, options);
  for (const start of ['one', made]) {
    const begun = same(start);
    await tokenNow(store, { dir, doors, passwords: begun });
    expect(begun).toEqual(same('one'));
  }
});

test('what is not a token of this cluster is refused, and nothing changes', async () => {
  const store = memoryStore();
  const config = configOf('refusing');
  await loadOrCreateAuthorities({ ...doors, dir: join(root, 'refusing/server/tls') });
  const passwords = same('here');
  const full = (caHash: string): string =>
    formatToken({ caHash, user: 'server', password: 'next' });
  for (const [request, why] of [
    [{ token: 'wrong' }, /not the token that is in force/],
    [{ newToken: 'here' }, /is in force/],
    [{ newToken: 'abcdef.0123456789abcdef' }, /no password/],
    [{ newToken: full('0'.repeat(64)) }, /another cluster/],
    [{ newToken: 'two words' }, /printable/],
    [{ newToken: ' ' }, /empty/],
  ] as const)
    await expect(rotate(request, { config, store, passwords, shared: false })).rejects.toThrow(why);
  expect([passwords, store.revision]).toEqual([same('here'), memoryStore().revision]);
  const ca = readFileSync(join(root, 'refusing/server/tls/server-ca.crt'), 'utf8');
  await rotate({ newToken: full(caHashOf(ca)) }, { config, store, passwords, shared: false });
  expect(passwords.server).toBe('next');
});
