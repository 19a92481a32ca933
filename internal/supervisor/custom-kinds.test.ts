import { expect, test } from 'vitest';
import type { ApiServer } from '../apiserver/api-server.ts';
import { partOf } from '../base/testing/part-of.ts';
import type { Client } from '../client/client.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { silentLog } from '../io/log.ts';
import { startCustomKinds } from './custom-kinds.ts';

test('what waits for the definitions is begun until it succeeds, and stopped once', async () => {
  const clock = new FakeClock();
  const calls: string[] = [];
  const part = startCustomKinds({
    client: partOf<Client>({
      get: () => Promise.resolve({ metadata: { name: 'x' } }),
      create: () => Promise.resolve({}),
      update: () => Promise.resolve({}),
      patch: () => Promise.resolve({}),
    }),
    api: partOf<ApiServer>({
      server: { core: { resources: { ofKind: () => ({}), onChange: () => () => undefined } } },
    }),
    doors: { clock, log: silentLog },
    wanted: { helm: false, plans: false },
    ready: () => {
      calls.push('begun');
      if (calls.length < 3) return Promise.reject(new Error('the folder is a file'));
      return Promise.resolve(() => Promise.resolve(void calls.push('stopped')));
    },
  });
  await clock.advance(10_000);
  expect(calls).toEqual(['begun', 'begun', 'begun']);
  await part.stop();
  expect(calls).toEqual(['begun', 'begun', 'begun', 'stopped']);
});
