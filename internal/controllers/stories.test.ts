import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DaemonSet, Deployment, StatefulSet } from '../api/generated/types/apps-v1.ts';
import type { Job } from '../api/generated/types/batch-v1.ts';
import type { ConfigMap, Pod, Secret, ServiceAccount } from '../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/types/policy-v1.ts';
import type { ResourceRef } from '../api/object.ts';
import { refs } from '../client/refs.ts';
import { liveCluster, type LiveCluster } from './live-cluster.fake.ts';

/**
 * Controllers together, against the real API server with its real roles, on a node that only
 * pretends.
 */
let c: LiveCluster;
beforeAll(async () => {
  c = await liveCluster();
}, 20_000);
afterAll(() => c.stop());

const until = (check: () => Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 40_000, interval: 25 });
const all = async <T>(ref: ResourceRef, namespace: string): Promise<T[]> =>
  (await c.admin.list<T>(ref, { namespace })).items;
const template = (labels: Record<string, string>, image = 'one', more: object = {}): object => ({
  metadata: { labels },
  spec: {
    containers: [{ name: 'c', image, ports: [{ name: 'http', containerPort: 80 }] }],
    ...more,
  },
});

async function namespace(name: string): Promise<string> {
  await c.admin.create(refs.namespaces, { metadata: { name } });
  await until(async () =>
    expect((await all<ServiceAccount>(refs.serviceAccounts, name)).length).toBe(1),
  );
  return name;
}

