import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../api/generated/types/core-v1.ts';
import { seededRandom } from '../io/random.ts';
import type { NodeInfo } from './cache/node-info.ts';
import { podInfo, type PodInfo } from './cache/pod-info.ts';
import { CycleState } from './framework/cycle-state.ts';
import { node, pod, TestCluster } from './testing/cluster.ts';

const zones = ['x', 'y', 'z'];
const apps = ['web', 'db'];
const hostname = 'kubernetes.io/hostname';

interface Wish {
  cpu: number;
  app: string;
  port?: number;
  spread?: { key: string; maxSkew: number };
  near?: string;
  far?: string;
  /** A pod that is there leaves first. */
  leaves: boolean;
}

const wish: fc.Arbitrary<Wish> = fc.record(
  {
    cpu: fc.integer({ min: 0, max: 900 }),
    app: fc.constantFrom(...apps),
    port: fc.constantFrom(80, 443),
    spread: fc.record({
      key: fc.constantFrom('zone', hostname),
      maxSkew: fc.integer({ min: 1, max: 2 }),
    }),
    near: fc.constantFrom(...apps),
    far: fc.constantFrom(...apps),
    leaves: fc.boolean(),
  },
  { requiredKeys: ['cpu', 'app', 'leaves'] },
);
const shape = fc.record({
  nodes: fc.array(
    fc.record({ zone: fc.constantFrom(...zones), pods: fc.integer({ min: 1, max: 6 }) }),
    { minLength: 1, maxLength: 6 },
  ),
  wishes: fc.array(wish, { minLength: 1, maxLength: 25 }),
  seed: fc.integer(),
});

const term = (app: string): object => ({
  labelSelector: { matchLabels: { app } },
  topologyKey: hostname,
});

function podOf({ cpu, app, port, spread, near, far }: Wish): Pod {
  const required = (app_: string): object => ({
    requiredDuringSchedulingIgnoredDuringExecution: [term(app_)],
  });
  const spec = {
    containers: [
      {
        name: 'c',
        resources: cpu ? { requests: { cpu: `${cpu}m` } } : {},
        ports: port ? [{ containerPort: port, hostPort: port, protocol: 'TCP' }] : [],
      },
    ],
    ...((near ?? far) !== undefined && {
      affinity: {
        ...(near && { podAffinity: required(near) }),
        ...(far && { podAntiAffinity: required(far) }),
      },
    }),
    ...(spread && {
      topologySpreadConstraints: [
        {
          maxSkew: spread.maxSkew,
          topologyKey: spread.key,
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app } },
        },
      ],
    }),
  } as Partial<PodSpec>;
  return pod(undefined, spec, { app });
}

const podsOn = (n: NodeInfo): PodInfo[] => [...n.pods.values()];
const appOf = (p: PodInfo): string => p.labels['app'] ?? '';

/** Written from the API's definitions, without anything of the plug-ins. */
function allows(p: Pod, target: NodeInfo, nodes: readonly NodeInfo[]): boolean {
  const info = podInfo(p);
  const { spec } = p;
  const here = podsOn(target);
  const cpuOf = (one: PodInfo): number => one.requests.milliCpu;
  const used = here.reduce((sum, one) => sum + cpuOf(one), 0);
  if (here.length + 1 > target.allowedPods) return false;
  if (cpuOf(info) > 0 && used + cpuOf(info) > target.allocatable.milliCpu) return false;
  const ports = (one: PodInfo): number[] => one.hostPorts.map((h) => h.port);
  if (ports(info).some((port) => here.some((one) => ports(one).includes(port)))) return false;

  const appsIn = (side: 'podAffinity' | 'podAntiAffinity', one: Pod): string[] =>
    (one.spec.affinity?.[side]?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (t) => t.labelSelector?.matchLabels?.['app'] ?? '',
    );
  const present = (app: string): boolean => here.some((one) => appOf(one) === app);
  if (appsIn('podAntiAffinity', p).some(present)) return false;
  if (here.some((one) => appsIn('podAntiAffinity', one.pod).includes(appOf(info)))) return false;
  for (const app of appsIn('podAffinity', p)) {
    const somewhere = nodes.some((n) => podsOn(n).some((one) => appOf(one) === app));
    if (!present(app) && (somewhere || appOf(info) !== app)) return false;
  }

  for (const { topologyKey, maxSkew } of spec.topologySpreadConstraints ?? []) {
    const counts = new Map<string, number>();
    for (const n of nodes) {
      const value = n.label(topologyKey) ?? '';
      const count = podsOn(n).filter((one) => appOf(one) === appOf(info)).length;
      counts.set(value, (counts.get(value) ?? 0) + count);
    }
    const after = (counts.get(target.label(topologyKey) ?? '') ?? 0) + 1;
    if (after - Math.min(...counts.values()) > maxSkew) return false;
  }
  return true;
}

describe('whatever pods come and go', () => {
  it('a pod is given a node exactly when one allows it, and only such a node', () => {
    fc.assert(
      fc.property(shape, ({ nodes, wishes, seed }) => {
        const random = seededRandom(seed);
        const cluster = new TestCluster({}, { random });
        for (const [i, { zone, pods }] of nodes.entries())
          cluster.with(node(`n${i}`, { labels: { zone }, pods }));
        const running: Pod[] = [];
        for (const one of wishes) {
          if (one.leaves && running.length > 0) {
            const [gone] = running.splice(random.int(running.length), 1);
            cluster.cache.removePod(gone?.metadata.uid ?? '');
          }
          const p = podOf(one);
          const all = cluster.cache.nodes;
          const allowed = all.filter((n) => allows(p, n, all)).map((n) => n.name);
          const chosen = cluster.place(p, new CycleState());
          if (allowed.length === 0) expect(chosen).toMatch(/^0\/\d+ nodes are available: /);
          else {
            expect(allowed).toContain(chosen);
            cluster.run(p, chosen);
            running.push(p);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('preemption makes just enough room on the node it chooses', async () => {
    const victims = fc.array(fc.integer({ min: 100, max: 600 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(victims, { minLength: 1, maxLength: 4 }), async (sizes) => {
        const cluster = new TestCluster();
        for (const [i, cpus] of sizes.entries()) {
          let left = 1000;
          const there = cpus.flatMap((cpu) => {
            if (cpu > left) return [];
            left -= cpu;
            return [pod(`${cpu}m`, { priority: 1 })];
          });
          cluster.with(node(`n${i}`), ...there);
        }
        const wanted = pod('900m', { priority: 9 });
        const chosen = cluster.place(wanted, new CycleState());
        if (chosen.startsWith('n')) return;
        const { nominated = '' } = cluster.preempt(wanted);
        const target = cluster.cache.node(nominated);
        if (!target) throw new Error('no node was chosen');
        await cluster.clock.advance(10);
        const evicted = cluster.client.writes
          .filter((w) => w.verb === 'patch')
          .map((w) => w.target);
        const free = (without: string[]): number =>
          podsOn(target).reduce(
            (sum, p) => sum - (without.includes(p.key) ? 0 : p.requests.milliCpu),
            1000,
          );
        expect(free(evicted)).toBeGreaterThanOrEqual(900);
        for (const spared of evicted)
          expect(free(evicted.filter((k) => k !== spared))).toBeLessThan(900);
      }),
    );
  });
});
