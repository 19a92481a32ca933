import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { partOf } from '../base/testing/part-of.ts';
import type { Dial, DialTarget } from '../io/dial.ts';
import { versionAt } from './upgrade-plans.ts';

const answering = (statusCode: number, headers: Record<string, string>, to: DialTarget[]): Dial =>
  partOf<Dial>({
    request: (_op, target) => {
      to.push(target);
      const message = partOf<IncomingMessage>({
        statusCode,
        headers,
        destroy: () => partOf<IncomingMessage>({}),
      });
      return Promise.resolve({ kind: 'answer' as const, message });
    },
  });

test.each([
  [302, { location: 'https://host/releases/tag/v1.2.3%2Bk1' }, 'v1.2.3+k1'],
  [302, { location: '../v1.2.3' }, 'v1.2.3'],
  [200, {}, 'stable'],
  [301, { location: '/elsewhere' }, 'stable'],
])('a channel that answers %d %j leads to %s', async (status, headers, version) => {
  const to: DialTarget[] = [];
  const dial = answering(status, headers, to);
  expect(await versionAt(dial, 'https://channels.example:8443/v1/stable')).toBe(version);
  expect(to).toMatchObject([{ host: 'channels.example', port: 8443, tls: {} }]);
});

test.each(['file:///etc/passwd', 'stable', ''])('"%s" is no channel', async (address) => {
  await expect(versionAt(answering(200, {}, []), address)).rejects.toThrow('is no address');
});

test('a channel that refuses leads nowhere', async () => {
  await expect(versionAt(answering(404, {}, []), 'http://x/y')).rejects.toThrow('response: 404');
});
