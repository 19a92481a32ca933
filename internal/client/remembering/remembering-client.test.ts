import { beforeEach, describe, expect, test } from 'vitest';
import type { ConfigMap } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { notFound } from '../../api/status.ts';
import { IoError } from '../../base/errors.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { FakeFiles } from '../../io/disk.fake.ts';
import type { Disk } from '../../io/disk.ts';
import { makeLog } from '../../io/log.ts';
import { realRandom } from '../../io/random.ts';
import type { Client, WatchHandle, WatchHandlers, WatchOptions } from '../client.ts';
import { FakeClient } from '../fake-client.ts';
import { refs } from '../refs.ts';
import { rememberingClient } from './remembering-client.ts';
import { SealedFiles } from './sealed-files.ts';

const log = makeLog({ level: 'error' });
const lost = new IoError('watch: no way', { op: 'watch' });
const asked: WatchOptions = { sendInitialEvents: true };

let clock: FakeClock;
let disk: Disk;
let fake: FakeFiles;
let writes: number;
let server: FakeClient;
/** What every call ends with while no server is reached. */
let away: Error | undefined;
beforeEach(() => {
  clock = new FakeClock(Date.parse('2027-01-01T00:00:00Z'));
  fake = new FakeFiles();
  writes = 0;
  disk = {
    ...fake.disk,
    writeAtomic: async (...given) => {
      writes += 1;
      await fake.disk.writeAtomic(...given);
    },
  };
  server = new FakeClient(clock);
  away = undefined;
});

/** The way to the server, which may be cut. */
const way = (): Client =>
  new Proxy(server as Client, {
    get: (target, name: keyof Client) => {
      if (name === 'watch')
        return (
          ref: never,
          options: WatchOptions,
          handlers: WatchHandlers<unknown>,
        ): WatchHandle => {
          if (!away) return target.watch(ref, options, handlers);
          const error = away;
          void Promise.resolve().then(() => handlers.onEnd(error));
          return { stop: () => undefined };
        };
      if (name === 'create' && away) return () => Promise.reject(away as Error);
      return (target[name] as (...given: unknown[]) => unknown).bind(target);
    },
  });

/** A process of the node: what it remembers is on the disk. */
function life(secret = 'node'): ReturnType<typeof rememberingClient> {
  const files = new SealedFiles({
    disk,
    random: realRandom,
    log,
    dir: '/agent/remembered',
    secret,
  });
  return rememberingClient({ client: way(), files, clock, log, resources: ['configmaps'] });
}

interface Heard {
  names: string[];
  synced: string[];
  ended: (Error | undefined)[];
  handle: WatchHandle;
}

async function watched(client: Client, options = asked): Promise<Heard> {
  const heard: Omit<Heard, 'handle'> = { names: [], synced: [], ended: [] };
  const handle = client.watch<ConfigMap>(refs.configMaps, options, {
    onEvent: (type, object) =>
      void heard.names.push(`${type} ${object.metadata.name} ${object.data?.['a'] ?? ''}`.trim()),
    onSynced: (version) => void heard.synced.push(version),
    onEnd: (error) => void heard.ended.push(error),
  });
  await settled();
  return { ...heard, handle };
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};
const pass = async (ms: number): Promise<void> => {
  await clock.advance(ms);
  await settled();
};
const put = (name: string, a: string, more: object = {}): Promise<KubeObject> =>
  server.create(refs.configMaps, {
    metadata: { name, namespace: 'default' },
    data: { a },
    ...more,
  });

