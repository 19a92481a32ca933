import type {
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../api/generated/types/core-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/types/policy-v1.ts';
import type { StorageClass } from '../api/generated/types/storage-v1.ts';
import { keyOf } from '../api/object.ts';
import { isTerminal } from '../api/scheduling/pod-resources.ts';
import { ApiError } from '../api/status.ts';
import { messageOf } from '../base/errors.ts';
import type { Change, Client, Mirror } from '../client/client.ts';
import { seriesRecorder, type SeriesRecorder } from '../client/events-v1.ts';
import type { Mirrors } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { timeOf } from '../api/times.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { Cache } from './cache.ts';
import { podInfo, type PodInfo } from './node-info.ts';
import { plan } from './plan.ts';
import { preempt, type Candidate } from './preemption.ts';
import { namespaceOf, type Refusal, type View } from './plugin.ts';
import { SchedulingQueue } from './queue.ts';
import { VolumeBinder } from './volume-binder.ts';

export interface SchedulerOptions {
  client: Client;
  mirrors: Mirrors;
  clock: Clock;
  log: Log;
  /** Pods with this schedulerName are ours. */
  name?: string;
}

const defaultName = 'default-scheduler';

/** Gives nodes to pods until stopped. Resolves when its mirrors are in. */
export async function startScheduler(options: SchedulerOptions): Promise<{ stop(): void }> {
  const scheduler = new Scheduler(options);
  await scheduler.begin();
  return scheduler;
}

class Scheduler {
  readonly #o: SchedulerOptions;
  readonly #name: string;
  readonly #cache = new Cache();
  readonly #queue: SchedulingQueue;
  readonly #events: SeriesRecorder;
  readonly #pods: Mirror<Pod>;
  readonly #nodes: Mirror<Node>;
  readonly #namespaces: Mirror<Namespace>;
  readonly #claims: Mirror<PersistentVolumeClaim>;
  readonly #volumes: Mirror<PersistentVolume>;
  readonly #classes: Mirror<StorageClass>;
  readonly #budgets: Mirror<PodDisruptionBudget>;
  readonly #binder: VolumeBinder;
  /** Pods whose volumes are being made, by key. */
  readonly #binding = new Map<string, AbortController>();
  readonly #stops: (() => void)[] = [];
  #running = false;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#o = options;
    this.#name = options.name ?? defaultName;
    this.#queue = new SchedulingQueue(options.clock, () => this.#run());
    this.#events = seriesRecorder({ ...options, controller: this.#name, instance: this.#name });
    const { mirrors } = options;
    this.#pods = mirrors.of<Pod>(refs.pods);
    this.#nodes = mirrors.of<Node>(refs.nodes);
    this.#namespaces = mirrors.of<Namespace>(refs.namespaces);
    this.#claims = mirrors.of<PersistentVolumeClaim>(refs.persistentVolumeClaims);
    this.#volumes = mirrors.of<PersistentVolume>(refs.persistentVolumes);
    this.#classes = mirrors.of<StorageClass>(refs.storageClasses);
    this.#budgets = mirrors.of<PodDisruptionBudget>(refs.podDisruptionBudgets);
    this.#binder = new VolumeBinder({ ...options, claims: this.#claims, volumes: this.#volumes });
  }

  async begin(): Promise<void> {
    const all: Mirror<never>[] = [
      this.#pods,
      this.#nodes,
      this.#namespaces,
      this.#claims,
      this.#volumes,
      this.#classes,
      this.#budgets,
    ] as Mirror<never>[];
    await Promise.all(all.map((m) => m.synced));
    if (this.#stopped) return;
    const stir = (): void => this.#queue.stir();
    this.#stops.push(
      this.#nodes.onChange((c) => this.#nodeChanged(c)),
      this.#pods.onChange((c) => this.#podChanged(c)),
      this.#claims.onChange(stir),
      this.#volumes.onChange(stir),
      this.#classes.onChange(stir),
      ...all.map((m) => () => m.stop()),
    );
    this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.stop();
    for (const left of this.#binding.values()) left.abort();
    for (const stop of this.#stops) stop();
  }

  #nodeChanged(change: Change<Node>): void {
    if (change.type === 'DELETED') return this.#cache.removeNode(change.key);
    this.#cache.setNode(change.object);
    if (!change.old || nodeMatters(change.old, change.object)) this.#queue.stir();
  }

  #podChanged(change: Change<Pod>): void {
    const { object: pod, old, key } = change;
    const gone = change.type === 'DELETED' || isTerminal(pod);
    if (gone || pod.metadata.deletionTimestamp) this.#binding.get(key)?.abort();
    if (gone) {
      this.#cache.removePod(pod.metadata.uid ?? '');
      this.#queue.remove(key);
      this.#queue.stir();
    } else if (pod.spec.nodeName) {
      const news = !old?.spec.nodeName || !sameAsk(old, pod);
      if (news) {
        this.#cache.setPod(pod);
        this.#queue.remove(key);
        // A pod that came may be the company that another waits for; one that shrank leaves room.
        this.#queue.stir((k) => this.#hasAffinity(k) || old?.spec.nodeName !== undefined);
      }
    } else if (this.#ours(pod)) {
      if (old && sameAsk(old, pod)) return;
      this.#queue.add(pod);
    } else this.#queue.remove(key);
  }

  #hasAffinity(key: string): boolean {
    const spec = this.#pods.get(key)?.spec;
    return Boolean(
      spec?.affinity?.podAffinity ??
      spec?.affinity?.podAntiAffinity ??
      spec?.topologySpreadConstraints,
    );
  }

  #ours(pod: Pod): boolean {
    return (
      (pod.spec.schedulerName || defaultName) === this.#name &&
      !pod.metadata.deletionTimestamp &&
      !pod.spec.schedulingGates?.length
    );
  }

  /** Works through the queue, yielding to the event loop between pods. */
  #run(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    void (async () => {
      await Promise.resolve();
      for (
        let key = this.#queue.pop();
        key !== undefined && !this.#stopped;
        key = this.#queue.pop()
      )
        await this.#schedule(key);
      this.#running = false;
    })();
  }

  async #schedule(key: string): Promise<void> {
    const pod = this.#pods.get(key);
    if (!pod || pod.spec.nodeName || !this.#ours(pod)) return this.#queue.remove(key);
    const info = podInfo(pod);
    const view = this.#view(info);
    const decided = plan(view);
    if (decided.node !== undefined) {
      this.#cache.assume(info, decided.node);
      void this.#bind(key, info, decided.node);
      return;
    }
    await this.#unschedulable(key, view, decided);
  }

  #view(info: PodInfo): View {
    return {
      pod: info,
      nodes: this.#cache.nodesFor(info),
      namespaceLabels: (name) => this.#namespaces.get(name)?.metadata.labels ?? {},
      claim: (namespace, name) => this.#claims.get(`${namespace}/${name}`),
      volume: (name) => this.#volumes.get(name),
      volumes: () => this.#volumes.list(),
      storageClass: (name) => this.#classes.get(name),
    };
  }

  async #bind(key: string, info: PodInfo, node: string): Promise<void> {
    const { pod } = info;
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    try {
      await this.#volumesStand(key, pod, node);
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid },
        target: { kind: 'Node', name: node },
      };
      await this.#o.client.create(refs.pods, binding, { namespace, name, subresource: 'binding' });
      this.#queue.remove(key);
      this.#events.record(pod, {
        type: 'Normal',
        reason: 'Scheduled',
        action: 'Binding',
        note: `Successfully assigned ${namespace}/${name} to ${node}`,
      });
    } catch (error) {
      this.#cache.forget(uid);
      const now = this.#pods.get(key);
      if (!now || now.metadata.deletionTimestamp || this.#stopped) return this.#queue.remove(key);
      if (
        error instanceof ApiError &&
        (error.reason === 'NotFound' || (error.reason === 'Conflict' && now.spec.nodeName))
      )
        return this.#queue.remove(key);
      this.#o.log.warn('cannot bind a pod', { pod: key, node, error: messageOf(error) });
      this.#events.record(pod, {
        type: 'Warning',
        reason: 'FailedScheduling',
        action: 'Binding',
        note: `binding rejected: ${messageOf(error)}`,
      });
      this.#queue.failed(key);
    }
  }

  /** A pod has its node only when its volumes stand there; until then the room is kept for it. */
  async #volumesStand(key: string, pod: Pod, node: string): Promise<void> {
    const on = this.#nodes.get(node);
    if (!on) throw new Error(`node ${JSON.stringify(node)} not found`);
    const left = new AbortController();
    this.#binding.set(key, left);
    try {
      await this.#binder.bind(pod, on, left.signal);
    } finally {
      this.#binding.delete(key);
    }
  }

  async #unschedulable(
    key: string,
    view: View,
    decided: { refusals: Map<string, Refusal>; message: string },
  ): Promise<void> {
    const { pod } = view.pod;
    let { message } = decided;
    let nominated: string | undefined;
    if (view.nodes.length > 0 && !this.#waitsForVictims(pod)) {
      const result = preempt(view, decided.refusals, [...this.#budgets.list()]);
      if (result.candidate) nominated = await this.#evict(view.pod, result.candidate);
      else message += ` preemption: ${result.message}`;
    }
    this.#events.record(pod, {
      type: 'Warning',
      reason: 'FailedScheduling',
      action: 'Scheduling',
      note: message,
    });
    // Laid aside before the status is written, so that the victims' going can stir it.
    this.#queue.unschedulable(key);
    await this.#writeCondition(pod, message, nominated);
  }

  /**
   * It was promised a node and lesser pods there are still going: more victims would be one too
   * many.
   */
  #waitsForVictims(pod: Pod): boolean {
    const node = this.#cache.nominatedNode(pod.metadata.uid ?? '');
    if (!node) return false;
    const priority = pod.spec.priority ?? 0;
    for (const other of this.#pods.list()) {
      if (
        other.spec.nodeName === node &&
        other.metadata.deletionTimestamp &&
        (other.spec.priority ?? 0) < priority
      )
        return true;
    }
    return false;
  }

  async #evict(info: PodInfo, candidate: Candidate): Promise<string> {
    const { client, clock } = this.#o;
    this.#cache.nominate(info, candidate.node);
    for (const victim of candidate.victims) {
      const target = { namespace: namespaceOf(victim), name: victim.metadata.name ?? '' };
      const message = `${this.#name}: preempting to accommodate a higher priority pod`;
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message,
        lastTransitionTime: timeOf(clock.now()),
        observedGeneration: victim.metadata.generation,
      };
      try {
        await client.patch(
          refs.pods,
          { ...target, subresource: 'status' },
          { type: 'strategic', body: { status: { conditions: [condition] } } },
        );
        await client.delete(refs.pods, target, { preconditions: { uid: victim.metadata.uid } });
        const note = `Preempted by pod ${info.pod.metadata.uid} on node ${candidate.node}`;
        this.#events.record(victim, {
          type: 'Normal',
          reason: 'Preempted',
          action: 'Preempting',
          note,
          related: info.pod,
        });
      } catch (error) {
        if (!(error instanceof ApiError && error.reason === 'NotFound'))
          this.#o.log.warn('cannot preempt a pod', { pod: keyOf(victim), error: messageOf(error) });
      }
    }
    return candidate.node;
  }

  async #writeCondition(pod: Pod, message: string, nominated: string | undefined): Promise<void> {
    const before = (pod.status.conditions ?? []).find((c) => c.type === 'PodScheduled');
    const same =
      before?.status === 'False' && before.reason === 'Unschedulable' && before.message === message;
    if (same && (nominated === undefined || pod.status.nominatedNodeName === nominated)) return;
    const lastTransitionTime =
      before?.status === 'False' ? before.lastTransitionTime : timeOf(this.#o.clock.now());
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastProbeTime: null,
      lastTransitionTime,
      observedGeneration: pod.metadata.generation,
    };
    const status = {
      conditions: [condition],
      ...(nominated ? { nominatedNodeName: nominated } : {}),
    };
    const target = {
      namespace: namespaceOf(pod),
      name: pod.metadata.name ?? '',
      subresource: 'status',
    };
    try {
      await this.#o.client.patch(refs.pods, target, { type: 'strategic', body: { status } });
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'NotFound'))
        this.#o.log.warn('cannot write why a pod waits', {
          pod: keyOf(pod),
          error: messageOf(error),
        });
    }
  }
}

/** Heartbeats change a node all the time; these parts change what fits on it. */
function nodeMatters(old: Node, now: Node): boolean {
  const parts = (n: Node): unknown[] => [
    n.spec.unschedulable,
    n.spec.taints,
    n.metadata.labels,
    n.status.allocatable,
    n.spec.podCIDR,
  ];
  return JSON.stringify(parts(old)) !== JSON.stringify(parts(now));
}

/** Status changes alone (our own conditions among them) are no reason to look at a pod again. */
function sameAsk(old: Pod, now: Pod): boolean {
  return (
    old.metadata.generation === now.metadata.generation &&
    JSON.stringify(old.metadata.labels) === JSON.stringify(now.metadata.labels)
  );
}
