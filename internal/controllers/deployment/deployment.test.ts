import { revisionOf } from './view.ts';
import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { startDeploymentController } from './deployment.ts';
import { startReplicaSetController } from '../replicaset/replicaset.ts';

const deployment = (over: Partial<Deployment['spec']> = {}): object => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'c', image: 'one' }] },
    },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    ...over,
  },
});

const start = (over: Partial<Deployment['spec']> = {}): Promise<TestCluster> =>
  testCluster(
    [startDeploymentController, startReplicaSetController],
    async (c) => void (await c.client.create(refs.deployments, deployment(over))),
  );

const web = (c: TestCluster): Deployment => c.client.all<Deployment>(refs.deployments)[0]!;
const image = (name: string): object => ({
  spec: { template: { spec: { containers: [{ name: 'c', image: name }] } } },
});

describe('deployment', () => {
  it('makes a set and its pods, and completes when they are ready', async () => {
    const c = await start();
    const [set] = c.client.all<ReplicaSet>(refs.replicaSets);
    expect(set!.metadata.name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]+$/);
    expect(set!.metadata.annotations).toMatchObject({
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
    });
    expect(c.client.all(refs.pods).length).toBe(3);
    await c.makeReady();
    expect(web(c).status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      updatedReplicas: 3,
    });
    expect(web(c).status.conditions?.map((x) => `${x.type} ${x.status} ${x.reason}`)).toEqual([
      'Available True MinimumReplicasAvailable',
      'Progressing True NewReplicaSetAvailable',
    ]);
    c.stop();
  });

  it('counts revisions on from one that no double holds', () => {
    const rs = {
      metadata: { annotations: { 'deployment.kubernetes.io/revision': '3546343826724305832' } },
    };
    expect(String(revisionOf(rs) + 1n)).toBe('3546343826724305833');
  });

  it('rolls to a new template without ever having fewer than allowed', async () => {
    const c = await start();
    await c.makeReady();
    await c.client.patch(
      refs.deployments,
      { namespace: 'default', name: 'web' },
      { type: 'merge', body: image('two') },
    );
    for (let i = 0; i < 12; i += 1) {
      await c.settle();
      const pods = c.client.all<Pod>(refs.pods).filter((p) => !p.metadata.deletionTimestamp);
      expect(pods.length).toBeLessThanOrEqual(4);
      expect(
        pods.filter((p) =>
          p.status?.conditions?.some((x) => x.type === 'Ready' && x.status === 'True'),
        ).length,
      ).toBeGreaterThanOrEqual(3);
      await c.makeReady();
    }
    expect(c.client.all<Pod>(refs.pods).every((p) => p.spec.containers[0]!.image === 'two')).toBe(
      true,
    );
    expect(web(c).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    expect(
      c.client
        .all<ReplicaSet>(refs.replicaSets)
        .map((rs) => rs.spec.replicas)
        .sort(),
    ).toEqual([0, 3]);
    c.stop();
  });

  it('reports a rollout that makes no progress within the deadline', async () => {
    const c = await start({ progressDeadlineSeconds: 60 });
    await c.clock.advance(70_000);
    await c.settle();
    expect(web(c).status.conditions?.find((x) => x.type === 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
    });
    c.stop();
  });

  it('recreates: no new pod before the last old one is gone', async () => {
    const c = await start({ strategy: { type: 'Recreate' } });
    await c.makeReady();
    await c.client.patch(
      refs.deployments,
      { namespace: 'default', name: 'web' },
      { type: 'merge', body: image('two') },
    );
    await c.settle();
    const images = new Set(c.client.all<Pod>(refs.pods).map((p) => p.spec.containers[0]!.image));
    expect(images.size).toBeLessThanOrEqual(1);
    await c.makeReady();
    expect(c.client.all<Pod>(refs.pods).map((p) => p.spec.containers[0]!.image)).toEqual([
      'two',
      'two',
      'two',
    ]);
    c.stop();
  });

  it('replaces a deleted pod and holds no timer when done', async () => {
    const c = await start();
    await c.makeReady();
    const [pod] = c.client.all<Pod>(refs.pods);
    await c.client.delete(refs.pods, { namespace: 'default', name: pod!.metadata.name! });
    await c.settle();
    expect(c.client.all(refs.pods).length).toBe(3);
    await c.makeReady();
    expect(c.clock.timers).toBe(0);
    c.stop();
  });
});
