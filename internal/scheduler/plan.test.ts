import { partOf } from '../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { Node, Pod, PodSpec } from '../api/generated/types/core-v1.ts';
import { NodeInfo, podInfo } from './node-info.ts';
import { plan } from './plan.ts';
import { preempt } from './preemption.ts';
import type { View } from './plugin.ts';

interface NodeOptions {
  cpu?: string;
  pods?: number;
  labels?: Record<string, string>;
  taints?: { key: string; effect: string; value?: string }[];
  unschedulable?: boolean;
}
const node = (name: string, o: NodeOptions = {}): NodeInfo => {
  const allocatable = { cpu: o.cpu ?? '1', memory: '1Gi', pods: String(o.pods ?? 110) };
  return new NodeInfo(
    partOf<Node>({
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...o.labels } },
      spec: { taints: o.taints, unschedulable: o.unschedulable },
      status: { allocatable },
    }),
  );
};
let count = 0;
const pod = (
  cpu: string | undefined,
  more: Partial<PodSpec> = {},
  labels: Record<string, string> = {},
): Pod =>
  ({
    metadata: {
      name: `p${++count}`,
      namespace: 'default',
      uid: `u${count}`,
      labels,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    spec: { containers: [{ name: 'c', resources: cpu ? { requests: { cpu } } : {} }], ...more },
    status: {},
  }) as Pod;
const view = (p: Pod, nodes: NodeInfo[]): View => ({
  pod: podInfo(p),
  nodes,
  namespaceLabels: () => ({}),
  claim: () => undefined,
  volume: () => undefined,
  volumes: () => [],
  storageClass: () => undefined,
});
const place = (p: Pod, nodes: NodeInfo[]): string => {
  const decided = plan(view(p, nodes));
  return decided.node ?? decided.message;
};
const running = (n: NodeInfo, ...pods: Pod[]): NodeInfo => {
  for (const p of pods) n.add(podInfo(p));
  return n;
};

describe('plan', () => {
  it('takes the emptier node', () => {
    expect(place(pod('100m'), [running(node('a'), pod('800m')), node('b')])).toBe('b');
  });

  it('tells why no node will do, in kube-scheduler’s words', () => {
    const nodes = [
      node('a', { cpu: '100m' }),
      node('b', { unschedulable: true }),
      node('c', { taints: [{ key: 'k', effect: 'NoSchedule' }] }),
      node('d', { pods: 0 }),
    ];
    expect(place(pod('500m'), nodes)).toBe(
      '0/4 nodes are available: 1 Insufficient cpu, 1 Too many pods, 1 node(s) had ' +
        'untolerated taint {k: }, 1 node(s) were unschedulable.',
    );
    expect(place(pod('1'), [])).toBe('no nodes available to schedule pods');
    expect(
      place(
        pod(undefined, {
          volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'x' } }] as PodSpec['volumes'],
        }),
        [node('a')],
      ),
    ).toBe('0/1 nodes are available: persistentvolumeclaim "x" not found.');
  });

  it('honours selectors and host ports', () => {
    const port = (hostIP: string, protocol = 'TCP'): Partial<PodSpec> =>
      ({
        containers: [
          {
            name: 'c',
            resources: {},
            ports: [{ containerPort: 80, hostPort: 80, hostIP, protocol }],
          },
        ],
      }) as Partial<PodSpec>;
    const a = running(node('a', { labels: { disk: 'ssd' } }), pod(undefined, port('127.0.0.1')));
    expect(place(pod(undefined, { nodeSelector: { disk: 'ssd' } }), [a, node('b')])).toBe('a');
    expect(place(pod(undefined, { nodeSelector: { disk: 'tape' } }), [a])).toContain(
      "didn't match Pod's node affinity/selector",
    );
    expect(place(pod(undefined, port('')), [a])).toContain("didn't have free ports");
    expect(place(pod(undefined, port('10.0.0.1')), [a])).toBe('a');
    expect(place(pod(undefined, port('127.0.0.1', 'UDP')), [a])).toBe('a');
  });

  it('spreads over topologies', () => {
    const web = { app: 'web' };
    const constraint = {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: web },
    };
    const nodes = [
      running(node('a', { cpu: '9' }), pod('1m', {}, web)),
      running(node('b'), pod('900m')),
    ];
    expect(place(pod('1m', { topologySpreadConstraints: [constraint] }, web), nodes)).toBe('b');
  });

  it('keeps pods together and apart', () => {
    const term = (app: string): { labelSelector: object; topologyKey: string } => ({
      labelSelector: { matchLabels: { app } },
      topologyKey: 'kubernetes.io/hostname',
    });
    const near = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('db')] } };
    const far = {
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('db')] },
    };
    const nodes = [running(node('a'), pod('900m', {}, { app: 'db' })), node('b')];
    expect(place(pod('1m', { affinity: near } as Partial<PodSpec>), nodes)).toBe('a');
    expect(place(pod('1m', { affinity: far } as Partial<PodSpec>), nodes)).toBe('b');
    expect(
      place(pod('1m', { affinity: near } as Partial<PodSpec>, { app: 'db' }), [node('x')]),
    ).toBe('x');
    const guarded = [
      running(
        node('g'),
        pod('1m', {
          affinity: {
            podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term('web')] },
          },
        } as Partial<PodSpec>),
      ),
    ];
    expect(place(pod('1m', {}, { app: 'web' }), guarded)).toContain(
      "didn't satisfy existing pods anti-affinity rules",
    );
  });
});

describe('preempt', () => {
  const low = (cpu: string): Pod => pod(cpu, { priority: 1 });
  const decide = (
    p: Pod,
    nodes: NodeInfo[],
    budgets: Parameters<typeof preempt>[2] = [],
  ): ReturnType<typeof preempt> => {
    const v = view(p, nodes);
    const decided = plan(v);
    return preempt(v, decided.node === undefined ? decided.refusals : new Map(), budgets);
  };

  it('takes as few and as unimportant pods as it can', () => {
    const [a1, a2, b1] = [low('400m'), low('500m'), pod('900m', { priority: 5 })];
    const result = decide(pod('500m', { priority: 100 }), [
      running(node('a'), a1, a2),
      running(node('b'), b1),
    ]);
    expect(result.candidate).toMatchObject({ node: 'a', victims: [a2] });
  });

  it('spares pods whose budget is used up', () => {
    const [a, b] = [pod('900m', { priority: 1 }, { app: 'db' }), low('900m')];
    const budget = {
      metadata: { namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'db' } } },
      status: { disruptionsAllowed: 0 },
    };
    const result = decide(
      pod('500m', { priority: 100 }),
      [running(node('a'), a), running(node('b'), b)],
      [budget as never],
    );
    expect(result.candidate?.node).toBe('b');
  });

  it('says when it is of no use', () => {
    const nodes = [
      running(node('a'), pod('900m', { priority: 100 })),
      node('b', { unschedulable: true }),
    ];
    expect(decide(pod('500m', { priority: 100 }), nodes)).toEqual({
      candidate: undefined,
      message:
        '0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 ' +
        'Preemption is not helpful for scheduling.',
    });
  });
});
