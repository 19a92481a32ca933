import { equalAs } from '../../api/equality.ts';
import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts';
import { deepFreeze } from '../../api/object.ts';
import { timeOf } from '../../api/times.ts';
import { podStatus, type PodStatusInput } from '../status/pod-status.ts';
import type { PodCell } from './cell.ts';
import { containerNamed, isFinished, isStatic } from './model.ts';
import { contradicts } from './news.ts';
import type { TellPorts } from './ports.ts';
import { probeViews } from './probe-views.ts';
import { allocatedPod, resizeConditions } from './resize.ts';
import type { PodState } from './state.ts';

const sayAgainMs = 5000;

/** Where probes and hooks reach the pod; empty = nowhere yet. */
export function podIPOf(pod: Pod, state: PodState, hostIPs: string[]): string {
  if (pod.spec.hostNetwork) return hostIPs[0] ?? '';
  return state.runtime.sandboxes[0]?.ips[0] ?? '';
}

/** Makes the status of one pod, and hands it on. */
export class Teller {
  readonly #cell: PodCell;
  readonly #ports: TellPorts;
  #saidAgainMs = -Infinity;

  constructor(cell: PodCell, ports: TellPorts) {
    this.#cell = cell;
    this.#ports = ports;
  }

  /** By the status that would be told now, the pod is Succeeded or Failed. */
  finished(): boolean {
    const { phase } = podStatus(this.#input(false));
    return phase === 'Succeeded' || phase === 'Failed';
  }

  /**
   * Makes the status again and hands it on if it differs. `allEnded`: nothing will be started any
   * more.
   */
  tell(allEnded: boolean): void {
    const { pod, state } = this.#cell;
    if (state.deleted) return;
    const { probes, logs, node } = this.#ports;
    probes.sync(pod, probeViews(pod, state), podIPOf(pod, state, node.hostIPs()));
    logs.sync(
      pod.metadata.uid!,
      state.runtime.containers.filter((c) => c.state === 'running'),
    );
    const next = podStatus(this.#input(allEnded));
    const runs = state.runtime.containers.some(
      (c) => c.state === 'running' || c.state === 'unknown',
    );
    if (runs && (next.phase === 'Succeeded' || next.phase === 'Failed') && !isFinished(pod)) {
      // Succeeded and Failed are reported only when nothing runs any more.
      next.phase = state.status.phase ?? 'Pending';
      delete next.reason;
      delete next.message;
    }
    if (
      equalAs('@core.v1.PodStatus', next, state.status) &&
      state.status !== pod.status &&
      !this.#saysAgain(next)
    )
      return;
    this.#cell.change({ status: deepFreeze(next) });
    this.again();
  }

  /** Shows the present status again, to a mirror pod that has just come. */
  again(): void {
    const { pod, state } = this.#cell;
    const shown = isStatic(pod) ? this.#ports.objects.mirrorOf(pod) : pod;
    if (shown) this.#ports.writer.put(shown, state.status);
  }

  /**
   * Another writer has changed one of our conditions. Node lifecycle does so again and again while
   * the node is not ready: it is written back every 5 s at most.
   */
  #saysAgain(next: PodStatus): boolean {
    if (!contradicts(this.#cell.pod, next)) return false;
    const now = this.#ports.clock.monotonicMs();
    const waitMs = this.#saidAgainMs + sayAgainMs - now;
    if (waitMs > 0) this.#cell.later(waitMs);
    else this.#saidAgainMs = now;
    return waitMs <= 0;
  }

  #input(terminal: boolean): PodStatusInput {
    const { pod, state } = this.#cell;
    const { probes, node, clock } = this.#ports;
    const spec = (name: string) => containerNamed(pod, name)!;
    const { verdict } = state;
    return {
      pod: allocatedPod(pod, state.resize),
      old: state.status,
      runtime: state.runtime,
      waiting: state.waiting,
      probes: {
        started: (id: string, name: string) => probes.isStarted(spec(name), id),
        ready: (id: string, name: string) => probes.isReady(spec(name), id),
      },
      hostIPs: node.hostIPs(),
      now: timeOf(clock.now()),
      startTime: state.startTime,
      terminal,
      ...(verdict &&
        terminal && {
          verdict: { phase: 'Failed', reason: verdict.reason, message: verdict.message },
        }),
      extra: [
        ...resizeConditions(state.resize),
        ...(verdict?.condition ? [verdict.condition] : []),
      ],
      resources: ({ id }) => state.resize.inForce.get(id),
    };
  }
}
