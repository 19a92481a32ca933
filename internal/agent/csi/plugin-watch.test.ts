import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Node } from '../../api/generated/types/core-v1.ts';
import type { CSINode } from '../../api/generated/types/storage-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import type { NodeInfo, PluginInfo } from '../../wire/csi/csi.ts';
import type { DriverCalls } from './driver.ts';
import { Drivers } from './drivers.ts';
import { DriverRecords } from './node-info.ts';
import { PluginWatch } from './plugin-watch.ts';

let kubeletDir: string;
let client: FakeClient;
let clock: FakeClock;
let drivers: Drivers;
let watch: PluginWatch;
let sockets: Server[];
/** The service behind each socket. */
let answers: Map<string, Partial<PluginInfo> & { node?: Partial<NodeInfo> }>;
let told: (string | undefined)[];
let dialled: string[];

beforeEach(async () => {
  kubeletDir = await realpath(await mkdtemp(join(tmpdir(), 'csi-')));
  clock = new FakeClock();
  client = new FakeClient(clock);
  drivers = new Drivers();
  [sockets, answers, told, dialled] = [[], new Map(), [], []];
  await client.create(refs.nodes, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', labels: { 'example.com/zone': 'a' } },
    spec: {},
    status: {},
  });
  watch = new PluginWatch({
    kubeletDir,
    connect: (socket) => {
      dialled.push(socket);
      const { node, ...info } = answers.get(socket) ?? {};
      const calls: Partial<DriverCalls> = {
        getInfo: () =>
          Promise.resolve({
            type: 'CSIPlugin',
            name: 'disks.example.com',
            endpoint: socket,
            supportedVersions: ['1.0.0'],
            ...info,
          }),
        nodeGetInfo: () => Promise.resolve({ nodeId: 'id-1', maxVolumesPerNode: '0', ...node }),
        notifyRegistrationStatus: ({ pluginRegistered, error }) => {
          told.push(pluginRegistered ? undefined : error);
          return Promise.resolve({});
        },
      };
      return { calls: calls as DriverCalls, close: () => undefined };
    },
    drivers,
    records: new DriverRecords(client, 'n1'),
    disk: realDisk,
    clock,
    log: silentLog,
  });
  await watch.start();
});
afterEach(async () => {
  watch.stop();
  for (const socket of sockets) socket.close();
  await rm(kubeletDir, { recursive: true });
});

async function plugin(
  name: string,
  answer: Partial<PluginInfo> & { node?: Partial<NodeInfo> } = {},
): Promise<Server> {
  const path = join(kubeletDir, 'plugins_registry', name);
  await mkdir(join(path, '..'), { recursive: true });
  answers.set(path, answer);
  const server = createServer();
  sockets.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}
const close = (server: Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()));
const csiNode = (): Promise<CSINode> => client.get<CSINode>(refs.csiNodes, { name: 'n1' });
const node = (): Promise<Node> => client.get<Node>(refs.nodes, { name: 'n1' });
const isHere = (): boolean => drivers.cameBy('disks.example.com') !== undefined;

describe('a driver whose socket appears', () => {
  it('is written to CSINode and Node, and told', async () => {
    const segments = { 'example.com/zone': 'a', 'example.com/rack': 'r1' };
    await plugin('a.sock', { node: { maxVolumesPerNode: '7', accessibleTopology: { segments } } });
    await vi.waitFor(() => expect(told).toEqual([undefined]));
    expect((await csiNode()).spec.drivers).toEqual([
      {
        name: 'disks.example.com',
        nodeID: 'id-1',
        topologyKeys: ['example.com/rack', 'example.com/zone'],
        allocatable: { count: 7 },
      },
    ]);
    const { labels, annotations } = (await node()).metadata;
    expect(labels).toMatchObject(segments);
    expect(annotations).toEqual({
      'csi.volume.kubernetes.io/nodeid': '{"disks.example.com":"id-1"}',
    });
  });

  it('is found in a folder below, too', async () => {
    await plugin('below/a.sock');
    await vi.waitFor(() => expect(told).toEqual([undefined]));
  });

  it('is taken out when the socket goes, and comes again', async () => {
    const server = await plugin('a.sock');
    await vi.waitFor(() => expect(told).toHaveLength(1));
    await close(server);
    await vi.waitFor(async () => expect((await csiNode()).spec.drivers).toEqual([]));
    expect(isHere()).toBe(false);
    await vi.waitFor(async () =>
      expect((await node()).metadata.annotations ?? {}).not.toHaveProperty([
        'csi.volume.kubernetes.io/nodeid',
      ]),
    );
    await plugin('a.sock');
    await vi.waitFor(() => expect(isHere()).toBe(true));
  });
});

describe('is refused and told why', () => {
  it.each<[string, Partial<PluginInfo> & { node?: Partial<NodeInfo> }, RegExp]>([
    ['a plug-in of another type', { type: 'DevicePlugin' }, /no handler registered/],
    ['a name that is a path', { name: '../../etc' }, /is not a driver name/],
    ['a version of another world', { supportedVersions: ['2.0.0'] }, /none of the versions/],
    [
      'a socket elsewhere',
      { endpoint: '/run/containerd/containerd.sock' },
      /is not a socket below/,
    ],
    ['a socket by dots', { endpoint: '/var/lib/../../run/x' }, /is not a socket below/],
    ['a node without an id', { node: { nodeId: '' } }, /no id/],
    ['an id without end', { node: { nodeId: 'x'.repeat(257) } }, /longer than 256/],
    [
      'a topology that the node has otherwise',
      { node: { accessibleTopology: { segments: { 'example.com/zone': 'b' } } } },
      /topology value collision/,
    ],
  ])('%s', async (_what, answer, why) => {
    await plugin('a.sock', answer);
    await vi.waitFor(() => expect(told[0]).toMatch(why));
    expect(isHere()).toBe(false);
    expect(dialled).not.toContain('/run/containerd/containerd.sock');
  });

  it('another one under a name that is taken', async () => {
    await plugin('a.sock');
    await vi.waitFor(() => expect(told).toEqual([undefined]));
    await plugin('b.sock');
    await vi.waitFor(() => expect(told[1]).toMatch(/registered already/));
    expect(drivers.cameBy('disks.example.com')).toMatch(/a\.sock$/);
  });

  it('and asked again later', async () => {
    await plugin('a.sock', { node: { nodeId: '' } });
    await vi.waitFor(() => expect(told).toHaveLength(1));
    answers.clear();
    await vi.waitFor(async () => {
      await clock.advance(500);
      expect(isHere()).toBe(true);
    });
  });
});
