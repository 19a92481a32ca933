import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../api/generated/types/core-v1.ts';
import { podInfo } from '../cache/pod-info.ts';
import { defaultArgs } from '../config/plugin-args.ts';
import { CycleState } from '../framework/cycle-state.ts';
import { node, pod, TestCluster } from '../testing/cluster.ts';
import { brokenLine } from './scoring-strategy.ts';

/** The normalized scores that one plug-in gives to all nodes. */
function scores(cluster: TestCluster, plugin: string, p: ReturnType<typeof pod>): number[] {
  const state = new CycleState();
  const info = podInfo(p);
  const { nodes } = cluster.cache;
  const score = cluster.profile.plugins.score.find((s) => s.name === plugin)!;
  const before = cluster.profile.plugins.preScore.find((s) => s.name === plugin);
  const status = before?.preScore(state, info, nodes);
  if (status) return [];
  const found = nodes.map((n, i) => score.score(state, info, n, i));
  score.normalize?.(state, found, nodes);
  return found;
}

describe('the scores', () => {
  it('prefer the emptier node', () => {
    const cluster = new TestCluster().with(node('a'), pod('800m')).with(node('b'));
    expect(cluster.place(pod('100m'))).toBe('b');
    // (1000m - 600m - 100m) of 1000m, and (1Gi - 200Mi) of 1Gi with the usual amount.
    const one = new TestCluster().with(node('a'), pod('600m')).with(node('b'));
    expect(scores(one, 'NodeResourcesFit', pod('100m'))).toEqual([45, 85]);
  });

  it('know the other strategies', () => {
    const strategy = (scoringStrategy: object): object => ({
      ...defaultArgs,
      NodeResourcesFit: { ...defaultArgs.NodeResourcesFit, scoringStrategy },
    });
    const resources = [{ name: 'cpu', weight: 1 }];
    const of = (scoringStrategy: object): number[] => {
      const profile = { args: strategy({ resources, ...scoringStrategy }) as never };
      const cluster = new TestCluster({}, { profile }).with(node('a'), pod('500m')).with(node('b'));
      return scores(cluster, 'NodeResourcesFit', pod('250m'));
    };
    expect(of({ type: 'MostAllocated' })).toEqual([75, 25]);
    const shape = [
      { utilization: 0, score: 0 },
      { utilization: 50, score: 10 },
      { utilization: 100, score: 5 },
    ];
    expect(of({ type: 'RequestedToCapacityRatio', shape })).toEqual([75, 50]);
    expect([0, 25, 50, 75, 100].map(brokenLine(shape))).toEqual([0, 50, 100, 75, 50]);
  });

  it('count how much more even a node becomes', () => {
    const cluster = new TestCluster()
      .with(node('a', { memory: '1Gi' }))
      .with(node('b', { memory: '1Gi' }), pod('500m'));
    // A pod that asks for cpu alone makes an empty node uneven, and an uneven one more so.
    expect(scores(cluster, 'NodeResourcesBalancedAllocation', pod('500m'))).toEqual([62, 62]);
    expect(scores(cluster, 'NodeResourcesBalancedAllocation', pod(undefined))).toEqual([]);
  });

  it('avoid soft taints, and honour preferred node affinity', () => {
    const soft = [{ key: 'k', effect: 'PreferNoSchedule' }];
    const cluster = new TestCluster().with(node('a', { taints: soft })).with(node('b'));
    expect(scores(cluster, 'TaintToleration', pod('1m'))).toEqual([0, 100]);
    const preferred = {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 10,
              preference: {
                matchExpressions: [
                  { key: 'kubernetes.io/hostname', operator: 'In', values: ['a'] },
                ],
              },
            },
          ],
        },
      },
    };
    expect(scores(cluster, 'NodeAffinity', pod('1m', preferred))).toEqual([100, 0]);
    expect(scores(cluster, 'NodeAffinity', pod('1m'))).toEqual([]);
  });

  it('prefer nodes with the image, by how many have it', () => {
    const mb = 1024 * 1024;
    const images = [{ names: ['big:latest'], sizeBytes: 1000 * mb }];
    const cluster = new TestCluster().with(node('a', { images })).with(node('b'));
    const wanting = { containers: [{ name: 'c', image: 'big', resources: {} }] } as never;
    // Half of the nodes have it: 500 of 1000 MB count, above the first 23.
    expect(scores(cluster, 'ImageLocality', pod(undefined, wanting))).toEqual([48, 0]);
  });

  it('spread the pods of a ReplicaSet without being told', () => {
    const replicaSets = [
      {
        metadata: { name: 'rs', namespace: 'default' },
        spec: { selector: { matchLabels: { app: 'w' } } },
      },
    ];
    const cluster = new TestCluster({ replicaSets })
      .with(node('a'), pod('1m', {}, { app: 'w' }), pod('1m', {}, { app: 'w' }))
      .with(node('b'), pod('1m', {}, { app: 'w' }))
      .with(node('c'));
    const owned = pod('1m', {}, { app: 'w' });
    owned.metadata.ownerReferences = [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'r', controller: true },
    ];
    const [a = 0, b = 0, c = 0] = scores(cluster, 'PodTopologySpread', owned);
    expect(a < b && b < c).toBe(true);
    expect(c).toBe(100);
    expect(scores(cluster, 'PodTopologySpread', pod('1m', {}, { app: 'w' }))).toEqual([]);
  });

  it('weigh preferred affinity of the pod and of those that are there', () => {
    const side = (kind: string, app: string, weight: number): Partial<PodSpec> =>
      ({
        affinity: {
          [kind]: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight,
                podAffinityTerm: {
                  labelSelector: { matchLabels: { app } },
                  topologyKey: 'kubernetes.io/hostname',
                },
              },
            ],
          },
        },
      }) as Partial<PodSpec>;
    const cluster = new TestCluster()
      .with(node('a'), pod('1m', {}, { app: 'db' }))
      .with(node('b'), pod('1m', side('podAntiAffinity', 'web', 50)))
      .with(node('c'));
    expect(scores(cluster, 'InterPodAffinity', pod('1m', side('podAffinity', 'db', 10)))).toEqual([
      100, 0, 0,
    ]);
    expect(scores(cluster, 'InterPodAffinity', pod('1m', {}, { app: 'web' }))).toEqual([
      100, 0, 100,
    ]);
    expect(scores(new TestCluster().with(node('a')), 'InterPodAffinity', pod('1m'))).toEqual([]);
  });
});
