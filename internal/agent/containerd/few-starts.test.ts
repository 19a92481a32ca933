import { expect, it } from 'vitest';
import type { CriClient } from '../cri/client.ts';
import { startsAtOnce, withFewStarts } from './few-starts.ts';

it('counts starts by the memory that is left', () => {
  expect([64, 128, 256, 512].map((mebibytes) => startsAtOnce(mebibytes * 1024 ** 2))).toEqual([1, 1, 6, 16]);
});

it('lets few start at the same time, all in their order, whether they fail or not', async () => {
  let [now, most] = [0, 0];
  const order: string[] = [];
  const call = (name: string) => async (): Promise<object> => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    order.push(name);
    if (name === 'sandbox') throw new Error('no');
    return {};
  };
  const cri = withFewStarts({ runPodSandbox: call('sandbox'), startContainer: call('container'), stopContainer: call('stop') } as unknown as CriClient, 2);
  const asked = Array.from({ length: 10 }, (_, i) => (i % 2 ? cri.startContainer({ containerId: 'c' }) : cri.runPodSandbox({ runtimeHandler: '' })));
  const results = await Promise.allSettled(asked);
  expect(results.map((r) => r.status)).toEqual(Array.from({ length: 10 }, (_, i) => (i % 2 ? 'fulfilled' : 'rejected')));
  expect(most).toBe(2);
  expect(order).toEqual(Array.from({ length: 10 }, (_, i) => (i % 2 ? 'container' : 'sandbox')));
});
