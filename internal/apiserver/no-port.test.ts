import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeObject } from '../api/object.ts';
import { startDevServer, type DevServer } from './dev.ts';
import { configMap, configMaps, ref, services } from './testing/server.ts';

/** Sockets of this process that wait for connections. */
const listening = (): number =>
  process.getActiveResourcesInfo().filter((one) => /^(TCP|Pipe)ServerWrap$/.test(one)).length;

const before = listening();
let dev: DevServer;
beforeAll(async () => {
  dev = await startDevServer({ more: { listen: undefined, tls: undefined } });
});
afterAll(() => dev.api.close());

test('a server without a port serves the parts of its process', async () => {
  expect([dev.api.port, listening() - before]).toEqual([0, 0]);
  const admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  const seen: string[] = [];
  const watch = admin.watch<KubeObject>(
    configMaps,
    { namespace: 'default', sendInitialEvents: true },
    {
      onEvent: (type, { metadata }) => seen.push(`${type} ${metadata.name}`),
      onEnd: () => undefined,
    },
  );
  await admin.create(configMaps, configMap('a'));
  await expect.poll(() => seen).toContain('ADDED a');
  watch.stop();
  // Others are told of the port that an API server usually has.
  expect(await admin.get(services, { namespace: 'default', name: 'kubernetes' })).toMatchObject({
    spec: { ports: [{ port: 443, targetPort: 6443 }] },
  });
  for (const path of ['/readyz', '/metrics', '/apis', '/openapi/v2'])
    expect((await admin.raw({ method: 'GET', path })).status).toBe(200);
  const nodes = ref('nodes', 'Node', '', false);
  const stranger = dev.api.inProcess({ name: 'stranger', groups: [] });
  await expect(stranger.list(nodes)).rejects.toMatchObject({ httpStatus: 403 });
});
