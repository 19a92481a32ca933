import type { Clock, Timer } from '../../io/clock.ts';
import type { PodInfo } from '../cache/pod-info.ts';
import { podActions, type ClusterEvent } from '../framework/events.ts';
import type { Profile } from '../framework/profile.ts';
import { Heap } from './heap.ts';
import { queuedPod, type InFlight, type QueuedPod } from './queued-pod.ts';

export interface QueueOptions {
  clock: Clock;
  /** How long a pod rests after it did not fit: doubling from the first to the longest. */
  firstBackoffMs: number;
  longestBackoffMs: number;
  /** Called when there may be something to pop. */
  ready(): void;
}

/**
 * A pod that waits for an event is looked at again after this long, in case the event was missed
 * (kube-scheduler: 5 minutes).
 */
const flushMs = 300_000;
/** Pods whose back-off ends within one such window go by importance (backoffQOrderingWindow). */
const windowMs = 1000;
/** Events that one pod's attempt remembers. */
const mostEvents = 1000;

/**
 * Pods without a node: active ones by importance in a heap, those that rest by the end of their
 * back-off in two more (after a refusal, after an error), and those that wait for an event. Holds a
 * timer only while some pod waits.
 */
export class SchedulingQueue {
  readonly #o: QueueOptions;
  readonly #active: Heap<QueuedPod>;
  readonly #resting: Heap<QueuedPod>;
  readonly #failed: Heap<QueuedPod>;
  readonly #waiting = new Map<string, QueuedPod>();
  readonly #inFlight = new Map<string, InFlight>();
  readonly #all = new Map<string, QueuedPod>();
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(options: QueueOptions) {
    this.#o = options;
    const sort = (a: QueuedPod, b: QueuedPod): number => a.profile.queueSort(a, b);
    const window = (p: QueuedPod): number => Math.floor(p.backoffUntil / windowMs);
    const byWindow = (a: QueuedPod, b: QueuedPod): number => window(a) - window(b) || sort(a, b);
    const keyOf = (p: QueuedPod): string => p.key;
    this.#active = new Heap(keyOf, sort);
    this.#resting = new Heap(keyOf, byWindow);
    this.#failed = new Heap(keyOf, byWindow);
  }

  get size(): number {
    return this.#all.size;
  }

  /** Whether `pop` has something to give. */
  get hasActive(): boolean {
    return this.#active.size + this.#resting.size > 0;
  }

