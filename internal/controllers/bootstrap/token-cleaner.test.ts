import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import { testCluster } from '../test-cluster.ts';
import { startTokenCleaner } from './token-cleaner.ts';

test('bootstrap tokens go when they expire; other secrets and endless tokens stay', async () => {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const c = await testCluster([startTokenCleaner], async ({ client, clock }) => {
    const secret = (name: string, expiration?: string, more: object = {}): Promise<unknown> =>
      client.create(refs.secrets, {
        metadata: { name, namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        data: {
          'token-id': 'eA==',
          ...(expiration !== undefined && { expiration: base64(expiration) }),
        },
        ...more,
      });
    await secret('bootstrap-token-soon', timeOf(clock.now() + 60_000));
    await secret('bootstrap-token-later', timeOf(clock.now() + 600_000));
    await secret('bootstrap-token-past', timeOf(clock.now() - 1000));
    await secret('bootstrap-token-unreadable', 'tomorrow');
    await secret('bootstrap-token-endless');
    await secret('bootstrap-token-opaque', timeOf(clock.now() - 1000), { type: 'Opaque' });
    await secret('elsewhere', timeOf(clock.now() - 1000), {
      metadata: { name: 'elsewhere', namespace: 'default' },
    });
  });
  const left = (): string[] =>
    c.client
      .all<Secret>(refs.secrets)
      .map((one) => one.metadata.name!.replace('bootstrap-token-', ''))
      .toSorted();
  expect(left()).toEqual(['elsewhere', 'endless', 'later', 'opaque', 'soon']);
  await c.client.patch(
    refs.secrets,
    { namespace: 'kube-system', name: 'bootstrap-token-later' },
    { type: 'merge', body: { data: { expiration: base64(timeOf(c.clock.now() + 6_000_000)) } } },
  );
  await c.clock.advance(61_000);
  await c.settle();
  expect(left()).toEqual(['elsewhere', 'endless', 'later', 'opaque']);
  await c.clock.advance(600_000);
  expect(left()).toContain('later');
  expect(c.clock.timers).toBe(1);
  await c.clock.advance(6_000_000);
  expect(left()).toEqual(['elsewhere', 'endless', 'opaque']);
  expect(c.clock.timers).toBe(0);
  c.stop();
});