describe('controllers against the API server', () => {
  it(
    'roll a deployment, keep its endpoints and budget, and take all of it away with the ' +
      'namespace',
    async () => {
      const ns = await namespace('rolling');
      await c.admin.create(refs.services, {
        metadata: { name: 'web', namespace: ns },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
      });
      await c.admin.create(refs.podDisruptionBudgets, {
        metadata: { name: 'web', namespace: ns },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } },
      });
      await c.admin.create(refs.deployments, {
        metadata: { name: 'web', namespace: ns },
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: 'web' } },
          template: template({ app: 'web' }),
        },
      });
      const complete = (generation: number): Promise<void> =>
        until(async () => {
          const { status } = await c.admin.get<Deployment>(refs.deployments, {
            namespace: ns,
            name: 'web',
          });
          expect(status).toMatchObject({
            observedGeneration: generation,
            replicas: 3,
            updatedReplicas: 3,
            availableReplicas: 3,
          });
          expect(status.conditions?.find((x) => x.type === 'Progressing')?.reason).toBe(
            'NewReplicaSetAvailable',
          );
        });
      await complete(1);
      await c.admin.patch(
        refs.deployments,
        { namespace: ns, name: 'web' },
        { type: 'strategic', body: { spec: { template: template({ app: 'web' }, 'two') } } },
      );
      await complete(2);
      await until(async () => {
        const [slice] = await all<EndpointSlice>(refs.endpointSlices, ns);
        expect(slice?.endpoints.filter((e) => e.conditions?.ready).length).toBe(3);
        expect(slice?.ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
        const [budget] = await all<PodDisruptionBudget>(refs.podDisruptionBudgets, ns);
        expect(budget?.status).toMatchObject({
          expectedPods: 3,
          desiredHealthy: 2,
          disruptionsAllowed: 1,
        });
      });
      expect((await all<ConfigMap>(refs.configMaps, ns)).map((m) => m.metadata.name)).toEqual([
        'kube-root-ca.crt',
      ]);
      await c.admin.delete(refs.namespaces, { name: ns });
      await until(async () =>
        expect(
          (await c.admin.list<{ metadata: { name: string } }>(refs.namespaces)).items.map(
            (n) => n.metadata.name,
          ),
        ).not.toContain(ns),
      );
    },
    30_000,
  );

  it('end jobs by success, failure policy or deadline, and let their pods go', async () => {
    const ns = await namespace('jobs');
    const time = '2026-01-01T00:00:00Z';
    const exit = (code: number): object => ({
      phase: code ? 'Failed' : 'Succeeded',
      containerStatuses: [
        {
          name: 'c',
          image: 'x',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: code, startedAt: time, finishedAt: time } },
        },
      ],
    });
    c.outcomes.set('done', () => exit(0));
    c.outcomes.set('odd', (pod) =>
      exit(
        Number(pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index']) % 2 ? 42 : 0,
      ),
    );
    const job = (name: string, outcome: string, spec: object): Promise<unknown> =>
      c.admin.create(refs.jobs, {
        metadata: { name, namespace: ns },
        spec: { ...spec, template: template({ outcome }, 'x', { restartPolicy: 'Never' }) },
      });
    await job('plain', 'done', { parallelism: 2, completions: 4 });
    await job('indexes', 'odd', {
      completionMode: 'Indexed',
      completions: 4,
      parallelism: 4,
      backoffLimitPerIndex: 0,
    });
    await job('policy', 'odd', {
      completionMode: 'Indexed',
      completions: 2,
      parallelism: 2,
      podFailurePolicy: {
        rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }],
      },
    });
    await job('enough', 'odd', {
      completionMode: 'Indexed',
      completions: 4,
      parallelism: 4,
      successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] },
    });
    const ends = async (name: string): Promise<string[]> =>
      ((await c.admin.get<Job>(refs.jobs, { namespace: ns, name })).status.conditions ?? []).map(
        (x) => `${x.type} ${x.reason}`,
      );
    await until(async () => {
      expect(await ends('plain')).toEqual([
        'SuccessCriteriaMet CompletionsReached',
        'Complete CompletionsReached',
      ]);
      expect(await ends('indexes')).toEqual([
        'FailureTarget FailedIndexes',
        'Failed FailedIndexes',
      ]);
      expect(await ends('policy')).toEqual([
        'FailureTarget PodFailurePolicy',
        'Failed PodFailurePolicy',
      ]);
      expect(await ends('enough')).toEqual([
        'SuccessCriteriaMet SuccessPolicy',
        'Complete SuccessPolicy',
      ]);
    });
    expect(
      (await c.admin.get<Job>(refs.jobs, { namespace: ns, name: 'indexes' })).status,
    ).toMatchObject({ succeeded: 2, failed: 2, completedIndexes: '0,2', failedIndexes: '1,3' });
    expect((await all<Pod>(refs.pods, ns)).flatMap((p) => p.metadata.finalizers ?? [])).toEqual([]);
  }, 30_000);

  it('run a stateful set in order and a daemon set on the node', async () => {
    const ns = await namespace('sets');
    await c.admin.create(refs.statefulSets, {
      metadata: { name: 'db', namespace: ns },
      spec: {
        replicas: 2,
        serviceName: 'db',
        selector: { matchLabels: { app: 'db' } },
        template: template({ app: 'db' }),
      },
    });
    await c.admin.create(refs.daemonSets, {
      metadata: { name: 'agent', namespace: ns },
      spec: { selector: { matchLabels: { app: 'agent' } }, template: template({ app: 'agent' }) },
    });
    await until(async () => {
      expect(
        (await c.admin.get<StatefulSet>(refs.statefulSets, { namespace: ns, name: 'db' })).status,
      ).toMatchObject({ replicas: 2, readyReplicas: 2, currentReplicas: 2 });
      expect(
        (await c.admin.get<DaemonSet>(refs.daemonSets, { namespace: ns, name: 'agent' })).status,
      ).toMatchObject({ desiredNumberScheduled: 1, numberAvailable: 1 });
    });
    const created = (await all<Pod>(refs.pods, ns))
      .filter((p) => p.metadata.labels?.['app'] === 'db')
      .map((p) => p.metadata.name);
    expect(created).toEqual(['db-0', 'db-1']);
    await c.admin.patch(
      refs.statefulSets,
      { namespace: ns, name: 'db', subresource: 'scale' },
      { type: 'merge', body: { spec: { replicas: 0 } } },
    );
    await until(async () =>
      expect((await all<Pod>(refs.pods, ns)).map((p) => p.metadata.labels?.['app'])).toEqual([
        'agent',
      ]),
    );
  }, 30_000);

  it('adopt, release, and fill legacy token secrets', async () => {
    const ns = await namespace('adoption');
    await c.admin.create(refs.pods, {
      metadata: { name: 'orphan', namespace: ns, labels: { rc: 'a' } },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    });
    await c.admin.create(refs.replicationControllers, {
      metadata: { name: 'rc', namespace: ns },
      spec: { replicas: 1, selector: { rc: 'a' }, template: template({ rc: 'a' }) },
    });
    const owners = async (): Promise<string[]> =>
      (await all<Pod>(refs.pods, ns)).map(
        (p) =>
          `${p.metadata.name === 'orphan' ? 'orphan' : 'made'} ` +
          `${p.metadata.ownerReferences?.[0]?.name ?? '-'}`,
      );
    await until(async () => expect(await owners()).toEqual(['orphan rc']));
    await c.admin.patch(
      refs.pods,
      { namespace: ns, name: 'orphan' },
      { type: 'merge', body: { metadata: { labels: { rc: 'b' } } } },
    );
    await until(async () => expect(await owners()).toEqual(['orphan -', 'made rc']));
    await c.admin.create(refs.secrets, {
      metadata: {
        name: 'token',
        namespace: ns,
        annotations: { 'kubernetes.io/service-account.name': 'default' },
      },
      type: 'kubernetes.io/service-account-token',
    });
    await until(async () =>
      expect(
        Object.keys(
          (await c.admin.get<Secret>(refs.secrets, { namespace: ns, name: 'token' })).data ?? {},
        ).sort(),
      ).toEqual(['ca.crt', 'namespace', 'token']),
    );
  }, 30_000);
});
