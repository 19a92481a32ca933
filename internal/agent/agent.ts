import type { Node, Pod, Service } from '../api/generated/types/core-v1.ts';
import type { RuntimeClass } from '../api/generated/types/node-v1.ts';
import { messageOf } from '../base/errors.ts';
import type { Mirror } from '../client/client.ts';
import { eventRecorder, type EventRecorder } from '../client/events.ts';
import { refs } from '../client/refs.ts';
import { makeMounts } from '../io/mounts.ts';
import { realTree } from '../io/tree.ts';
import { agentView, Ended } from './agent-view.ts';
import { openCgroups } from './cgroups/cgroups.ts';
import { followTasks } from './containerd/task-events.ts';
import { openRuntime, type OpenedRuntime } from './containerd/open-runtime.ts';
import { startHousekeeping } from './housekeeping.ts';
import { ImagePuller } from './images/image-puller.ts';
import { MirrorPods } from './mirror-pods.ts';
import { startNodeHeart, type NodeHeart } from './node-heart.ts';
import type { Agent, AgentOptions } from './options.ts';
import { BackOff } from './pods/back-off.ts';
import type { PodDeps } from './pods/deps.ts';
import { DesiredPods } from './pods/desired.ts';
import { totalOf } from './pods/resize.ts';
import { isMirror } from './pods/model.ts';
import { PodSet } from './pods/pod-set.ts';
import { RuntimeReader } from './pods/runtime-reader.ts';
import { Probes } from './probes/probes.ts';
import type { ProbeDoors } from './probes/run-probe.ts';
import { startNodeServer } from './server/server.ts';
import { watchStaticPods } from './static-pods/watch.ts';
import { StatusWriter } from './status/status-writer.ts';
import { mountImage } from './volumes/image-volume.ts';
import { References } from './volumes/references.ts';
import { Volumes } from './volumes/volumes.ts';

export type { Agent, AgentOptions } from './options.ts';

/** The server may be starting beside us: only after this long do pods start from what the disk remembers. */
const offlineAfterMs = 3000;
/** Backstop for events that were lost; everything else is pushed. */
const relistMs = 300_000;

/** Starts the node's agent. Resolves when pods can be started; `ready` tells when the node is registered. */
export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { clock, log, mirrors } = options;
  const nodes = mirrors.of<Node>(refs.nodes);
  const pods = mirrors.of<Pod>(refs.pods, { fieldSelector: `spec.nodeName=${options.nodeName}` });
  const services = mirrors.of<Service>(refs.services);
  const synced = new Synced([pods, services]);
  const events = eventRecorder({ client: options.client, clock, log: log.named('events'), component: 'kubelet', host: options.nodeName });
  const runtime = await openRuntime(options);
  const heart = await startNodeHeart({ ...options, runtime, nodes });
  const parts = await assemble({ options, runtime, heart, events, nodes, pods, services, synced });
  const { set, desired, stops, view } = parts;
  await set.look();
  stops.push(followTasks(runtime.containerd, clock, log.named('containerd'), {
    exited: (id) => {
      set.exited(id);
      parts.ended.tell(id);
    },
    connected: () => set.relist(),
    lost: () => runtime.check(),
  }));
  const relist = clock.every('agent.relist', relistMs, () => set.relist());
  heart.onNetworkReady(() => set.wake());
  const server = options.listen ? await startNodeServer({ view, dataDir: options.agentDir, version: options.version, clock, disk: options.disk, dial: options.dial, log: log.named('kubelet'), client: options.client, ...options.listen }) : undefined;
  const feed = feedPods({ options, parts, pods, synced });
  stops.push(
    () => relist.cancel(),
    startHousekeeping({ ...options, cri: runtime.cri, pods: set, volumes: parts.volumes, events, tree: realTree, node: { kind: 'Node', apiVersion: 'v1', name: options.nodeName, uid: options.nodeName }, pinned: () => runtime.pinned(), pressure: (now) => heart.pressure(now), log: log.named('gc') }),
  );
  return {
    view,
    port: server?.port ?? 0,
    ready: heart.ready,
    stop: async () => {
      await server?.close();
      for (const stop of stops) stop();
      (await feed)();
      heart.stop();
      await set.stop();
      await desired.flushed();
      for (const mirror of [nodes, pods, services] as Mirror<object>[]) mirror.stop();
      runtime.leave();
    },
  };
}

