import { expect, it } from 'vitest';
import type { VolumeUsage } from '../volumes/volume-usage.ts';
import { agentMetrics } from './metrics.ts';
import { Rates, summary, type NodeUsage } from './stats.ts';
import type { PodUsage } from './node-view.ts';

const at = '2026-01-01T00:00:00.000Z';
const usage = (uid: string, claim = 'data'): VolumeUsage => ({
  uid,
  volume: 'v',
  namespace: 'ns',
  claim,
  path: '/p',
  at,
  availableBytes: 60,
  capacityBytes: 100,
  inodes: 10,
  inodesFree: 7,
});

it('the room of a claim stands in the summary of its pod', () => {
  const pod = (uid: string): PodUsage => ({
    namespace: 'ns',
    name: uid,
    uid,
    startTime: at,
    containers: [],
  });
  const node = {
    at,
    startTime: at,
    network: [],
    fs: { capacityBytes: 1, availableBytes: 1, inodes: 1, inodesFree: 1 },
    pids: { most: 1, now: 1 },
  } as Partial<NodeUsage> as NodeUsage;
  const { pods } = summary(
    'n',
    node,
    { pods: [pod('a'), pod('b')], volumes: [usage('a')] },
    new Rates(),
  ) as { pods: { volume?: object[] }[] };
  expect(pods[0]?.volume).toEqual([
    {
      time: at,
      availableBytes: 60,
      capacityBytes: 100,
      usedBytes: 40,
      inodes: 10,
      inodesFree: 7,
      inodesUsed: 3,
      name: 'v',
      pvcRef: { name: 'data', namespace: 'ns' },
    },
  ]);
  expect(pods[1]).not.toHaveProperty('volume');
});

it('a claim that two pods use is one in the metrics', () => {
  const text = agentMetrics({
    cpuSeconds: 0,
    residentBytes: 0,
    startSeconds: 0,
    pods: 0,
    containers: 0,
    terminated: [],
    version: 'v',
    nodeName: 'n',
    mounted: [],
    volumes: [usage('a'), usage('b'), usage('b', 'other')],
  });
  const lines = text.split('\n').filter((line) => line.startsWith('kubelet_volume_stats_used'));
  expect(lines).toEqual([
    'kubelet_volume_stats_used_bytes{namespace="ns",persistentvolumeclaim="data"} 40',
    'kubelet_volume_stats_used_bytes{namespace="ns",persistentvolumeclaim="other"} 40',
  ]);
});
