import type { Node, Pod, Service } from '../api/generated/types/core-v1.ts';
import type { Mirror } from '../client/client.ts';
import { eventRecorder } from '../client/events.ts';
import { refs } from '../client/refs.ts';
import { AgentMetrics } from './agent-metrics.ts';
import { agentView, Ended } from './agent-view.ts';
import { assemble } from './assemble.ts';
import { followTasks } from './containerd/task-events.ts';
import { feedPods } from './feed-pods.ts';
import { startHousekeeping } from './housekeeping.ts';
import { openRuntime } from './containerd/open-runtime.ts';
import { realMachine } from './machine.ts';
import { startOwnNode, type OwnNode } from './own-node.ts';
import type { Agent, AgentOptions } from './options.ts';
import { openNodePort, type NodePort } from './server/node-port.ts';
import { Shells } from './shell/shells.ts';
import { startNodeServer } from './server/server.ts';
import { endPods, shuttingDown } from './shutdown.ts';
import type { NodeView } from './server/node-view.ts';

export type { Agent, AgentOptions } from './options.ts';

/** Backstop for events that were lost; everything else is pushed. */
const relistMs = 300_000;

/**
 * Starts the node's agent. Resolves when pods can be started; `ready` tells when the node is
 * registered. `open`: a simulation's runtime instead of containerd.
 */
export async function createAgent(told: AgentOptions, open = openRuntime): Promise<Agent> {
  const metrics = new AgentMetrics(told.clock);
  const options: AgentOptions = { ...told, metrics };
  const { clock, log, mirrors, nodeName, machine = realMachine(options) } = options;
  const nodes = mirrors.of<Node>(refs.nodes, { fieldSelector: `metadata.name=${nodeName}` });
  const pods = mirrors.of<Pod>(refs.pods, { fieldSelector: `spec.nodeName=${nodeName}` });
  const services = mirrors.of<Service>(refs.services);
  const synced = { done: false };
  const whenSynced = Promise.all([pods.synced, services.synced]).then(
    () => void (synced.done = true),
  );
  const events = eventRecorder({
    client: options.client,
    clock,
    log: log.named('events'),
    component: 'kubelet',
    host: nodeName,
  });
  const about = { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName };
  let ownNode: OwnNode | undefined;
  const imageFailed = (file: string, message: string): void =>
    events.warning(about, 'ImageImportFailed', `${file} was not imported: ${message}`);
  const runtime = await open(
    { ...options, imageFailed },
    {
      tell: (reason, message) => events.warning(about, reason, message),
      changed: () => ownNode?.update(),
    },
  );
  // The Node is told of at once; its network may still be starting.
  ownNode = await startOwnNode({ ...options, machine, runtime, nodes });
  const network = (await options.network) ?? {};
  const parts = await assemble({
    ...{ options, machine, runtime, network, ownNode, events, nodes, pods, services, synced },
  });
  const { set } = parts;
  const ended = new Ended();
  const view = agentView({
    nodeName,
    pauseImage: options.pauseImage,
    cri: runtime.cri,
    down: () => runtime.health.down,
    pods: set,
    clock,
    config: configOf(options),
    ended,
    terminated: parts.terminated,
    metrics,
    counting: { disk: options.disk, cgroups: parts.cgroups },
    localPaths: parts.localPaths,
    knowsPods: () => synced.done,
    claims: () => parts.volumes.standingClaims(),
  });
  await set.look();
  const stopEvents = followTasks(runtime.containerd, clock, log.named('containerd'), {
    exited: (id) => {
      set.exited(id);
      ended.tell(id);
    },
    connected: () => {
      void runtime.found().then(() => {
        set.relist();
        ownNode.update();
      });
    },
    lost: () => runtime.lost(),
  });
  const relist = clock.every('agent.relist', relistMs, () => set.relist());
  ownNode.onNetworkReady(() => set.wake());
  const server = await openPort(options, view);
  const stopTroubles = options.troubles?.onChange(() => ownNode.update());
  const stopFeed = await feedPods({ options, parts, pods, synced, whenSynced });
  const stopHousekeeping = startHousekeeping({
    ...options,
    cri: runtime.cri,
    pods: set,
    volumes: parts.volumes,
    events,
    machine,
    node: about,
    pinned: () => runtime.pinned(),
    pressure: (now) => ownNode.pressure(now),
    logRoot: ownNode.facts.logRoot,
    log: log.named('gc'),
  });
  return {
    view,
    port: server?.port ?? 0,
    ready: ownNode.ready,
    lacks: async () => {
      if (!synced.done && !parts.offline.now) return 'the pods of this node are not known yet';
      return await ownNode.lacks();
    },
    readdress: () => {
      ownNode.update();
      set.wake();
    },
    renewCertificate: (tls) => server?.renew(tls),
    endPods: async () => {
      const grace = options.kubelet?.shutdown;
      if (!grace || grace.totalMs === 0) return;
      set.close(shuttingDown.refusal);
      ownNode.close(shuttingDown.node);
      await endPods({ pods: set, events, clock, log: log.named('shutdown') }, grace);
    },
    stop: async () => {
      await server?.close();
      relist.cancel();
      stopTroubles?.();
      for (const stop of [stopEvents, stopFeed, stopHousekeeping]) stop();
      ownNode.stop();
      await set.stop();
      parts.stop();
      for (const mirror of [nodes, pods, services] as Mirror<object>[]) mirror.stop();
      runtime.leave();
    },
  };
}

/** The node's HTTPS port, if it is to have one. */
async function openPort(options: AgentOptions, view: NodeView): Promise<NodePort | undefined> {
  const { listen, troubles, clock } = options;
  if (!listen) return undefined;
  const log = options.log.named('kubelet');
  const shells = options.disableShell
    ? undefined
    : new Shells({ ...options, log: options.log.named('shell') });
  return await openNodePort({
    tls: listen.tls,
    listen: (tls) =>
      startNodeServer({ ...options, ...listen, tls, view, dataDir: options.agentDir, log, shells }),
    trouble: (why) => troubles?.set('PortTaken', 'kubelet', why),
    clock,
    log,
  });
}

/** /configz, in the names of kubelet.config.k8s.io/v1beta1. */
function configOf(options: AgentOptions): Record<string, unknown> {
  const { logs, imageGc, seccompDefault } = options.kubelet ?? {};
  return {
    kind: 'KubeletConfiguration',
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    maxPods: options.maxPods,
    clusterDNS: options.clusterDns,
    clusterDomain: options.clusterDomain,
    cgroupDriver: 'cgroupfs',
    containerLogMaxSize: logs?.maxBytes === undefined ? '10Mi' : String(logs.maxBytes),
    containerLogMaxFiles: logs?.maxFiles ?? 5,
    imageGCHighThresholdPercent: Math.round((imageGc?.highShare ?? 0.85) * 100),
    imageGCLowThresholdPercent: Math.round((imageGc?.lowShare ?? 0.8) * 100),
    seccompDefault: seccompDefault === true,
  };
}