/** Whether the mirrors that pods depend on have been read. */
class Synced {
  done = false;
  readonly promise: Promise<void>;

  constructor(mirrors: Mirror<never>[] | { synced: Promise<void> }[]) {
    this.promise = Promise.all(mirrors.map((m) => m.synced)).then(() => {
      this.done = true;
    });
  }
}

interface AssembleInput {
  options: AgentOptions;
  runtime: OpenedRuntime;
  heart: NodeHeart;
  events: EventRecorder;
  nodes: Mirror<Node>;
  pods: Mirror<Pod>;
  services: Mirror<Service>;
  synced: Synced;
}

type Parts = Awaited<ReturnType<typeof assemble>>;

async function assemble(input: AssembleInput) {
  const { options, runtime, heart, events, synced } = input;
  const { clock, disk, log, random, client, spawn } = options;
  const mounts = makeMounts(spawn, disk);
  const references = new References({ client, clock, log });
  const hostIPs = options.addresses.filter((a) => a.type === 'InternalIP').map((a) => a.address);
  const allocatable = (): Record<string, string> => (input.nodes.get(options.nodeName)?.status?.allocatable ?? {}) as Record<string, string>;
  const images = new ImagePuller({ cri: runtime.cri, events, clock, secret: (namespace, name) => references.secret(namespace, name) });
  const podsDir = `${options.agentDir}/pods`;
  const volumes = new Volumes({
    podsDir,
    secretsDir: `${options.agentDir}/secrets`,
    client,
    references,
    clock,
    log,
    doors: { disk, tree: realTree, mounts },
    facts: (pod) => ({ podIPs: (pod.status?.podIPs ?? []).map((p) => p.ip), hostIPs, allocatable: allocatable() }),
    imageVolume: async (pod, volume) => {
      const source = volume.image ?? {};
      const image = source.reference ?? '';
      await images.ensure({ pod, image, policy: source.pullPolicy ?? (/:[^/]+$/.test(image) && !image.endsWith(':latest') ? 'IfNotPresent' : 'Always'), about: { kind: 'Pod', apiVersion: 'v1', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid }, signal: new AbortController().signal });
      const named = (await runtime.cri.imageStatus({ image: { image } })).image;
      return mountImage(named?.repoTags[0] ?? named?.repoDigests[0] ?? image, `${podsDir}/${pod.metadata.uid}/volumes/kubernetes.io~image/${volume.name}`, { spawn, disk, mounts, ctr: runtime.ctr });
    },
  });
  await volumes.start();
  const exec: ProbeDoors['exec'] = async (containerId, cmd, timeout) => {
    const done = await runtime.cri.execSync({ containerId, cmd, timeout }, { timeoutMs: timeout > 0 ? timeout * 1000 + 5000 : 0 });
    return { exitCode: done.exitCode, output: Buffer.concat([done.stdout, done.stderr]).toString() };
  };
  const probeDoors: ProbeDoors = { clock, dial: options.dial, exec };
  const probes = new Probes({ doors: probeDoors, random, onResult: (change) => set.worker(change.uid)?.wake(), event: (pod, container, reason, message) => events.warning(containerAbout(pod, container.name), reason, message) });
  const writer = new StatusWriter({ client, clock, log: log.named('status'), gone: (uid) => set.remove(uid) });
  const deps: PodDeps = {
    cri: runtime.cri,
    reader: new RuntimeReader(runtime.cri, disk),
    client,
    images,
    volumes,
    probes,
    cgroups: await openCgroups({ disk, tree: realTree, clock, log: log.named('cgroups'), parent: options.cgroupParent }),
    writer,
    backOff: new BackOff(),
    events,
    sources: {
      configMap: (namespace, name) => references.configMap(namespace, name),
      secret: (namespace, name) => references.secret(namespace, name),
      services: () => (synced.done ? input.services.list() : offline.now ? [] : undefined),
      volumeFile: (pod, volume, path) => volumes.readFile(pod.metadata.uid!, volume, path),
    },
    mountDoors: { disk, tree: realTree, mounts, random, log },
    probeDoors,
    clock,
    log: log.named('pods'),
    facts: () => heart.facts,
    hostIPs: () => hostIPs,
    allocatable,
    runtimeHandler: async (pod) => (pod.spec.runtimeClassName ? (await client.get<RuntimeClass>(refs.runtimeClasses, { name: pod.spec.runtimeClassName })).handler : ''),
    promised: (except, resource) => [...set.workers()].filter((w) => w.uid !== except && w.phase === 'running').reduce((sum, w) => sum + totalOf(w.allocated, resource), 0n),
    mirrorOf: (pod) => {
      const shown = input.pods.get(`${pod.metadata.namespace}/${pod.metadata.name}`);
      return shown && isMirror(shown) ? shown : undefined;
    },
    hasEnded: (id) => set.hasEnded(id),
    networkReady: () => heart.networkReady,
    offline: () => !synced.done,
    done: (uid) => set.done(uid),
  };
  const offline = { now: false };
  const desired = new DesiredPods({ dir: `${options.agentDir}/desired`, disk, log });
  const node = (): Node | undefined => input.nodes.get(options.nodeName);
  const set: PodSet = new PodSet({ deps, desired, node, unsafeSysctls: options.unsafeSysctls ?? [] });
  const ended = new Ended();
  const mirrorPods = new MirrorPods({ client, pods: input.pods, set, node, log });
  const view = agentView({ nodeName: options.nodeName, cri: runtime.cri, pods: set, clock, config: { maxPods: options.maxPods, clusterDNS: options.clusterDns, clusterDomain: options.clusterDomain, containerLogMaxSize: '10Mi', containerLogMaxFiles: 5 }, ended });
  const stops: (() => void)[] = [() => probes.stop(), () => volumes.stop(), () => writer.stop()];
  return { set, desired, stops, view, volumes, ended, mirrorPods, offline };
}

