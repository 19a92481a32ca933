import { startDevServer, type DevServer } from '../apiserver/dev.ts';
import type { Pod } from '../api/generated/types/core-v1.ts';
import type { ResourceRef } from '../api/object.ts';
import type { Client } from '../client/client.ts';
import { mirrorFactory, type Mirrors } from '../client/mirrors.ts';
import { refs } from '../client/refs.ts';
import { timeOf } from '../api/times.ts';
import { realClock } from '../io/clock.ts';
import { silentLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { isApiError } from './owners.ts';
import { startControllers } from './start.ts';

/**
 * The real API server in this process, all controllers with their real accounts, and a node that
 * only pretends.
 */
export interface LiveCluster {
  admin: Client;
  as(user: { name: string; groups: string[] }): Client;
  mirrors: Mirrors;
  /** What the pretended node makes of a pod with the label `outcome: <name>`. */
  outcomes: Map<string, (pod: Pod) => object>;
  stop(): Promise<void>;
}

const nodeName = 'pretended';

export async function liveCluster(): Promise<LiveCluster> {
  const dev = await startDevServer();
  const manager = dev.api.inProcess({ name: 'system:kube-controller-manager', groups: [] });
  const mirrors = mirrorFactory(manager, realClock, silentLog);
  const controllers = startControllers({
    clientFor: (name) =>
      dev.api.inProcess({
        name: `system:serviceaccount:kube-system:${name}`,
        groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system'],
      }),
    managerClient: manager,
    mirrors,
    clock: realClock,
    log: silentLog,
    random: realRandom,
    resources: () => served(dev),
    onResourcesChange: (changed) => dev.api.server.core.resources.onChange(changed),
    rootCa: dev.ca.cert,
    clusterCidr: '10.42.0.0/16',
  });
  const admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  const now = timeOf(realClock.now());
  await admin.create(refs.nodes, { metadata: { name: nodeName } });
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: '',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  await admin.patch(
    refs.nodes,
    { name: nodeName, subresource: 'status' },
    { type: 'merge', body: { status: { conditions: [ready] } } },
  );
  const outcomes: LiveCluster['outcomes'] = new Map();
  pretendNode(admin, mirrors, outcomes);
  return {
    admin,
    as: (user) => dev.api.inProcess(user),
    mirrors,
    outcomes,
    stop: async () => {
      controllers.stop();
      mirrors.stop();
      await dev.api.close();
    },
  };
}

function served(dev: DevServer): ResourceRef[] {
  const found = new Map<string, ResourceRef>();
  for (const {
    group,
    version,
    resource,
    kind,
    namespaced,
    verbs,
  } of dev.api.server.core.resources.all()) {
    const key = `${group}/${resource}`;
    if (!found.has(key) && ['list', 'watch', 'delete'].every((v) => verbs.includes(v)))
      found.set(key, { group, version, resource, kind, namespaced });
  }
  return [...found.values()];
}

/** Binds pods, runs them or ends them as their label `outcome` says, and lets deleted ones go. */
function pretendNode(admin: Client, mirrors: Mirrors, outcomes: LiveCluster['outcomes']): void {
  let host = 1;
  const serve = async (pod: Pod): Promise<void> => {
    const target = { namespace: pod.metadata.namespace, name: pod.metadata.name! };
    if (!pod.spec.nodeName) {
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: target,
        target: { kind: 'Node', name: nodeName },
      };
      await admin.create(refs.pods, binding, { ...target, subresource: 'binding' });
    } else if (pod.metadata.deletionTimestamp) {
      await admin.delete(refs.pods, target, { gracePeriodSeconds: 0 });
    } else if (pod.status.phase === 'Pending') {
      const time = timeOf(realClock.now());
      const podIP = `10.42.0.${(host += 1)}`;
      const running = {
        phase: 'Running',
        podIP,
        podIPs: [{ ip: podIP }],
        startTime: time,
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: time }],
      };
      const status = outcomes.get(pod.metadata.labels?.['outcome'] ?? '')?.(pod) ?? running;
      await admin.patch(
        refs.pods,
        { ...target, subresource: 'status' },
        { type: 'merge', body: { status } },
      );
    }
  };
  mirrors.of<Pod>(refs.pods).onChange(({ type, object }) => {
    if (type !== 'DELETED')
      void serve(object).catch((error: unknown) => {
        if (!isApiError(error, 'NotFound', 'Conflict', 'Invalid')) throw error;
      });
  });
}
