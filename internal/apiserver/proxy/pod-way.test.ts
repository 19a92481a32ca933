import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../dev.ts';
import { podWay } from './pod-way.ts';

let dev: DevServer;
beforeAll(async () => {
  dev = await startDevServer();
  const client = dev.api.inProcess({ name: 'a', groups: ['system:masters'] });
  const nodes = { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false };
  for (const [name, podCIDR] of [
    ['here', '10.42.0.0/24'],
    ['there', '10.42.1.0/24'],
    ['fresh', undefined],
  ] as const)
    await client.create(nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name },
      ...(podCIDR && { spec: { podCIDR, podCIDRs: [podCIDR] } }),
    });
});
afterAll(() => dev.api.close());

/** Through whose tunnel an address is opened, and as what; undefined = it is dialled. */
async function by(
  podTunnels: 'pod' | 'cluster' | undefined,
  at: { host: string; node?: string },
): Promise<string | undefined> {
  const opened: string[] = [];
  // This server's own node has no tunnel to it.
  const tunnelOf = (node: string) =>
    node === 'here'
      ? undefined
      : (authority: string) => {
          opened.push(`${node} ${authority}`);
          return Promise.resolve(new PassThrough());
        };
  const server = {
    core: dev.api.server.core,
    options: { ...dev.api.server.options, podTunnels, tunnelOf },
  };
  const { open } = await podWay(server, { ...at, port: 80 });
  await open?.();
  return opened[0];
}

test('by the ranges of nodes', async () => {
  expect(await by('pod', { host: '10.42.1.9' })).toBe('there 10.42.1.9:80');
  expect(await by('pod', { host: '10.42.1.9', node: 'fresh' })).toBe('there 10.42.1.9:80');
  expect(await by('pod', { host: '10.42.0.9' })).toBeUndefined();
  expect(await by('pod', { host: '10.42.2.9', node: 'there' })).toBeUndefined();
  expect(await by('pod', { host: 'fd00::9' })).toBeUndefined();
});

test('by where a pod runs, and by the ranges where nobody says so', async () => {
  expect(await by('cluster', { host: '192.0.2.7', node: 'there' })).toBe('there 192.0.2.7:80');
  expect(await by('cluster', { host: 'fd00::9', node: 'there' })).toBe('there [fd00::9]:80');
  expect(await by('cluster', { host: '10.42.1.9' })).toBe('there 10.42.1.9:80');
  expect(await by('cluster', { host: '10.42.0.9', node: 'here' })).toBeUndefined();
  expect(await by('cluster', { host: '192.0.2.7' })).toBeUndefined();
});

test('by nobody when only kubelets are reached through tunnels', async () => {
  expect(await by(undefined, { host: '10.42.1.9', node: 'there' })).toBeUndefined();
});