function containerAbout(pod: Pod, name: string) {
  const list = pod.spec.initContainers?.some((c) => c.name === name) ? 'initContainers' : 'containers';
  return { kind: 'Pod', apiVersion: 'v1', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid, resourceVersion: pod.metadata.resourceVersion, fieldPath: `spec.${list}{${name}}` };
}

/** Desired pods: from the API as soon as it answers, from the disk while it does not, and from manifests. Returns how to stop. */
async function feedPods(input: { options: AgentOptions; parts: Parts; pods: Mirror<Pod>; synced: Synced }): Promise<() => void> {
  const { options, parts, pods, synced } = input;
  const { set, desired, mirrorPods } = parts;
  const remembered = await desired.load();
  const stopStatic = await watchStaticPods({ ...options, dir: `${options.agentDir}/pod-manifests`, node: options.nodeName, log: options.log.named('static-pods'), changed: (all) => mirrorPods.changed(all) });
  let stopPods: () => void = () => undefined;
  const timer = options.clock.after('agent.offline', offlineAfterMs, () => {
    if (synced.done) return;
    options.log.warn('the server does not answer: pods start from what this node remembers', { pods: remembered.length });
    parts.offline.now = true;
    for (const pod of remembered) if (!mirrorPods.isWanted(pod.metadata.uid!)) set.apply(pod);
  });
  void synced.promise.then(async () => {
    timer.cancel();
    stopPods = pods.onChange(({ type, object }) => {
      if (isMirror(object)) return mirrorPods.reconcile();
      if (type === 'DELETED') set.remove(object.metadata.uid!);
      else set.apply(object);
    });
    const known = new Set([...pods.list()].map((p) => p.metadata.uid));
    for (const pod of remembered) if (!known.has(pod.metadata.uid) && !mirrorPods.isWanted(pod.metadata.uid!)) set.remove(pod.metadata.uid!);
    mirrorPods.reconcile();
    await set.sweep();
  }).catch((error: unknown) => options.log.error('pods of the server are not followed', { error: messageOf(error) }));
  return () => {
    timer.cancel();
    stopStatic();
    stopPods();
  };
}
