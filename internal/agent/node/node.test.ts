import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../api/generated/types/coordination-v1.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { FakeClient } from '../../client/fake-client.ts';
import { refs } from '../../client/refs.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { defaultEvictionHard } from '../gc/eviction.ts';
import type { NodeFacts } from './facts.ts';
import { newNode, nodeStatus, type NodeReport, type NodeSettings } from './object.ts';
import { startNodeStatus } from './status.ts';

const facts: NodeFacts = {
  cpus: 4,
  memoryBytes: 4 * 1024 ** 3,
  swapBytes: 0,
  diskBytes: 100 * 1024 ** 3,
  hugePages: [{ sizeBytes: 2 * 1024 ** 2, count: 8 }],
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  kernel: '6.1',
  osImage: 'Debian',
  arch: 'arm64',
};
const settings: NodeSettings = {
  name: 'n1',
  addresses: () => [{ type: 'InternalIP', address: '192.0.2.1' }],
  labels: { a: 'b' },
  taints: [],
  version: 'v1.36.3+skiff',
  kubeletPort: 10250,
  reserved: { cpu: '500m', memory: '1Gi' },
  maxPods: 110,
  evictionHard: defaultEvictionHard,
};
const report: NodeReport = {
  runtimeVersion: 'containerd://1.6.20',
  runtimeHandlers: [],
  images: [],
  notReady: '',
  memoryPressure: false,
  diskPressure: true,
  pidPressure: false,
  troubles: [],
};

describe('nodeStatus', () => {
  it('withholds what is reserved', () => {
    const status = nodeStatus(newNode(facts, settings), facts, settings, report, 't');
    expect(status.capacity).toMatchObject({
      cpu: '4',
      memory: '4194304Ki',
      'hugepages-2Mi': '16777216',
      pods: '110',
    });
    expect(status.allocatable).toMatchObject({
      cpu: '3500m',
      memory: `${4194304 - 16384 - 1048576 - 102400}Ki`,
    });
    expect(status.conditions?.map((c) => `${c.type}=${c.status}`)).toEqual([
      'MemoryPressure=False',
      'DiskPressure=True',
      'PIDPressure=False',
      'Ready=True',
    ]);
  });

  it('waits for a cloud, which has the last word on addresses', () => {
    const cloudy = { ...settings, externalCloud: true, providerId: 'hcloud://7' };
    const node = newNode(facts, cloudy);
    expect(node.spec).toEqual({
      taints: [
        {
          key: 'node.cloudprovider.kubernetes.io/uninitialized',
          value: 'true',
          effect: 'NoSchedule',
        },
      ],
      providerID: 'hcloud://7',
    });
    expect(node.metadata.annotations).toMatchObject({
      'alpha.kubernetes.io/provided-node-ip': '192.0.2.1',
    });
    expect(node.metadata.labels).not.toHaveProperty(['node.kubernetes.io/instance-type']);
    const first = nodeStatus(node, facts, cloudy, report, 't');
    expect(first.addresses).toEqual(settings.addresses());
    const clouds = [{ type: 'ExternalIP', address: '198.51.100.7' }];
    const later = { ...node, status: { ...first, addresses: clouds } };
    expect(nodeStatus(later, facts, cloudy, report, 't').addresses).toEqual(clouds);
    expect(nodeStatus(later, facts, settings, report, 't').addresses).toEqual(first.addresses);
  });

  it('keeps what others wrote', () => {
    const before = newNode(facts, settings);
    before.status = partOf<Node['status']>({
      capacity: { 'example.com/gpu': '2' },
      conditions: [
        { type: 'NetworkUnavailable', status: 'False' },
        { type: 'Ready', status: 'True', lastTransitionTime: 'long ago' },
      ],
    });
    const status = nodeStatus(before, facts, settings, report, 'now');
    expect([status.capacity?.['example.com/gpu'], status.allocatable?.['example.com/gpu']]).toEqual(
      ['2', '2'],
    );
    expect(status.conditions?.[0]?.type).toBe('NetworkUnavailable');
    expect(status.conditions?.find((c) => c.type === 'Ready')).toMatchObject({
      lastTransitionTime: 'long ago',
      lastHeartbeatTime: 'now',
    });
  });
});