describe('a watch that begins with the present state', () => {
  test('is what the server says, and later what was remembered of it', async () => {
    await put('one', '1');
    const first = life();
    expect((await watched(first)).names).toEqual(['ADDED one 1']);
    await put('two', '2');
    await pass(60_000);
    first.stop();
    away = lost;
    const second = await watched(life());
    expect(second.names).toEqual(['ADDED one 1', 'ADDED two 2']);
    // Synced, and then over as it was: the caller asks again.
    expect(second.synced).toEqual(['1']);
    expect(second.ended).toEqual([lost]);
  });

  test('is nothing when nothing was remembered, or of another selection', async () => {
    await put('one', '1');
    const first = life();
    await watched(first, { ...asked, namespace: 'default' });
    await pass(60_000);
    away = lost;
    const second = await watched(life());
    expect([second.names, second.synced, second.ended]).toEqual([[], [], [lost]]);
  });

  test('is not remembered state when a server answers, whatever it answers', async () => {
    await put('one', '1');
    const first = life();
    await watched(first);
    await pass(60_000);
    away = notFound(refs.configMaps, 'x');
    const second = await watched(life());
    expect([second.names, second.ended]).toEqual([[], [away]]);
  });

  test('also when it is lost before the state was whole', async () => {
    await put('one', '1');
    const first = life();
    await watched(first);
    away = lost;
    // The process lives: what it knows counts, saved or not.
    expect((await watched(first)).names).toEqual(['ADDED one 1']);
  });

  test('of kinds that are not remembered is passed on as it is', async () => {
    const client = life();
    away = lost;
    const ended: (Error | undefined)[] = [];
    client.watch(refs.pods, asked, { onEvent: () => undefined, onEnd: (e) => void ended.push(e) });
    await settled();
    expect(ended).toEqual([lost]);
  });
});

describe('what is on the disk', () => {
  const path = '/agent/remembered/configmaps';

  test('cannot be read, changed, or taken to another node', async () => {
    await put('one', 'unreadable');
    await watched(life());
    await pass(60_000);
    const bytes = Buffer.from(await disk.read('test', path));
    expect((await disk.stat('test', path))?.mode).toBe(0o600);
    expect(bytes.includes('unreadable')).toBe(false);
    away = lost;
    expect((await watched(life('another'))).synced).toEqual([]);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await disk.writeAtomic('test', path, bytes);
    expect((await watched(life())).synced).toEqual([]);
  });

  test('is written once for many changes, and not at all for none', async () => {
    await put('one', '1');
    await watched(life());
    await pass(60_000);
    const before = writes;
    await server.update(refs.configMaps, {
      ...(server.all<ConfigMap>(refs.configMaps)[0] as object),
      metadata: {
        ...(server.all<ConfigMap>(refs.configMaps)[0]?.metadata ?? {}),
        managedFields: [],
      },
    });
    await pass(60 * 60_000);
    expect(writes).toBe(before);
  });

  test('keeps what pods have not asked for yet after a start, and forgets it later', async () => {
    const named = (name: string): WatchOptions => ({
      ...asked,
      namespace: 'default',
      fieldSelector: `metadata.name=${name}`,
    });
    await put('one', '1');
    await put('two', '2');
    const first = life();
    for (const name of ['one', 'two']) await watched(first, named(name));
    await pass(60_000);
    const second = life();
    await watched(second, named('one'));
    await pass(60_000);
    away = lost;
    expect((await watched(life(), named('two'))).names).toContain('ADDED two 2');
    away = undefined;
    await pass(3_600_000);
    (await watched(second, named('one'))).handle.stop();
    await pass(60_000);
    away = lost;
    expect((await watched(life(), named('two'))).synced).toEqual([]);
  });

  test('keeps an immutable object whose watch rests, until it is given back', async () => {
    const named = { ...asked, namespace: 'default', fieldSelector: 'metadata.name=fixed' };
    await put('fixed', '1', { immutable: true });
    const first = life();
    const { handle } = await watched(first, named);
    handle.stop();
    await pass(60_000);
    away = lost;
    expect((await watched(life(), named)).names).toEqual(['ADDED fixed 1']);
    handle.stop();
    await pass(3_600_000);
    expect((await watched(life(), named)).synced).toEqual([]);
  });
});

test('a token of a pod is remembered, for that pod and audience alone', async () => {
  const request = (uid: string, audience = 'api') => ({
    spec: { audiences: [audience], boundObjectRef: { kind: 'Pod', name: 'p', uid } },
  });
  const target = { namespace: 'default', name: 'default', subresource: 'token' };
  server.create = (() => Promise.resolve({ status: { token: 'good' } })) as never;
  const ask = (client: Client, body: object): Promise<unknown> =>
    client.create(refs.serviceAccounts, body, target);
  const first = life();
  await ask(first, request('u'));
  await pass(60_000);
  away = lost;
  const second = life();
  expect(await ask(second, request('u'))).toEqual({ status: { token: 'good' } });
  await expect(ask(second, request('other'))).rejects.toBe(lost);
  await expect(ask(second, request('u', 'vault'))).rejects.toBe(lost);
});
