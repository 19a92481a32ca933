import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import type { Probed } from '../agent-metrics.ts';
import type { Random } from '../../io/random.ts';
import type { ProbeDoors } from './run-probe.ts';
import { ProbeWorker, type ContainerView, type ProbeResult, type ProbeType } from './worker.ts';

export interface ProbeChange {
  uid: string;
  container: string;
  containerId: string;
  type: ProbeType;
  result: ProbeResult;
}

export interface ProbesOptions {
  doors: ProbeDoors;
  random: Random;
  /** A result changed. Called from within `sync` too. */
  onResult(change: ProbeChange): void;
  /** A probe was put. */
  probed?(labels: Probed): void;
  /** For events about a container of a pod. */
  event(pod: Pod, container: Container, reason: string, message: string): void;
}

interface PodProbes {
  pod: Pod;
  podIP: string;
  workers: Map<string, ProbeWorker>;
  views: ReadonlyMap<string, ContainerView>;
}

const titleOf = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' };
const types: ProbeType[] = ['startup', 'readiness', 'liveness'];

function probeOf(container: Container, type: ProbeType) {
  return type === 'startup'
    ? container.startupProbe
    : type === 'readiness'
      ? container.readinessProbe
      : container.livenessProbe;
}

/** All probes of the node. */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #pods = new Map<string, PodProbes>();
  readonly #results = new Map<string, Map<ProbeType, ProbeResult>>();

  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /** Tells the state of a pod's containers (by name; sidecars too). Cheap when nothing changed. */
  sync(pod: Pod, views: ReadonlyMap<string, ContainerView>, podIP: string): void {
    const uid = pod.metadata.uid ?? '';
    let state = this.#pods.get(uid);
    if (!state) this.#pods.set(uid, (state = { pod, podIP, workers: new Map(), views }));
    for (const [name, old] of state.views)
      if (views.get(name)?.containerId !== old.containerId) this.#results.delete(old.containerId);
    state.pod = pod;
    state.podIP = podIP;
    state.views = views;
    const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
    for (const container of [...sidecars, ...pod.spec.containers]) {
      for (const type of types) {
        if (!probeOf(container, type)) continue;
        const worker = this.#worker(uid, state, container, type);
        const view = views.get(container.name);
        const period = (probeOf(container, type)?.periodSeconds || 10) * 1000;
        // After a restart of the agent all probes of the node would come at once.
        worker.show(view, view?.restored ? this.#options.random.int(period) : 0);
      }
    }
  }

  remove(uid: string): void {
    const state = this.#pods.get(uid);
    this.#pods.delete(uid);
    for (const worker of state?.workers.values() ?? []) worker.stop();
    for (const view of state?.views.values() ?? []) this.#results.delete(view.containerId);
  }

  stop(): void {
    for (const uid of [...this.#pods.keys()]) this.remove(uid);
  }

  /** status.containerStatuses[].started of a running container. */
  isStarted(container: Container, containerId: string): boolean {
    return !container.startupProbe || this.result(containerId, 'startup') === 'Success';
  }

  /** status.containerStatuses[].ready of a running container. */
  isReady(container: Container, containerId: string): boolean {
    if (!this.isStarted(container, containerId)) return false;
    return !container.readinessProbe || this.result(containerId, 'readiness') === 'Success';
  }

  result(containerId: string, type: ProbeType): ProbeResult | undefined {
    return this.#results.get(containerId)?.get(type);
  }

  #worker(uid: string, state: PodProbes, container: Container, type: ProbeType): ProbeWorker {
    const key = `${type}/${container.name}`;
    const known = state.workers.get(key);
    if (known) return known;
    const place = {
      pod: () => state.pod,
      podIP: () => state.podIP,
      started: (containerId: string) => this.isStarted(container, containerId),
      result: (containerId: string, result: ProbeResult) =>
        this.#set({ uid, container: container.name, containerId, type, result }),
      probed: (outcome: Probed['result']) =>
        this.#options.probed?.({
          probe_type: titleOf[type],
          result: outcome,
          container: container.name,
          namespace: state.pod.metadata.namespace ?? '',
          pod: state.pod.metadata.name ?? '',
          pod_uid: uid,
        }),
      event: (reason: string, message: string) =>
        this.#options.event(state.pod, container, reason, message),
    };
    const worker = new ProbeWorker({
      type,
      container,
      probe: probeOf(container, type)!,
      place,
      doors: this.#options.doors,
    });
    state.workers.set(key, worker);
    return worker;
  }

  #set(change: ProbeChange): void {
    const { containerId, type, result } = change;
    let results = this.#results.get(containerId);
    if (!results) this.#results.set(containerId, (results = new Map()));
    if (results.get(type) === result) return;
    const known = results.has(type);
    results.set(type, result);
    if (type === 'startup' && result === 'Success')
      for (const worker of this.#pods.get(change.uid)?.workers.values() ?? []) worker.wake();
    // The value every new container begins with is no news.
    if (known || result === 'Success') this.#options.onResult(change);
  }
}
