import type { Lease } from '../../api/generated/types/coordination-v1.ts';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Clock } from '../../io/clock.ts';
import { orUndefined } from '../own-objects.ts';
import type { OwnNode } from '../node.ts';
import type { Before } from './trial.ts';
import type { Look } from './verdict.ts';

/** A server that has not answered by then does not answer. */
const answersWithinMs = 5000;

export interface LookedAt {
  client: Client;
  nodeName: string;
  before: Before[];
  /** Whether the machine has started since `before` was written. */
  rebooted: boolean;
  /** When this executable began. */
  sinceMs: number;
}

/** A server: its API answers, its node is Ready, and every pod runs on. */
export async function lookAtServer(about: LookedAt & { hasNode: boolean }): Promise<Look> {
  const { client, before, rebooted, hasNode } = about;
  if (!hasNode) return found(undefined);
  const fault = await nodeFault(about);
  if (fault !== undefined) return found(fault);
  for (const one of before) {
    const named = { namespace: one.namespace, name: one.pod };
    const pod = await orUndefined(client.get<Pod>(refs.pods, named));
    const lost = podFault(one, pod, { rebooted });
    if (lost !== undefined) return found(lost);
  }
  return found(undefined);
}

/**
 * An agent. By itself: its pods run on, and its runtime, its network and its ports are there. Then
 * a server has to find its node Ready; none that answers is no fault of this node's.
 */
export async function lookAtAgent(
  about: LookedAt & { node: Pick<OwnNode, 'pods' | 'lacks'>; clock: Clock },
): Promise<Look> {
  const { node, before, rebooted, clock } = about;
  const own = await node.lacks();
  if (own !== undefined) return found(own);
  const pods = node.pods();
  for (const one of before) {
    const pod = pods.find(({ metadata }) => metadata.uid === one.uid);
    const lost = podFault(one, pod, { rebooted });
    if (lost !== undefined) return found(lost);
  }
  const silent = async (): Promise<never> => {
    await clock.sleep('upgrade', answersWithinMs);
    throw new Error('none in time');
  };
  try {
    return found(await Promise.race([nodeFault(about), silent()]));
  } catch (error) {
    return { fault: `no server answers: ${messageOf(error)}`, away: true };
  }
}

const found = (fault: string | undefined): Look => ({ fault, away: false });

/** Why a server does not find the node Ready; throws when none tells. */
async function nodeFault({ client, nodeName, sinceMs }: LookedAt): Promise<string | undefined> {
  const node = await client.get<Node>(refs.nodes, { name: nodeName });
  const ready = node.status.conditions?.find((c) => c.type === 'Ready');
  if (ready?.status !== 'True') return `node ${nodeName} is not Ready: ${ready?.message ?? ''}`;
  const lease = { namespace: 'kube-node-lease', name: nodeName };
  const { spec } = await client.get<Lease>(refs.leases, lease);
  return Date.parse(spec?.renewTime ?? '') < sinceMs
    ? `node ${nodeName} has sent no heartbeat since the upgrade`
    : undefined;
}

/**
 * Why a pod is not what it was; undefined when it is, or when somebody wants it gone. No container
 * outlives a reboot: what ran before it has to run again.
 */
export function podFault(
  before: Before,
  pod: Pod | undefined,
  { rebooted }: { rebooted: boolean },
): string | undefined {
  if (!pod || pod.metadata.uid !== before.uid || pod.metadata.deletionTimestamp !== undefined)
    return undefined;
  if (pod.status.phase === 'Succeeded') return undefined;
  const all = [
    ...(pod.status.containerStatuses ?? []),
    ...(pod.status.initContainerStatuses ?? []),
  ];
  for (const [name, id] of Object.entries(before.containers)) {
    const now = all.find((status) => status.name === name);
    if (now?.state?.running === undefined || (now.containerID === id) === rebooted)
      return (
        `container ${name} of pod ${before.namespace}/${before.pod} does not run ` +
        `${rebooted ? 'again' : 'on'}`
      );
  }
  return undefined;
}

/** What runs of these pods. One that is not well before an upgrade says nothing about it. */
export function runningBefore(pods: Pod[]): Before[] {
  return pods.flatMap((pod): Before[] => {
    const containers: Record<string, string> = {};
    for (const status of [
      ...(pod.status.containerStatuses ?? []),
      ...(pod.status.initContainerStatuses ?? []),
    ])
      if (status.state?.running && status.ready && status.containerID)
        containers[status.name] = status.containerID;
    const { namespace = '', name = '', uid = '', deletionTimestamp } = pod.metadata;
    const gone = deletionTimestamp !== undefined || Object.keys(containers).length === 0;
    return gone ? [] : [{ namespace, pod: name, uid, containers }];
  });
}
