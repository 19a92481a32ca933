import type { Node, Pod } from '../../internal/api/generated/types/core-v1.ts';
import type { Deployment, StatefulSet } from '../../internal/api/generated/types/apps-v1.ts';
import { keyOf } from '../../internal/api/object.ts';
import { ApiError } from '../../internal/api/status.ts';
import { IoError } from '../../internal/base/errors.ts';
import { refs } from '../../internal/client/refs.ts';
import { StoreError } from '../../internal/store/errors.ts';
import { isReady } from './settled.ts';
import type { Cluster } from './cluster.ts';
import type { Truth } from './truth.ts';

export const namespace = 'work';
/** More pods than all workloads want together, but for what a roll makes in between. */
export const mostPods = 40;
const evictTries = 20;
const evictWaitMs = 5000;

/** What the operator knows of the world. */
export interface Surroundings {
  readonly cluster: Cluster;
  readonly truth: Truth;
  /** No pod was disturbed for so long that every status has come through. */
  readonly calm: boolean;
  /** What was asked for last: replicas by name. */
  readonly wanted: Record<'web' | 'api' | 'db', number>;
}

/** What whoever runs the cluster asks for. Everything may be refused, or go unanswered. */
export class Operator {
  readonly #world: Surroundings;
  #notes = 0;

  constructor(world: Surroundings) {
    this.#world = world;
  }

