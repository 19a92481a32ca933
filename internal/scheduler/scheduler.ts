import type { Pod } from '../api/generated/types/core-v1.ts';
import { messageOf } from '../base/errors.ts';
import { MetricSet } from '../base/metrics/metric-set.ts';
import type { Client, Mirror } from '../client/client.ts';
import { seriesRecorder, type SeriesRecorder } from '../client/events-v1.ts';
import type { Mirrors } from '../client/mirrors.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { turn } from '../io/turn.ts';
import { realRandom, type Random } from '../io/random.ts';
import { BindingCycles, type Bound } from './binding-cycle.ts';
import { Cache } from './cache/cache.ts';
import { podInfo, type PodInfo } from './cache/pod-info.ts';
import { followCluster, mirrorAll, type Mirrored } from './cluster-events.ts';
import { defaultConfiguration, type SchedulerConfiguration } from './config/configuration.ts';
import { makeProfile } from './config/profiles.ts';
import { filterNode, NodeFinder } from './find-node.ts';
import { CycleState } from './framework/cycle-state.ts';
import { action } from './framework/events.ts';
import type { Handle } from './framework/handle.ts';
import type { Profile } from './framework/profile.ts';
import {
  blame,
  failed,
  fitError,
  isRejected,
  messageOfStatus,
  NodeStatuses,
  type Diagnosis,
  type Status,
} from './framework/status.ts';
import { writePodStatus, type Said } from './pod-status.ts';
import type { QueuedPod } from './queue/queued-pod.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import { SchedulerMetrics } from './scheduler-metrics.ts';

export interface SchedulerOptions {
  client: Client;
  mirrors: Mirrors;
  clock: Clock;
  log: Log;
  random?: Random;
  configuration?: SchedulerConfiguration;
  /** Where it counts what it does. */
  metrics?: MetricSet;
}

const defaultName = 'default-scheduler';
/** After so long the loop lets others run: pods may come faster than they are scheduled. */
const sliceMs = 5;
/** Notes of Events end here; the rest is dots (NoteLengthLimit). */
const longestNote = 1024;

/** Gives nodes to pods until stopped. Resolves when its mirrors are in. */
export async function startScheduler(options: SchedulerOptions): Promise<{ stop(): void }> {
  const scheduler = new Scheduler(options);
  await scheduler.begin();
  return scheduler;
}

