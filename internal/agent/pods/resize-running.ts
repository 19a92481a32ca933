import type { Container } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { containerResources } from '../config/resources.ts';
import type { PodCell } from './cell.ts';
import type { StartPorts } from './ports.ts';
import { widened } from './resize.ts';
import type { Step } from './steps.ts';

type Ports = Pick<StartPorts, 'cri' | 'cgroups' | 'events' | 'node'>;

/** Brings running containers to what was granted, in a pod group that has room for both. */
export async function performResize(
  cell: PodCell,
  ports: Ports,
  { work, allocated }: Extract<Step, { do: 'resize' }>,
): Promise<void> {
  await ports.cgroups.ensure(widened(allocated, cell.pod));
  for (const { container, id } of work.updates) {
    const linux = { ...containerResources(allocated, container, ports.node.facts()) };
    // These cannot change while a container runs.
    delete linux.oomScoreAdj;
    delete linux.hugepageLimits;
    try {
      await ports.cri.updateContainerResources({ containerId: id, linux });
    } catch (error) {
      failed(cell, ports, error);
      throw error;
    }
    inForce(cell, id, container);
  }
  await ports.cgroups.ensure(allocated);
}

function inForce({ state, change }: PodCell, id: string, { resources }: Container): void {
  const known = new Map(state.resize.inForce).set(id, resources ?? {});
  change({ resize: { ...state.resize, inForce: known } });
}

function failed({ pod, state, change }: PodCell, { events }: Ports, error: unknown): void {
  const message = messageOf(error);
  change({
    resize: {
      ...state.resize,
      progress: {
        type: 'PodResizeInProgress',
        status: 'True',
        reason: 'Error',
        message,
        observedGeneration: pod.metadata.generation,
      },
    },
  });
  events.warning(pod, 'ResizeError', `Pod resize error: ${message}`);
}
