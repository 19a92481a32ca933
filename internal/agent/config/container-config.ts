import type { Container, Pod } from '../../api/generated/types/core-v1.ts';
import {
  Signal,
  type ContainerConfig,
  type Device,
  type Mount,
  type UserNamespace,
} from '../../wire/cri/cri.ts';
import { expandAll } from '../env/expand.ts';
import { containerAnnotations, containerLabels } from './labels.ts';
import type { NodeFacts } from './node-facts.ts';
import { containerResources } from './resources.ts';
import { containerSecurity, type ImageUser } from './security.ts';

export interface ContainerInput {
  pod: Pod;
  container: Container;
  node: NodeFacts;
  restartCount: number;
  /** What the container should run: the reference that the runtime gave the pulled image. */
  image: ImageUser & { ref: string };
  environment: ReadonlyMap<string, string>;
  mounts: Mount[];
  devices?: Device[];
  userNamespace?: UserNamespace;
  /** For an ephemeral container: the id of the container whose processes it should see. */
  targetId?: string;
}

/**
 * What CreateContainer is told. Throws with the kubelet's words when the pod asks for what cannot
 * be.
 */
export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, node, restartCount } = input;
  const userNamespace = input.userNamespace;
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: input.image.ref, userSpecifiedImage: container.image ?? '' },
    command: expandAll(container.command, input.environment),
    args: expandAll(container.args, input.environment),
    workingDir: container.workingDir ?? '',
    envs: [...input.environment].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: userNamespace
      ? input.mounts.map((m) => ({
          ...m,
          uidMappings: userNamespace.uids,
          gidMappings: userNamespace.gids,
        }))
      : input.mounts,
    devices: input.devices ?? [],
    labels: containerLabels(pod, container),
    annotations: containerAnnotations(pod, container, restartCount),
    logPath: `${container.name}/${restartCount}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: containerResources(pod, container, node),
      securityContext: containerSecurity(input),
    },
    ...stopSignal(container),
  };
}

function stopSignal(container: Container): { stopSignal?: Signal } {
  const name = container.lifecycle?.stopSignal;
  const known = new Map<string, number>(Object.entries(Signal));
  const signal = name === undefined ? undefined : known.get(name);
  return signal === undefined ? {} : { stopSignal: signal };
}
