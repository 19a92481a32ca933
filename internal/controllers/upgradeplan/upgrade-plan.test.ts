import { afterEach, describe, expect, it } from 'vitest';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import type { NodeCall } from '../context.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { planNamespace, plansRef, type PlanSpec, type UpgradePlan } from './plan-types.ts';
import { startUpgradePlans } from './upgrade-plan.ts';

let cluster: TestCluster | undefined;
afterEach(() => cluster?.stop());

/** Machines that do what they are ordered; `returns`: versions that they take back. */
class Machines {
  readonly runs = new Map<string, string>();
  readonly returned = new Map<string, string>();
  readonly orders: string[] = [];
  readonly away = new Set<string>();
  readonly returns = new Set<string>();
  refuses = '';

  readonly call: NodeCall = (node, method, path) => {
    if (this.away.has(node)) return Promise.reject(new Error('no way to the node'));
    const answer = (status: number, body: unknown): ReturnType<NodeCall> =>
      Promise.resolve({ status, body: Buffer.from(JSON.stringify(body)) });
    if (method === 'POST') {
      const query = new URLSearchParams(path.split('?')[1]);
      const version = query.get('version') ?? '';
      this.orders.push(`${node} ${version} ${query.get('signature')}`);
      if (this.refuses) return answer(409, this.refuses);
      if (this.returns.has(version)) this.returned.set(node, version);
      else this.runs.set(node, version);
      return answer(200, '');
    }
    const to = this.returned.get(node);
    const phase = to ? { phase: 'returned', to, message: 'not Ready' } : { phase: 'idle', to: '' };
    return answer(200, { runs: `${this.runs.get(node)} (b)`, nonce: 'n', ...phase });
  };
}

const node = (name: string, labels: Record<string, string> = {}): object => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});
const server = { 'node-role.kubernetes.io/control-plane': 'true' };

async function start(machines: Machines, nodes: object[], channel = ''): Promise<TestCluster> {
  return await testCluster(
    [
      (ctx) =>
        startUpgradePlans(ctx, {
          nodes: machines.call,
          channel: (url) =>
            channel ? Promise.resolve(channel) : Promise.reject(new Error(`${url} is away`)),
          sign: (order) => Object.values(order).join('/'),
        }),
    ],
    async ({ client }) => {
      for (const one of nodes) {
        machines.runs.set((one as Node).metadata.name ?? '', 'v1.0.0');
        await client.create(refs.nodes, one);
      }
    },
  );
}

async function make(name: string, spec: PlanSpec): Promise<void> {
  await cluster!.client.create(plansRef, {
    metadata: { name, namespace: planNamespace },
    spec: { version: 'v1.1.0', upgrade: { image: 'skiff-upgrade' }, ...spec },
  });
  await cluster!.settle();
}
const planOf = (name: string): UpgradePlan =>
  cluster!.client.all<UpgradePlan>(plansRef).find((one) => one.metadata.name === name)!;
const condition = (name: string, type: string): string => {
  const found = planOf(name).status?.conditions?.find((one) => one.type === type);
  return `${found?.status} ${found?.reason} ${found?.message ?? ''}`.trim();
};
const nodeOf = (name: string): Node =>
  cluster!.client.all<Node>(refs.nodes).find((one) => one.metadata.name === name)!;
const pass = async (ms: number): Promise<void> => {
  for (let at = 0; at < ms; at += 500) {
    await cluster!.clock.advance(500);
    await cluster!.settle();
  }
};