class Scheduler {
  readonly #o: SchedulerOptions;
  readonly #cache = new Cache();
  readonly #queue: SchedulingQueue;
  readonly #events: SeriesRecorder;
  readonly #listers: Mirrored;
  readonly #mirrors: readonly Mirror<object>[];
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #finder: NodeFinder;
  readonly #cycles: BindingCycles;
  readonly #metrics: SchedulerMetrics;
  readonly #stops: (() => void)[] = [];
  #running = false;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    const { clock, mirrors, configuration = defaultConfiguration } = options;
    this.#o = options;
    this.#queue = new SchedulingQueue({ ...configuration, clock, ready: () => this.#run() });
    this.#events = seriesRecorder({ ...options, controller: defaultName, instance: defaultName });
    const { metrics = new MetricSet() } = options;
    this.#metrics = new SchedulerMetrics(metrics, clock);
    metrics.gauge('scheduler_pending_pods', '[STABLE] Number of pending pods, by the queue', () =>
      Object.entries(this.#queue.pending()).map(([queue, count]) => [{ queue }, count]),
    );
    const { listers, all } = mirrorAll(mirrors);
    this.#listers = listers;
    this.#mirrors = all;
    this.#cycles = new BindingCycles(clock);
    const random = options.random ?? realRandom;
    this.#finder = new NodeFinder(this.#cache, random);
    const promised = { volumes: new Map(), claims: new Map(), devices: new Map() };
    this.#profiles = new Map(
      configuration.profiles.map((said) => {
        // Plug-ins ask the profile that they are part of, once it is made.
        const handle = this.#handle({ random, promised, own: () => profile });
        const profile: Profile = makeProfile(said, handle);
        return [said.schedulerName, profile];
      }),
    );
  }

  async begin(): Promise<void> {
    await Promise.all(this.#mirrors.map((m) => m.synced));
    if (this.#stopped) return;
    this.#stops.push(
      ...followCluster(this.#listers, {
        cache: this.#cache,
        queue: this.#queue,
        profileOf: (pod) => this.#profileOf(pod),
        leaves: (pod) => this.#cycles.leaves(pod),
      }),
    );
    this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.stop();
    this.#cycles.stop();
    for (const stop of this.#stops) stop();
    for (const mirror of this.#mirrors) mirror.stop();
  }

  #handle({ random, promised, own }: Pick<Handle, 'random' | 'promised'> & { own(): Profile }) {
    const { client, clock, log } = this.#o;
    const cache = this.#cache;
    const handle: Handle = {
      client,
      clock,
      log,
      random,
      promised,
      cache,
      listers: this.#listers,
      events: this.#events,
      filterWithNominated: (state, pod, node) => filterNode(own(), state, { pod, node, cache }),
      addPod: (state, pod, added, node) => own().addPod(state, pod, added, node),
      removePod: (state, pod, removed, node) => own().removePod(state, pod, removed, node),
      cancelBinding: (uid, why) => this.#cycles.cancel(uid, why),
      activate: (key) => this.#queue.activate(key),
      ungate: (key) => this.#queue.ungate(key),
    };
    return handle;
  }

  #profileOf({ spec }: Pod): Profile | undefined {
    return this.#profiles.get(spec.schedulerName || defaultName);
  }

  /** Works through the queue; lets others run between pods when it takes long. */
  #run(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    void this.#work().finally(() => {
      this.#running = false;
      if (this.#queue.hasActive && !this.#stopped) this.#run();
    });
  }

  async #work(): Promise<void> {
    const { clock } = this.#o;
    await Promise.resolve();
    let since = clock.monotonicMs();
    for (let pod = this.#queue.pop(); pod && !this.#stopped; pod = this.#queue.pop()) {
      this.#schedule(pod);
      // Microtasks first: a mirror that has news must not be overtaken by the next pod.
      await Promise.resolve();
      if (clock.monotonicMs() - since < sliceMs) continue;
      await turn();
      since = clock.monotonicMs();
    }
  }

  /** One scheduling cycle. Nothing in the cache changes while it lasts. */
  #schedule(pod: QueuedPod): void {
    const { info, profile } = pod;
    if (info.pod.metadata.deletionTimestamp || this.#cache.isAssumed(info.uid))
      return this.#queue.remove(pod.key);
    pod.beganAt = this.#metrics.began();
    try {
      this.#cycle(pod, new CycleState());
    } catch (error) {
      this.#o.log.error('a scheduling cycle failed', { pod: pod.key, error: messageOf(error) });
      this.#failed(pod, failed(profile.schedulerName, messageOf(error)));
    }
  }

  #cycle(pod: QueuedPod, state: CycleState): void {
    const { info, profile } = pod;
    if (this.#cache.nodes.length === 0)
      return this.#unschedulable(pod, {
        message: 'no nodes available to schedule pods',
        diagnosis: nobody(),
        nominated: '',
      });
    const found = this.#finder.find(profile, state, info);
    this.#metrics.searched(pod);
    if (found.node !== undefined) return this.#reserve({ pod, state, node: found.node });
    if ('error' in found) return this.#failed(pod, found.error);
    const { diagnosis } = found;
    const { nominated, status } = profile.postFilter(state, info, diagnosis.statuses);
    if (status) diagnosis.postFilter = messageOfStatus(status);
    this.#unschedulable(pod, {
      message: fitError(this.#cache.nodes.length, diagnosis),
      diagnosis,
      ...(nominated !== undefined && { nominated }),
    });
  }

  #reserve(bound: Bound): void {
    const { pod, state, node } = bound;
    const { info, profile } = pod;
    this.#cache.assume(info, node);
    const refused = profile.reserve(state, info, node);
    if (refused) return this.#undo(bound, refused);
    const permit = profile.permit(state, info, node);
    if (permit && permit.code !== 'Wait') return this.#undo(bound, permit);
    void this.#bind(bound, permit);
  }

  async #bind(bound: Bound, permit: Status | undefined): Promise<void> {
    const { pod, state, node } = bound;
    const { info, profile } = pod;
    try {
      const flight = profile.preBindPreFlight(state, info, node);
      if (flight && flight.code !== 'Skip') return this.#undo(bound, flight);
      const works = !flight;
      // The cluster autoscaler sees where the pod is going while its volumes are made.
      if (works || permit) await this.#say(info.pod, { nominated: node });
      const refused = permit && (await this.#cycles.permitted(bound, permit));
      if (refused) return this.#undo(bound, refused);
      this.#queue.done(pod.key);
      const status = await this.#cycles.bind(bound, works);
      if (status) return this.#undo(bound, status);
      this.#metrics.attempted(pod, 'scheduled');
      this.#metrics.bound(pod, this.#queue.waitedMs(pod));
      this.#queue.remove(pod.key);
      this.#events.record(info.pod, {
        type: 'Normal',
        reason: 'Scheduled',
        action: 'Binding',
        note: `Successfully assigned ${info.namespace}/${info.name} to ${node}`,
      });
      profile.postBind(state, info, node);
    } catch (error) {
      this.#undo(bound, failed(profile.schedulerName, messageOf(error)));
    }
  }

  /** The pod does not go to its node after all. */
  #undo({ pod, state, node }: Bound, status: Status): void {
    const { info, profile } = pod;
    profile.unreserve(state, info, node);
    this.#cache.forget(info.uid);
    if (this.#stopped) return;
    // Its room is free again, as if it had been there and gone; that is no news to itself.
    const gone = { ...info.pod, spec: { ...info.pod.spec, nodeName: node } };
    this.#queue.happened({ resource: 'Pod', actions: action.delete, old: gone }, pod.key);
    if (this.#isOver(info)) return this.#queue.remove(pod.key);
    // While it was assumed, its changes were not brought to the queue.
    const now = this.#listers.pods.get(pod.key);
    if (now) pod.info = podInfo(now);
    if (!isRejected(status)) return this.#failed(pod, status);
    const diagnosis = nobody();
    diagnosis.statuses.set(node, status);
    blame(diagnosis, status);
    this.#unschedulable(pod, { message: fitError(1, diagnosis), diagnosis, nominated: '' });
  }

  /** Deleted, bound by somebody else, or another pod of the same name by now. */
  #isOver({ key, uid }: PodInfo): boolean {
    const now = this.#listers.pods.get(key);
    return (
      !now ||
      now.metadata.uid !== uid ||
      now.metadata.deletionTimestamp !== undefined ||
      Boolean(now.spec.nodeName)
    );
  }

  /** No node will do: the pod waits for an event. */
  #unschedulable(
    pod: QueuedPod,
    why: { message: string; diagnosis: Diagnosis; nominated?: string },
  ): void {
    const { message, diagnosis, nominated } = why;
    this.#metrics.attempted(pod, 'unschedulable');
    if (nominated) this.#cache.nominate(pod.info, nominated);
    else if (nominated === '') this.#cache.unnominate(pod.info.uid);
    // Laid aside before anything is written, so that the victims' going can wake it.
    this.#queue.unschedulable(pod, diagnosis);
    this.#tell(pod.info.pod, {
      condition: { reason: 'Unschedulable', message },
      ...(nominated !== undefined && { nominated }),
    });
  }

  /** Something went wrong that the pod can do nothing about: tried again after its back-off. */
  #failed(pod: QueuedPod, status: Status): void {
    const message = messageOfStatus(status);
    this.#metrics.attempted(pod, 'error');
    this.#o.log.warn('cannot schedule a pod', { pod: pod.key, error: message });
    this.#cache.unnominate(pod.info.uid);
    this.#queue.failed(pod);
    this.#tell(pod.info.pod, { condition: { reason: 'SchedulerError', message }, nominated: '' });
  }

  #tell(pod: Pod, said: Said & { condition: { message: string } }): void {
    const { message } = said.condition;
    const note =
      message.length > longestNote ? `${message.slice(0, longestNote - 4)} ...` : message;
    this.#events.record(pod, {
      type: 'Warning',
      reason: 'FailedScheduling',
      action: 'Scheduling',
      note,
    });
    void this.#say(pod, said);
  }

  async #say(pod: Pod, said: Said): Promise<void> {
    await writePodStatus(pod, said, this.#o);
  }
}

const nobody = (): Diagnosis => ({
  statuses: new NodeStatuses(),
  plugins: new Set(),
  pending: new Set(),
});
