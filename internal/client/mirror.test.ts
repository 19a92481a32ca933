import { describe, expect, it } from 'vitest';
import type { ConfigMap } from '../api/generated/types/core-v1.ts';
import { ApiError } from '../api/status.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import type { Change } from './client.ts';
import { FakeClient } from './fake-client.ts';
import { mirrorFactory } from './mirrors.ts';
import { refs } from './refs.ts';

const map = (name: string, data: Record<string, string> = {}, namespace = 'default'): object => ({
  metadata: { name, namespace },
  data,
});
const setup = (): {
  clock: FakeClock;
  client: FakeClient;
  mirrors: ReturnType<typeof mirrorFactory>;
} => {
  const clock = new FakeClock();
  const client = new FakeClient(clock);
  return { clock, client, mirrors: mirrorFactory(client, clock, silentLog) };
};

describe('mirror', () => {
  it('holds the first state and follows changes, with the very objects of the client', async () => {
    const { clock, client, mirrors } = setup();
    await client.create(refs.configMaps, map('a'));
    const mirror = mirrors.of<ConfigMap>(refs.configMaps);
    await mirror.synced;
    expect(mirror.get('default/a')).toBe(
      await client.get(refs.configMaps, { namespace: 'default', name: 'a' }),
    );
    const seen: string[] = [];
    mirror.onChange((c: Change<ConfigMap>) => seen.push(`${c.type} ${c.key}`));
    await client.create(refs.configMaps, map('b', {}, 'other'));
    await client.delete(refs.configMaps, { namespace: 'default', name: 'a' });
    await clock.advance(0);
    expect(seen).toEqual(['ADDED default/a', 'ADDED other/b', 'DELETED default/a']);
    expect([...mirror.list('other')].length).toBe(1);
    expect([...mirror.list('default')].length).toBe(0);
  });

  it('answers by index, also when the index is asked for later', async () => {
    const { client, mirrors } = setup();
    await client.create(refs.configMaps, map('a', { color: 'red' }));
    await mirrors.of<ConfigMap>(refs.configMaps).synced;
    const mirror = mirrors.of<ConfigMap>(refs.configMaps, {
      indexes: { color: (m) => (m.data?.['color'] ? [m.data['color']] : []) },
    });
    expect([...mirror.byIndex('color', 'red')].map((m) => m.metadata.name)).toEqual(['a']);
    await client.patch(
      refs.configMaps,
      { namespace: 'default', name: 'a' },
      { type: 'merge', body: { data: { color: 'blue' } } },
    );
    await Promise.resolve();
    expect([...mirror.byIndex('color', 'red')]).toEqual([]);
    expect([...mirror.byIndex('color', 'blue')].length).toBe(1);
  });

  it('tells only what differs after history was lost', async () => {
    const { clock, client, mirrors } = setup();
    await client.create(refs.configMaps, map('stays'));
    await client.create(refs.configMaps, map('goes'));
    const mirror = mirrors.of<ConfigMap>(refs.configMaps);
    await mirror.synced;
    const seen: string[] = [];
    mirror.onChange((c) => seen.push(`${c.type} ${c.key}`));
    seen.length = 0;
    client.breakWatches(
      refs.configMaps,
      new ApiError('Expired', 'too old resource version: 1 (2)'),
    );
    await client.delete(refs.configMaps, { namespace: 'default', name: 'goes' });
    await client.create(refs.configMaps, map('comes'));
    await clock.advance(30_000);
    expect(seen).toEqual(['DELETED default/goes', 'ADDED default/comes']);
  });

  it('waits longer and longer for a server that is away; no timer is left after', async () => {
    const { clock, client, mirrors } = setup();
    const mirror = mirrors.of<ConfigMap>(refs.configMaps);
    await mirror.synced;
    client.breakWatches(refs.configMaps, new Error('connection lost'));
    expect(clock.timers).toBe(1);
    await clock.advance(1000);
    expect(clock.timers).toBe(0);
  });

  it('is shared: one stop does not end it for the others', async () => {
    const { clock, client, mirrors } = setup();
    const one = mirrors.of<ConfigMap>(refs.configMaps);
    const two = mirrors.of<ConfigMap>(refs.configMaps);
    await two.synced;
    one.stop();
    await client.create(refs.configMaps, map('a'));
    await clock.advance(0);
    expect(two.get('default/a')).toBeDefined();
  });
});