  /** Asks until it is done, as kubectl in a script does. False = never within the tries. */
  async #insist<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const { clock } = this.#world.cluster;
    for (let tries = 0; tries < 60; tries++) {
      try {
        return await ask();
      } catch (error) {
        if (error instanceof ApiError && ['AlreadyExists', 'NotFound'].includes(error.reason))
          return undefined;
        const patient =
          error instanceof IoError ||
          error instanceof StoreError ||
          (error instanceof ApiError && error.httpStatus >= 409);
        if (!patient) {
          this.#world.truth.failed('the operator was refused', error);
          return undefined;
        }
        await clock.sleep('operator', 2000);
      }
    }
    return undefined;
  }

  /** The workloads of the namespace, and what bounds them. */
  async settle(): Promise<void> {
    const { operator } = this.#world.cluster;
    await this.#insist(() => operator.create(refs.namespaces, { metadata: { name: namespace } }));
    const hard = { pods: String(mostPods) };
    await this.#insist(() =>
      operator.create(refs.resourceQuotas, meta('pods', { spec: { hard } })),
    );
    for (const name of ['web', 'api'])
      await this.#insist(() => operator.create(refs.deployments, deployment(name, 2)));
    await this.#insist(() => operator.create(refs.statefulSets, statefulSet('db', 2)));
    await this.#insist(() => operator.create(refs.daemonSets, daemonSet('log')));
    await this.#insist(() =>
      operator.create(
        refs.podDisruptionBudgets,
        meta('web', { spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'web' } } } }),
      ),
    );
  }

  scale(name: 'web' | 'api' | 'db', replicas: number): Promise<unknown> {
    const { operator } = this.#world.cluster;
    const ref = name === 'db' ? refs.statefulSets : refs.deployments;
    const body = { spec: { replicas } };
    return this.#insist(() =>
      operator.patch<Deployment | StatefulSet>(ref, { namespace, name }, { type: 'merge', body }),
    );
  }

  roll(name: 'web' | 'api' | 'db' | 'log'): Promise<unknown> {
    const { operator, time } = this.#world.cluster;
    const ref =
      name === 'db' ? refs.statefulSets : name === 'log' ? refs.daemonSets : refs.deployments;
    const annotations = { rolled: String(time.monotonicMs()) };
    const body = { spec: { template: { metadata: { annotations } } } };
    return this.#insist(() => operator.patch(ref, { namespace, name }, { type: 'merge', body }));
  }

  runJob(name: string, shape: { completions: number; exitCode: number }): Promise<unknown> {
    const { operator } = this.#world.cluster;
    const image = `ends-20s-${shape.exitCode}`;
    return this.#insist(() =>
      operator.create(
        refs.jobs,
        meta(name, {
          spec: {
            ...{ completions: shape.completions, parallelism: 2, backoffLimit: 1 },
            ttlSecondsAfterFinished: 300,
            template: { spec: { ...podSpec(image), restartPolicy: 'Never' } },
          },
        }),
      ),
    );
  }

  deletePod(pod: Pod): Promise<unknown> {
    const { operator } = this.#world.cluster;
    const target = { namespace, name: pod.metadata.name! };
    return this.#insist(() =>
      operator.delete(refs.pods, target, { preconditions: { uid: pod.metadata.uid! } }),
    );
  }

  /** A number that only grows, in one of a few notes. */
  async write(name: string): Promise<void> {
    const { truth, cluster } = this.#world;
    const number = (this.#notes += 1);
    truth.tried(name, number);
    const data = { number: String(number) };
    try {
      await cluster.operator.patch(
        refs.configMaps,
        { namespace, name },
        { type: 'apply', body: { apiVersion: 'v1', kind: 'ConfigMap', ...meta(name, { data }) } },
        { fieldManager: 'operator', force: true },
      );
      truth.told(name, number);
    } catch {
      // Nobody knows whether it was done.
    }
  }

  /** Cordons a node, evicts its pods as kubectl drain does, and lets it be used again. */
  async drain(name: string): Promise<void> {
    const { cluster } = this.#world;
    await this.#cordon(name, true);
    for (let tries = 0; tries < evictTries; tries++) {
      const pods = await this.#insist(() =>
        cluster.operator.list<Pod>(refs.pods, {
          namespace,
          fieldSelector: `spec.nodeName=${name}`,
        }),
      );
      const left = (pods?.items ?? []).filter(
        (p) => p.metadata.ownerReferences?.[0]?.kind !== 'DaemonSet',
      );
      if (left.length === 0) break;
      for (const pod of left) if (!pod.metadata.deletionTimestamp) await this.#evict(pod);
      await cluster.clock.sleep('operator', evictWaitMs);
    }
    await this.#cordon(name, false);
  }

  #cordon(name: string, unschedulable: boolean): Promise<unknown> {
    const body = { spec: { unschedulable } };
    return this.#insist(() =>
      this.#world.cluster.operator.patch<Node>(refs.nodes, { name }, { type: 'merge', body }),
    );
  }

  async #evict(pod: Pod): Promise<void> {
    const { cluster, truth } = this.#world;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: pod.metadata };
    const eviction = { ...body, metadata: { namespace, name: pod.metadata.name } };
    try {
      await cluster.operator.create(refs.pods, eviction, {
        ...{ namespace, name: pod.metadata.name!, subresource: 'eviction' },
      });
    } catch {
      return; // the budget, or the server, says no
    }
    if (pod.metadata.labels?.['app'] !== 'web' || !this.#world.calm) return;
    const web = cluster.store<Pod>(refs.pods).filter((p) => p.metadata.labels?.['app'] === 'web');
    const left = web.filter((p) => isReady(p) && keyOf(p) !== keyOf(pod)).length;
    truth.evicted(keyOf(pod), left, this.#world.wanted.web - 1);
  }

  deleteNode(name: string): Promise<unknown> {
    return this.#insist(() => this.#world.cluster.operator.delete(refs.nodes, { name }));
  }
}

const meta = <T extends object>(name: string, more: T) => ({
  metadata: { namespace, name },
  ...more,
});

const podSpec = (image: string) => ({
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: 5,
  containers: [{ name: 'main', image, resources: { requests: { cpu: '100m' } } }],
});

function template(app: string, image: string) {
  const shared = { name: 'shared', emptyDir: {} };
  return { metadata: { labels: { app } }, spec: { ...podSpec(image), volumes: [shared] } };
}

const selector = (app: string) => ({ matchLabels: { app } });

const deployment = (name: string, replicas: number) =>
  meta(name, { spec: { replicas, selector: selector(name), template: template(name, 'stays') } });

const statefulSet = (name: string, replicas: number) =>
  meta(name, {
    spec: {
      ...{ replicas, serviceName: name, selector: selector(name) },
      template: template(name, 'stays'),
    },
  });

const daemonSet = (name: string) =>
  meta(name, { spec: { selector: selector(name), template: template(name, 'stays') } });