  /** Where a pod is, for tests and for looking at. */
  stateOf(key: string): 'active' | 'backoff' | 'unschedulable' | 'gated' | 'running' | undefined {
    if (this.#active.has(key)) return 'active';
    if (this.#resting.has(key) || this.#failed.has(key)) return 'backoff';
    const waiting = this.#waiting.get(key);
    if (waiting) return waiting.gatedBy ? 'gated' : 'unschedulable';
    return this.#all.has(key) ? 'running' : undefined;
  }

  /** How many pods wait where. */
  pending(): Record<'active' | 'backoff' | 'unschedulable' | 'gated', number> {
    const gated = [...this.#waiting.values()].filter(({ gatedBy }) => gatedBy).length;
    return {
      active: this.#active.size,
      backoff: this.#resting.size + this.#failed.size,
      unschedulable: this.#waiting.size - gated,
      gated,
    };
  }

  /** How long a pod has been known here. */
  waitedMs(pod: QueuedPod): number {
    return this.#now() - pod.since;
  }

  add(info: PodInfo, profile: Profile): void {
    const known = this.#all.get(info.key);
    if (known?.info.uid === info.uid) return this.update(info);
    this.remove(info.key);
    const pod = queuedPod(info, profile, this.#now());
    this.#all.set(pod.key, pod);
    this.#activate(pod);
  }

  /** The pod itself changed: looked at again if that may help. */
  update(info: PodInfo): void {
    const pod = this.#all.get(info.key);
    if (!pod) return;
    const old = pod.info.pod;
    pod.info = info;
    const event: ClusterEvent = {
      resource: 'Pod',
      actions: podActions(old, info.pod),
      old,
      now: info.pod,
    };
    if (this.#inFlight.has(pod.key)) this.#remember(pod.key, event);
    else if (this.#waiting.has(pod.key)) {
      // One that is held for its own preemption is woken by what happens to its victims.
      if (pod.gatedBy && pod.refusals === 0) {
        this.#waiting.delete(pod.key);
        this.#activate(pod);
      } else if (this.#helps(pod, event)) this.#wake(pod, event);
    } else {
      // Its importance may have changed.
      for (const heap of [this.#active, this.#resting, this.#failed])
        if (heap.has(pod.key)) heap.set(pod);
    }
  }

  remove(key: string): void {
    this.#all.delete(key);
    this.#inFlight.delete(key);
    this.#waiting.delete(key);
    for (const heap of [this.#active, this.#resting, this.#failed]) heap.delete(key);
  }

  /** The most important pod; when none is active, one that only rests after a refusal. */
  pop(): QueuedPod | undefined {
    const pod = this.#active.pop() ?? this.#resting.pop();
    if (!pod) return undefined;
    pod.attempts++;
    this.#inFlight.set(pod.key, { pod, events: [], overflown: false });
    return pod;
  }

  /** The attempt is past the point where events could change its outcome. */
  done(key: string): void {
    this.#inFlight.delete(key);
  }

  /** No node would do: waits for an event that may undo what it was refused for. */
  unschedulable(pod: QueuedPod, by: { plugins: Set<string>; pending: Set<string> }): void {
    if (this.#all.get(pod.key) !== pod) return;
    pod.refusedBy = by.plugins;
    pod.pendingOn = by.pending;
    pod.refusals++;
    pod.errors = 0;
    this.#layAside(pod, pod.refusals);
    const flight = this.#inFlight.get(pod.key);
    this.#inFlight.delete(pod.key);
    const helped = flight?.events.find((event) => this.#helps(pod, event));
    if (helped) this.#wake(pod, helped);
    else if (flight?.overflown) this.#rest(pod);
    else this.#hold(pod);
  }

  /** Something went wrong that is not the pod's: it is tried again after its back-off. */
  failed(pod: QueuedPod): void {
    if (this.#all.get(pod.key) !== pod) return;
    this.#inFlight.delete(pod.key);
    pod.errors++;
    this.#layAside(pod, pod.errors);
    this.#failed.set(pod);
    this.#wakeAt(pod.backoffUntil);
  }

  /** Something changed in the cluster that may help some of those that wait. */
  happened(event: ClusterEvent, except?: string): void {
    for (const key of this.#inFlight.keys()) if (key !== except) this.#remember(key, event);
    for (const pod of [...this.#waiting.values()])
      if (pod.key !== except && this.#helps(pod, event)) this.#wake(pod, event);
  }

  /** Puts a pod into the active queue at once, unless it is held back. */
  activate(key: string): void {
    const pod = this.#all.get(key);
    if (!pod || this.#inFlight.has(key)) return;
    this.#waiting.delete(key);
    for (const heap of [this.#resting, this.#failed]) heap.delete(key);
    this.#activate(pod);
  }

  /** A plug-in lets go of a pod that it held back. */
  ungate(key: string): void {
    const pod = this.#waiting.get(key);
    if (!pod?.gatedBy) return;
    this.#waiting.delete(key);
    pod.gatedBy = undefined;
    if (pod.stirred || pod.refusals === 0) this.#rest(pod);
    else this.#hold(pod);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#all.clear();
    this.#waiting.clear();
    this.#inFlight.clear();
    for (const heap of [this.#active, this.#resting, this.#failed]) while (heap.pop());
  }

  #now(): number {
    return this.#o.clock.monotonicMs();
  }

  #remember(key: string, event: ClusterEvent): void {
    const flight = this.#inFlight.get(key);
    if (!flight) return;
    if (flight.events.length < mostEvents) flight.events.push(event);
    else flight.overflown = true;
  }

  #helps(pod: QueuedPod, event: ClusterEvent): boolean {
    const { refusedBy, pendingOn, gatedBy, profile, info } = pod;
    if (gatedBy) {
      if (profile.mayHelp(info, new Set([gatedBy]), event)) return true;
      if (pod.refusals === 0) return false;
    }
    if (refusedBy.size + pendingOn.size === 0) return true;
    return profile.mayHelp(info, refusedBy, event) || profile.mayHelp(info, pendingOn, event);
  }

  #wake(pod: QueuedPod, event: ClusterEvent): void {
    this.#waiting.delete(pod.key);
    const { pendingOn, profile, info } = pod;
    const atOnce = pendingOn.size > 0 && profile.mayHelp(info, pendingOn, event);
    if (atOnce || pod.backoffUntil <= this.#now()) this.#activate(pod);
    else this.#rest(pod);
  }

  #activate(pod: QueuedPod): void {
    if (this.#gated(pod)) return;
    this.#active.set(pod);
    this.#o.ready();
  }

  #rest(pod: QueuedPod): void {
    if (pod.backoffUntil <= this.#now()) return this.#activate(pod);
    if (this.#gated(pod)) return;
    this.#resting.set(pod);
    this.#wakeAt(pod.backoffUntil);
    this.#o.ready();
  }

  /** Whether a plug-in holds the pod back; then it waits with those that wait for events. */
  #gated(pod: QueuedPod): boolean {
    const status = pod.profile.preEnqueue(pod.info);
    const again = pod.gatedBy !== undefined;
    pod.gatedBy = status?.plugin;
    if (!status) {
      pod.stirred = false;
      return false;
    }
    pod.stirred = again || pod.refusals > 0;
    this.#waiting.set(pod.key, pod);
    return true;
  }

  #hold(pod: QueuedPod): void {
    const status = pod.profile.preEnqueue(pod.info);
    pod.gatedBy = status?.plugin;
    pod.stirred = false;
    this.#waiting.set(pod.key, pod);
    this.#wakeAt(pod.asideAt + flushMs);
  }

  #layAside(pod: QueuedPod, times: number): void {
    const { firstBackoffMs, longestBackoffMs } = this.#o;
    pod.asideAt = this.#now();
    const doubled = firstBackoffMs * 2 ** Math.min(times - 1, 30);
    pod.backoffUntil = pod.asideAt + Math.min(doubled, longestBackoffMs);
  }

  #wakeAt(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#o.clock.after('scheduler.backoff', at - this.#now(), () => this.#tick());
  }

  #tick(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    const now = this.#now();
    let next = Infinity;
    for (const heap of [this.#resting, this.#failed]) {
      for (const pod of [...heap]) {
        if (pod.backoffUntil > now) next = Math.min(next, pod.backoffUntil);
        else {
          heap.delete(pod.key);
          this.#activate(pod);
        }
      }
    }
    for (const pod of [...this.#waiting.values()]) {
      if (pod.gatedBy) continue;
      if (pod.asideAt + flushMs > now) next = Math.min(next, pod.asideAt + flushMs);
      else {
        this.#waiting.delete(pod.key);
        this.#activate(pod);
      }
    }
    if (next < Infinity) this.#wakeAt(next);
  }
}