describe('a plan', () => {
  it('goes through all nodes, servers one by one and first, in the words of upstream', async () => {
    const machines = new Machines();
    cluster = await start(machines, [
      node('a1'),
      node('s1', server),
      node('a2'),
      node('s2', server),
    ]);
    const applying: string[] = [];
    cluster.client.intercept = (_verb, _ref, { subresource }, body) => {
      const now = subresource === 'status' && (body as UpgradePlan).status?.applying;
      if (now && now.join() !== applying.at(-1)) applying.push(now.join());
    };
    await make('all', { concurrency: 2, cordon: true });
    await pass(60_000);
    const order = machines.orders.map((one) => one.split(' ')[0]);
    expect(order.slice(0, 2).toSorted()).toEqual(['s1', 's2']);
    expect(order.slice(2).toSorted()).toEqual(['a1', 'a2']);
    expect(applying.slice(0, 3)).toEqual([order[0], order[1], 'a1,a2']);
    expect(machines.orders[0]).toMatch(/^(s\d) v1\.1\.0 \1\/v1\.1\.0\/n$/);
    const { status } = planOf('all');
    expect(status?.latestVersion).toBe('v1.1.0');
    expect(status?.applying).toBeUndefined();
    for (const name of ['a1', 'a2', 's1', 's2']) {
      const { metadata, spec } = nodeOf(name);
      expect(metadata.labels?.['plan.upgrade.cattle.io/all']).toBe(status?.latestHash);
      expect(metadata.annotations ?? {}).toEqual({});
      expect(spec.unschedulable).toBeFalsy();
    }
    expect(condition('all', 'Complete')).toBe('True Complete');
    expect(condition('all', 'Validated')).toBe('True PlanIsValid');
    expect(condition('all', 'LatestResolved')).toBe('True Version');
  });

  it('that has to wait for another does nothing before it', async () => {
    const machines = new Machines();
    cluster = await start(machines, [node('a1'), node('s1', server)]);
    const agents = { matchLabels: { 'kubernetes.io/hostname': 'a1' } };
    const prepare = { image: 'k3s-upgrade', args: ['prepare', 'servers'] };
    await make('agents', { prepare, nodeSelector: agents, drain: {} });
    await pass(10_000);
    expect(machines.orders).toEqual([]);
    expect(nodeOf('a1').spec.unschedulable).toBeFalsy();
    await make('servers', { nodeSelector: { matchLabels: server } });
    await pass(30_000);
    expect(machines.orders.map((one) => one.split(' ')[0])).toEqual(['s1', 'a1']);
    expect(condition('agents', 'Complete')).toBe('True Complete');
  });

  it('drains before it orders, and waits for what must leave', async () => {
    const machines = new Machines();
    cluster = await start(machines, [node('a1')]);
    const { client } = cluster;
    const pod = { metadata: { name: 'web', namespace: 'default' }, spec: { nodeName: 'a1' } };
    await client.create(refs.pods, { ...pod, status: { phase: 'Running' } });
    client.intercept = (verb, ref, target) => {
      // The eviction of a pod that nothing else holds is its deletion, a while later.
      if (verb === 'create' && ref.resource === 'pods' && target.subresource === 'eviction')
        evictions++;
    };
    let evictions = 0;
    await make('drained', { drain: { force: true, timeout: '5m' } });
    await pass(6000);
    expect(nodeOf('a1').spec.unschedulable).toBe(true);
    expect([evictions > 0, machines.orders]).toEqual([true, []]);
    const now = { gracePeriodSeconds: 0 };
    await client.delete(refs.pods, { namespace: 'default', name: 'web' }, now);
    await pass(20_000);
    expect(client.all<Pod>(refs.pods)).toEqual([]);
    expect(machines.orders).toHaveLength(1);
    expect(condition('drained', 'Complete')).toBe('True Complete');
  });

  it('stops at what a node takes back, until it is another', async () => {
    const machines = new Machines();
    machines.returns.add('v1.1.0');
    cluster = await start(machines, [node('a1'), node('a2')]);
    await make('bad', {});
    await pass(120_000);
    expect(machines.orders).toHaveLength(1);
    const [hit = ''] = planOf('bad').status?.applying ?? [];
    expect(condition('bad', 'Complete')).toBe(
      `False JobFailed Job failed on Node ${hit}: taken back: not Ready`,
    );
    const body = { spec: { version: 'v1.2.0' } };
    const target = { namespace: planNamespace, name: 'bad' };
    await cluster.client.patch(plansRef, target, { type: 'merge', body });
    machines.returned.clear();
    await pass(60_000);
    expect(condition('bad', 'Complete')).toBe('True Complete');
    expect([...machines.runs.values()]).toEqual(['v1.2.0', 'v1.2.0']);
  });

  it('tries three times what cannot begin, and no longer than it is told', async () => {
    const machines = new Machines();
    machines.refuses = 'no guard';
    cluster = await start(machines, [node('a1')]);
    await make('refused', {});
    await pass(120_000);
    expect(machines.orders).toHaveLength(3);
    expect(condition('refused', 'Complete')).toMatch(
      /JobFailed .*BackoffLimitExceeded: "no guard"/,
    );
    machines.refuses = '';
    machines.away.add('a1');
    await make('late', { jobActiveDeadlineSecs: 30 });
    await pass(60_000);
    expect(condition('late', 'Complete')).toMatch(/JobFailed .*DeadlineExceeded/);
  });

  it('waits for its window, and after a node for as long as it says', async () => {
    const machines = new Machines();
    cluster = await start(machines, [node('a1'), node('a2')]);
    // The clock of these tests begins at midnight of a Thursday.
    const window = { days: ['thu'], startTime: '00:10', endTime: '23:00' };
    await make('later', { window, postCompleteDelay: '10m' });
    await pass(60_000);
    expect(condition('later', 'Complete')).toMatch(/^False Waiting/);
    expect(machines.orders).toEqual([]);
    await pass(660_000);
    expect(machines.orders).toHaveLength(1);
    await pass(660_000);
    expect(machines.orders).toHaveLength(2);
  });

  it('goes by its channel, and keeps what it said while it is away', async () => {
    const machines = new Machines();
    cluster = await start(machines, [node('a1')], 'v1.3.0');
    await make('channel', { version: '', channel: 'https://x/stable' });
    await pass(30_000);
    expect(planOf('channel').status?.latestVersion).toBe('v1.3.0');
    expect(condition('channel', 'LatestResolved')).toBe('True Channel');
    expect(machines.runs.get('a1')).toBe('v1.3.0');
    cluster.stop();
    cluster = await start(new Machines(), [node('a1')]);
    await make('gone', { version: '', channel: 'https://x/stable' });
    expect(condition('gone', 'LatestResolved')).toMatch(/^False Error .*x\/stable is away/);
    await make('neither', { version: '' });
    expect(condition('neither', 'LatestResolved')).toMatch(/missing channel and version/);
  });

  it("is left to upstream's own controller where that runs", async () => {
    const machines = new Machines();
    cluster = await start(machines, [node('a1')]);
    const metadata = { name: 'system-upgrade-controller', namespace: planNamespace };
    await cluster.client.create(refs.deployments, { metadata, spec: {} });
    await make('theirs', {});
    await pass(30_000);
    expect([machines.orders, planOf('theirs').status]).toEqual([[], undefined]);
  });
});
