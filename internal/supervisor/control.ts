import type { ApiServer } from '../apiserver/api-server.ts';
import type { ResourceRef } from '../api/object.ts';
import type { MetricSet } from '../base/metrics/metric-set.ts';
import { electLeader } from '../client/leader-election.ts';
import type { Mirrors } from '../client/mirrors.ts';
import type { Controller, ControllerContext, NodeCall } from '../controllers/context.ts';
import { startLocalPath } from '../controllers/localpath/local-path.ts';
import { startControllers } from '../controllers/start.ts';
import type { SchedulerConfiguration } from '../scheduler/config/configuration.ts';
import { startScheduler } from '../scheduler/scheduler.ts';
import type { ServerIdentities } from '../pki/authorities.ts';
import { signRequest } from '../pki/sign-request.ts';
import type { ServerConfig } from './config.ts';
import type { Doors } from './doors.ts';
import { gatewaysWhenServed } from './gateway.ts';
import { helmWhenServed } from './helm.ts';
import type { Part } from './running.ts';
import { ingressDisabled } from './node-ingress.ts';
import { kubeletPort } from './node.ts';
import { upgradePlansWhenServed } from './upgrade-plans.ts';
import { schedulerConfiguration } from './scheduler-file.ts';

export interface ControlOptions {
  config: ServerConfig;
  doors: Doors;
  api: ApiServer;
  mirrors: Mirrors;
  identities: ServerIdentities;
  /**
   * Who this server is among those that share the store; undefined when it is alone, and leads
   * without asking.
   */
  identity: string | undefined;
}

/** Clients and peers of the etcd beside. */
const etcdPorts = [2379, 2380];
/** Tokens in Secrets have no end of their own; the Secret's deletion ends them. */
const legacyTokenSeconds = 10 * 365 * 24 * 3600;

/**
 * Scheduler and controllers, each as the user that upstream runs it as; of several servers, on one.
 */
export async function startControl(options: ControlOptions): Promise<Part[]> {
  const { config, doors } = options;
  const parts: Part[] = [];
  // Read before anybody leads: a wrong file ends the start, not a later election.
  const configuration = await schedulerConfiguration(config.scheduler ?? {}, doors);
  if (!config.disableControllers)
    parts.push(
      await leading(options, 'kube-controller-manager', () =>
        Promise.resolve(controllers(options)),
      ),
    );
  if (!config.disableScheduler)
    parts.push(await leading(options, 'kube-scheduler', () => scheduler(options, configuration)));
  return parts;
}

async function leading(
  { identity, api, doors, mirrors }: ControlOptions,
  name: string,
  lead: () => Promise<Part>,
): Promise<Part> {
  if (identity === undefined) return await lead();
  const client = api.inProcess({ name: `system:${name}`, groups: [] });
  const election = electLeader({
    ...doors,
    client,
    mirrors,
    log: doors.log.named('election'),
    namespace: 'kube-system',
    name,
    identity,
    lead,
  });
  return { name, stop: () => election.stop() };
}

async function scheduler(
  { doors, api, mirrors }: ControlOptions,
  configuration: SchedulerConfiguration,
): Promise<Part> {
  const client = api.inProcess({ name: 'system:kube-scheduler', groups: [] });
  const started = await startScheduler({
    ...doors,
    client,
    mirrors,
    configuration,
    log: doors.log.named('scheduler'),
    ...counting(api),
  });
  return { name: 'scheduler', stop: () => started.stop() };
}

/** What its own process does is told on the API server's /metrics, as k3s has it. */
const counting = ({ server }: ApiServer): { metrics?: MetricSet } => {
  const { metrics } = server.options;
  return metrics ? { metrics } : {};
};

/** Asks a node's port as the API server does, through the node's tunnel where it has one. */
function nodeCalls(api: ApiServer): NodeCall {
  const client = api.inProcess({ name: 'system:skiff', groups: ['system:masters'] });
  return (node, method, path) =>
    client.raw({ method, path: `/api/v1/nodes/${encodeURIComponent(node)}/proxy${path}` });
}

function controllers({ config, doors, api, mirrors, identities }: ControlOptions): Part {
  const context: ControllerContext = {
    ...doors,
    clientFor: (name) => api.inProcess(controllerUser(name)),
    managerClient: api.inProcess({ name: 'system:kube-controller-manager', groups: [] }),
    mirrors,
    log: doors.log.named('controllers'),
    ...counting(api),
    resources: () => preferredResources(api),
    onResourcesChange: (changed) => api.server.core.resources.onChange(changed),
    rootCa: identities.serverCa.cert,
    clusterCidr: config.clusterCidr,
    clusterPorts: [config.httpsListenPort, kubeletPort, ...etcdPorts],
    ...config.controllers,
    // Serving certificates of kubelets are vouched for by the authority that clients of the server
    // trust.
    signCertificate: (request) =>
      signRequest({
        ...request,
        ca:
          request.signerName === 'kubernetes.io/kubelet-serving'
            ? identities.serverCa
            : identities.clientCa,
        nowMs: doors.clock.now(),
        earliestMs: doors.clock.earliestMs(),
        random: doors.random,
      }),
    issueServiceAccountToken: async (account) => {
      const { secretName, secretUid, ...subject } = account;
      const issued = await api.server.tokens.issue(
        { ...subject, secret: { name: secretName, uid: secretUid } },
        {
          audiences: api.server.tokens.audiences,
          seconds: legacyTokenSeconds,
          jti: doors.random.uuid(),
        },
      );
      return issued.token;
    },
  };
  const without = [
    ...(config.disable.includes('servicelb') ? ['service-lb'] : []),
    ...(ingressDisabled(config.disable) ? ['ingress'] : []),
    ...(config.disableCloudController ? ['cloud-node'] : []),
  ];
  const running: Pick<Controller, 'stop'>[] = [startControllers(context, { without })];
  if (!config.disable.includes('local-storage'))
    running.push(startLocalPath(context, nodeCalls(api)));
  if (!config.disableHelm)
    running.push(helmWhenServed({ config, doors, api, identities, context }));
  if (!config.disable.includes('system-upgrade'))
    running.push(
      upgradePlansWhenServed({
        ...{ api, context, nodes: nodeCalls(api), dial: doors.dial },
        authority: identities.serverCa,
      }),
    );
  if (!ingressDisabled(config.disable)) running.push(gatewaysWhenServed(api, context));
  return { name: 'controllers', stop: () => running.forEach((one) => one.stop()) };
}

function controllerUser(name: string): { name: string; groups: string[] } {
  return {
    name: `system:serviceaccount:kube-system:${name}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system'],
  };
}

/** One version of every kind that can be listed, watched and deleted: the first that is served. */
function preferredResources(api: ApiServer): ResourceRef[] {
  const found = new Map<string, ResourceRef>();
  for (const served of api.server.core.resources.all()) {
    const key = `${served.group}/${served.resource}`;
    if (found.has(key) || !['list', 'watch', 'delete'].every((verb) => served.verbs.includes(verb)))
      continue;
    const { group, version, resource, kind, namespaced } = served;
    found.set(key, { group, version, resource, kind, namespaced });
  }
  return [...found.values()];
}
