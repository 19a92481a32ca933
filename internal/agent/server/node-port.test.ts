import { expect, test } from 'vitest';
import { IoError } from '../../base/errors.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import type { HttpsListener } from '../../io/https-server.ts';
import { silentLog } from '../../io/log.ts';
import { openNodePort } from './node-port.ts';

const tls = { key: 'k', cert: 'c', clientCa: 'ca' };

function rig(failures: unknown[]) {
  const clock = new FakeClock();
  const seen = {
    shown: [] as string[],
    troubles: [] as (string | undefined)[],
    closed: 0,
    renewed: [] as string[],
  };
  const listen = ({ cert }: typeof tls): Promise<HttpsListener> => {
    const failure = failures.shift();
    if (failure) return Promise.reject(failure);
    seen.shown.push(cert);
    return Promise.resolve({
      port: 10250,
      renew: ({ cert: next }: { cert: string }) => void seen.renewed.push(next),
      close: () => Promise.resolve(void seen.closed++),
      know: () => true,
    } as HttpsListener);
  };
  return {
    clock,
    seen,
    open: () =>
      openNodePort({
        tls,
        listen,
        trouble: (why) => void seen.troubles.push(why),
        clock,
        log: silentLog,
      }),
  };
}
const taken = (): IoError =>
  new IoError('node.listen: cannot listen on 0.0.0.0:10250: address in use', { op: 'node.listen' });

test(
  'a port that is taken is a trouble, and is had once it is free; a certificate that came ' +
    'meanwhile is the one that is shown',
  async () => {
    const { clock, seen, open } = rig([taken(), taken(), taken()]);
    const port = await open();
    expect([port.port, seen.troubles[0]]).toEqual([0, expect.stringContaining('10250')]);
    port.renew({ ...tls, cert: 'newer' });
    await clock.advance(60_000);
    expect([port.port, seen.shown, seen.troubles.at(-1), clock.timers]).toEqual([
      10250,
      ['newer'],
      undefined,
      0,
    ]);
    port.renew({ ...tls, cert: 'newest' });
    expect(seen.renewed).toEqual(['newest']);
  },
);

test('who closes while waiting is not called back', async () => {
  const { clock, seen, open } = rig([taken()]);
  const port = await open();
  await port.close();
  await clock.advance(60_000);
  expect([seen.shown, clock.timers]).toEqual([[], 0]);
});

test('a fault of ours is not a port that is taken', async () => {
  await expect(rig([new TypeError('x is not a function')]).open()).rejects.toThrow(TypeError);
});
