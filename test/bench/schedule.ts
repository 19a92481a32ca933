/**
 * One scheduling cycle without the API: finding the node of a pod among many, with the pods that
 * are there already. Usage: schedule.ts [NODES] [PODS_PER_NODE] [ROUNDS].
 */
import type { Pod } from '../../internal/api/generated/types/core-v1.ts';
import { podInfo } from '../../internal/scheduler/cache/pod-info.ts';
import { NodeFinder } from '../../internal/scheduler/find-node.ts';
import { CycleState } from '../../internal/scheduler/framework/cycle-state.ts';
import { node, pod, TestCluster } from '../../internal/scheduler/testing/cluster.ts';
import { seededRandom } from '../../internal/io/random.ts';

const nodes = Number(process.argv[2] ?? 1000);
const perNode = Number(process.argv[3] ?? 50);
const rounds = Number(process.argv[4] ?? 2000);
const zones = 3;
const apps = 40;

const owned = (app: number, more: Partial<Pod['spec']> = {}): Pod => {
  const made = pod('100m', more, { app: `app-${app}` });
  return {
    ...made,
    metadata: {
      ...made.metadata,
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `rs-${app}`,
          uid: `rs-${app}`,
          controller: true,
        },
      ],
    },
  } as Pod;
};
const replicaSets = Array.from({ length: apps }, (_, app) => ({
  metadata: { name: `rs-${app}`, namespace: 'default' },
  spec: { selector: { matchLabels: { app: `app-${app}` } } },
}));

function build(): TestCluster {
  const cluster = new TestCluster({ replicaSets });
  for (let n = 0; n < nodes; n++) {
    const labels = {
      'topology.kubernetes.io/zone': `z${n % zones}`,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
    };
    const there = Array.from({ length: perNode }, (_, i) => owned((n * perNode + i) % apps));
    cluster.with(node(`n${n}`, { cpu: '32', memory: '64Gi', labels }), ...there);
  }
  return cluster;
}

const term = (app: number): object => ({
  labelSelector: { matchLabels: { app: `app-${app}` } },
  topologyKey: 'kubernetes.io/hostname',
});
const kinds: Record<string, (app: number) => Pod> = {
  'a ReplicaSet’s pod': (app) => owned(app),
  'with a zone spread': (app) =>
    owned(app, {
      topologySpreadConstraints: [
        {
          maxSkew: 5,
          topologyKey: 'topology.kubernetes.io/zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: `app-${app}` } },
        },
      ],
    }),
  'with preferred anti-affinity': (app) =>
    owned(app, {
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 100, podAffinityTerm: term(app) as never },
          ],
        },
      },
    }),
  'that fits nowhere': () => pod('64'),
};

const random = seededRandom(7);
for (const [kind, make] of Object.entries(kinds)) {
  const cluster = build();
  const finder = new NodeFinder(cluster.cache, random);
  let placed = 0;
  const cycle = (i: number): void => {
    const info = podInfo(make(i % apps));
    const found = finder.find(cluster.profile, new CycleState(), info);
    if (found.node === undefined) return;
    placed++;
    cluster.cache.assume(info, found.node);
    cluster.cache.forget(info.uid);
  };
  for (let i = 0; i < rounds / 4; i++) cycle(i);
  placed = 0;
  const cpu = process.cpuUsage();
  for (let i = 0; i < rounds; i++) cycle(i);
  const { user, system } = process.cpuUsage(cpu);
  const ms = (user + system) / 1000 / rounds;
  process.stdout.write(
    `${nodes} nodes, ${perNode} pods each, ${kind}: ${ms.toFixed(3)} ms of processor a pod, ` +
      `${Math.round(1000 / ms)} pods a second and core (${placed} of ${rounds} placed)\n`,
  );
}
