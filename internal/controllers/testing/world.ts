import type { Pod } from '../../api/generated/types/core-v1.ts';
import { deepCopy } from '../../api/object.ts';
import { Outcome } from '../kit/carry-out.ts';
import { writesOf, type Plan, type Write, type Written } from '../kit/write.ts';

export const nowMs = Date.UTC(2026, 0, 2);
const longAgo = '2026-01-01T00:00:00Z';
export const ready = { type: 'Ready', status: 'True', lastTransitionTime: longAgo };

/** Objects by uid, for plans that are carried out without a server. */
export class World {
  readonly objects = new Map<string, Written & { kind?: string }>();
  #made = 0;

  add<T extends object>(object: T): T {
    const copy = deepCopy(object) as Written & { kind?: string };
    const n = (this.#made += 1);
    copy.metadata.uid ??= `uid-${n}`;
    copy.metadata.name ??= `${copy.metadata.generateName ?? 'x-'}${n}`;
    copy.metadata.creationTimestamp ??= longAgo;
    copy.metadata.resourceVersion = String(n);
    this.objects.set(copy.metadata.uid, copy);
    return copy as T;
  }

  pods(): Pod[] {
    return [...this.objects.values()].filter((o) => o.kind === 'Pod') as Pod[];
  }

  /** Carries out a plan one write at a time; `each` looks at every state in between. */
  carryOut(plan: Plan, each: (write: Write) => void = () => undefined): Outcome {
    const outcome = new Outcome();
    for (const write of writesOf(plan)) {
      outcome.add(write, this.#perform(write));
      each(write);
    }
    return outcome;
  }

  #perform(write: Write): Written {
    if (write.verb === 'create') return this.add(write.object as Written);
    const { uid } = write.object.metadata;
    const present = this.objects.get(uid!);
    if (write.verb === 'deleteCollection') return write.object;
    if (write.verb === 'delete') {
      this.objects.delete(uid!);
      return write.object;
    }
    if (write.verb === 'update') {
      this.objects.set(uid!, deepCopy(write.object));
      return write.object;
    }
    return present ?? write.object;
  }

  /** What the kubelet would do: pods run and are ready. */
  makeReady(which: (pod: Pod) => boolean = () => true): void {
    for (const pod of this.pods()) {
      if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') continue;
      if (!which(pod)) continue;
      const next = { ...pod, status: { ...pod.status, phase: 'Running', conditions: [ready] } };
      this.objects.set(pod.metadata.uid!, next);
    }
  }

  setPhase(pod: Pod, phase: string): void {
    const next = { ...pod, status: { ...pod.status, phase, conditions: [] } };
    this.objects.set(pod.metadata.uid!, next as Pod);
  }
}

export const isReadyPod = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