describe('the status writer', () => {
  const started = async () => {
    const clock = new FakeClock();
    const client = new FakeClient(clock);
    const writer = startNodeStatus({
      client,
      facts,
      settings,
      report: () => report,
      onPodCidr: () => undefined,
      clock,
      log: silentLog,
    });
    client.watch<Node>(
      refs.nodes,
      {},
      {
        onEvent: (type, node) => (type === 'DELETED' ? writer.update() : writer.observe(node)),
        onEnd: () => undefined,
      },
    );
    await writer.registered;
    await clock.advance(2000);
    const ready = (): string | undefined =>
      client.all<Node>(refs.nodes)[0]?.status.conditions?.find((c) => c.type === 'Ready')?.status;
    const write = async (change: (status: Node['status']) => Node['status']): Promise<void> => {
      const node = client.all<Node>(refs.nodes)[0] as Node;
      await client.update<Node>(
        refs.nodes,
        { ...node, status: change(node.status) },
        { subresource: 'status' },
      );
    };
    const unknown = (): Promise<void> =>
      write((status) => ({
        ...status,
        conditions: status.conditions?.map((c) => ({
          ...c,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
        })),
      }));
    const writes = (): number => client.writes.filter((w) => w.resource === 'nodes').length;
    return { clock, client, writer, ready, write, writes, unknown };
  };

  it('takes back at once what another writer said of the node', async () => {
    const { clock, ready, unknown, writer } = await started();
    expect(ready()).toBe('True');
    await unknown();
    expect(ready()).toBe('Unknown');
    await clock.advance(50);
    expect(ready()).toBe('True');
    writer.stop();
  });

  it('answers a quarrelsome writer once a second, and what others add not at all', async () => {
    const { clock, unknown, write, writes, writer } = await started();
    const before = writes();
    for (let i = 0; i < 50; i++) {
      await unknown();
      await clock.advance(100);
    }
    expect(writes() - before).toBeLessThanOrEqual(50 + 7);
    await clock.advance(5000);
    const quiet = writes();
    await write((status) => ({
      ...status,
      capacity: { ...status.capacity, 'example.com/gpu': '2' },
      allocatable: { ...status.allocatable, 'example.com/gpu': '2' },
      conditions: [...(status.conditions ?? []), { type: 'Theirs', status: 'True' } as never],
    }));
    await clock.advance(20_000);
    expect(writes() - quiet).toBeLessThanOrEqual(2); // theirs, and at most the order of the list
    writer.stop();
  });

  it('is there again as soon as the server is', async () => {
    const { clock, client, ready, unknown, writer } = await started();
    const update = client.update.bind(client);
    let cut = true;
    client.update = ((ref, object, options) =>
      cut && ref === refs.leases
        ? Promise.reject(new Error('no route'))
        : update(ref, object, options)) as typeof client.update;
    await clock.advance(45_000);
    writer.observe = () => undefined; // the watch takes longer to come back than the next renewal
    await unknown();
    cut = false;
    await clock.advance(1500);
    expect(ready()).toBe('True');
    writer.stop();
  });

  it('registers, writes only changes, renews its lease and comes back when deleted', async () => {
    const clock = new FakeClock();
    const client = new FakeClient(clock);
    let notReady = 'container runtime is down';
    const cidrs: string[] = [];
    const writer = startNodeStatus({
      client,
      facts,
      settings,
      report: () => ({ ...report, notReady }),
      onPodCidr: (c) => cidrs.push(c),
      clock,
      log: silentLog,
    });
    await writer.registered;
    await clock.advance(10);
    const node = (): Node => client.all<Node>(refs.nodes)[0] as Node;
    expect(node().status.conditions?.find((c) => c.type === 'Ready')).toMatchObject({
      status: 'False',
      message: notReady,
    });
    expect(client.all<Lease>(refs.leases)[0]?.spec.holderIdentity).toBe('n1');
    notReady = '';
    writer.update();
    await clock.advance(10);
    expect(node().status.conditions?.find((c) => c.type === 'Ready')?.status).toBe('True');
    const writes = client.writes.filter((w) => w.resource === 'nodes').length;
    await clock.advance(60_000);
    expect(client.writes.filter((w) => w.resource === 'nodes')).toHaveLength(writes);
    expect(client.writes.filter((w) => w.resource === 'leases').length).toBeGreaterThanOrEqual(6);
    await client.patch(
      refs.nodes,
      { name: 'n1' },
      { type: 'merge', body: { spec: { podCIDR: '10.42.0.0/24' } } },
    );
    writer.observe(node());
    expect(cidrs).toEqual(['10.42.0.0/24']);
    await client.delete(refs.nodes, { name: 'n1' });
    writer.update();
    await clock.advance(5000);
    expect(node().metadata.labels?.['a']).toBe('b');
    writer.stop();
  });
});
