import type { Node, Pod, Service, Volume } from '../api/generated/types/core-v1.ts';
import type { RuntimeClass } from '../api/generated/types/node-v1.ts';
import type { Mirror } from '../client/client.ts';
import type { EventRecorder } from '../client/events.ts';
import { refs } from '../client/refs.ts';
import { runOk } from '../io/spawn.ts';
import { openCgroups, type Cgroups } from './cgroups/cgroups.ts';
import { followCniResults } from './containerd/cni-results.ts';
import type { OpenedRuntime } from './containerd/open-runtime.ts';
import { startCsi, type Csi } from './csi/csi.ts';
import { LogRotation } from './gc/log-rotation.ts';
import { ImagePuller } from './images/image-puller.ts';
import type { Machine } from './machine.ts';
import { MirrorPods } from './mirror-pods.ts';
import type { OwnNode } from './own-node.ts';
import type { AgentOptions, NodeNetwork } from './options.ts';
import type { PodAddresses } from './pods/pod-addresses.ts';
import { BackOff } from './pods/back-off.ts';
import { containerReference } from './pods/container-reference.ts';
import { DesiredPods } from './pods/desired.ts';
import { isMirror } from './pods/model.ts';
import { podObjects } from './pods/pod-objects.ts';
import { PodSet, type PodSetPorts } from './pods/pod-set.ts';
import type { NodeSide } from './pods/ports.ts';
import { totalOf } from './pods/resize.ts';
import { RuntimeReader } from './pods/runtime-reader.ts';
import { StartGate, startsAtOnce } from './pods/start-gate.ts';
import { execInContainer } from './probes/exec-in-container.ts';
import { Probes } from './probes/probes.ts';
import type { ProbeDoors } from './probes/run-probe.ts';
import { StatusWriter } from './status/status-writer.ts';
import { LocalPaths } from './volumes/local-path.ts';
import { forgetImageMount, mountImage } from './volumes/plugins/image.ts';
import { References } from './volumes/references.ts';
import { Volumes } from './volumes/volumes.ts';

export interface AssembleInput {
  options: AgentOptions;
  machine: Machine;
  runtime: OpenedRuntime;
  network: NodeNetwork;
  ownNode: OwnNode;
  events: EventRecorder;
  nodes: Mirror<Node>;
  pods: Mirror<Pod>;
  services: Mirror<Service>;
  synced: { done: boolean };
}

export interface Parts {
  set: PodSet;
  desired: DesiredPods;
  volumes: Volumes;
  localPaths: LocalPaths;
  mirrorPods: MirrorPods;
  terminated: StatusWriter['terminated'];
  cgroups: Cgroups;
  /** Set when pods are started without the server. */
  offline: { now: boolean };
  stop(): void;
}

const noPodAddresses: PodAddresses = {
  hold: () => Promise.resolve(),
  tell: () => undefined,
  forget: () => undefined,
};

/** Everything that pods need, put together. */
export async function assemble(input: AssembleInput): Promise<Parts> {
  const { options, machine, runtime, network, events } = input;
  const { clock, disk, log, client } = options;
  const references = new References({ client, clock, log });
  const images = new ImagePuller({
    maxParallelPulls: options.kubelet?.maxParallelPulls,
    cri: runtime.cri,
    events,
    clock,
    secret: (namespace, name) => references.secret(namespace, name),
    mirrorNames: (image) => runtime.mirrorNames(image),
    restore: (name) => runtime.restoreImage(name),
    rename: async (from, to) => {
      await runOk(options.spawn, 'images.rename', [
        ...runtime.ctr,
        'images',
        'tag',
        '--force',
        from,
        to,
      ]);
      await runOk(options.spawn, 'images.rename', [...runtime.ctr, 'images', 'remove', from]);
    },
  });
  const volumeDoors = { disk, tree: machine.tree, mounts: machine.mounts };
  const csi = await startCsi({
    ...{ client, clock, log, doors: volumeDoors, nodes: input.nodes },
    nodeName: options.nodeName,
    kubeletDir: options.kubeletDir ?? '/var/lib/kubelet',
    changed: () => input.ownNode.update(),
  });
  input.ownNode.volumesInUse(() => csi.inUse());
  const volumes = makeVolumes(input, references, images, csi);
  const localPaths = new LocalPaths(volumeDoors, (path) => volumes.usersOf(path));
  await volumes.start();
  const offline = { now: false };
  const doors = probeDoorsOf(input);
  const probes = new Probes({
    doors,
    random: options.random,
    probed: (labels) => options.metrics?.probed(labels),
    onResult: ({ uid }) => set.worker(uid)?.wake(),
    event: (pod, container, reason, message) =>
      events.warning(containerReference(pod, container), reason, message),
  });
  const writer = new StatusWriter({
    client,
    clock,
    log: log.named('status'),
    gone: (uid) => set.remove(uid),
    shown: (before, now) => options.metrics?.shown(before, now),
  });
  const cgroups = await openCgroups({
    disk,
    tree: machine.tree,
    clock,
    log: log.named('cgroups'),
    parent: options.cgroupParent,
  });
  const desired = new DesiredPods({ dir: `${options.agentDir}/desired`, disk, log });
  const logs = new LogRotation({
    ...options.kubelet?.logs,
    clock,
    disk,
    tree: machine.tree,
    log,
    reopen: async (id) => void (await runtime.cri.reopenContainerLog({ containerId: id })),
  });
  const cniResults = await followCniResults({ disk, log: log.named('cni') });
  const ports: PodSetPorts = {
    node: nodeSide(input, () => set),
    objects: podObjects(client, (pod) => {
      const shown = input.pods.get(`${pod.metadata.namespace}/${pod.metadata.name}`);
      return shown && isMirror(shown) ? shown : undefined;
    }),
    siblings: {
      hasEnded: (id) => set.hasEnded(id),
      isAwaited: (pod) => set.isAwaited(pod),
      done: (uid) => set.done(uid),
    },
    readiness: {
      network: () => input.ownNode.networkReady,
      runtimeSettled: () => runtime.settled,
      offline: () => !input.synced.done,
    },
    cniResults,
    podAddresses: network.podAddresses ?? noPodAddresses,
    lookAtWays: () => network.podWays?.look(),
    cri: runtime.cri,
    reader: new RuntimeReader(runtime.cri),
    images,
    volumes,
    probes,
    cgroups,
    writer,
    backOff: new BackOff(),
    logs,
    starts: new StartGate(
      startsAtOnce(options.host.usableMemoryBytes(), options.host.cpus()),
      clock,
    ),
    events,
    sources: {
      configMap: (namespace, name) => references.configMap(namespace, name),
      secret: (namespace, name) => references.secret(namespace, name),
      services: () => (input.synced.done || offline.now ? input.services.list() : undefined),
      volumeFile: (pod, volume, path) => volumes.readFile(pod.metadata.uid!, volume, path),
    },
    mountDoors: { ...volumeDoors, random: options.random, log },
    probeDoors: doors,
    clock,
    log: log.named('pods'),
  };
  const node = (): Node | undefined => input.nodes.get(options.nodeName);
  const set = new PodSet({ ports, desired, node, unsafeSysctls: options.unsafeSysctls ?? [] });
  // Pods wait for a driver, and so does what an earlier life left of its volumes.
  csi.onDriver(() => {
    set.wake();
    if (input.synced.done) void set.sweep();
  });
  const mirrorPods = new MirrorPods({
    client,
    pods: input.pods,
    nodes: input.nodes,
    nodeName: options.nodeName,
    set,
    clock,
    log,
  });
  const stopWays = network.podWays?.follow({
    pods: () => set.linked(),
    cutOff: (sandboxId) => set.cutOff(sandboxId),
  });
  const stop = (): void => {
    stopWays?.();
    for (const part of [probes, volumes, csi, writer, logs, mirrorPods, cniResults]) part.stop();
  };
  const { terminated } = writer;
  return { set, desired, volumes, localPaths, mirrorPods, terminated, cgroups, offline, stop };
}

function hostIPsOf(options: AgentOptions): string[] {
  return options
    .addresses()
    .filter((a) => a.type === 'InternalIP')
    .map((a) => a.address);
}

function allocatableOf(input: AssembleInput): Record<string, string> {
  return (input.nodes.get(input.options.nodeName)?.status?.allocatable ?? {}) as Record<
    string,
    string
  >;
}

/** What a pod asks of its node. */
function nodeSide(input: AssembleInput, set: () => PodSet): NodeSide {
  const { options, ownNode } = input;
  const handlerOf = async (name: string): Promise<string> =>
    (await options.client.get<RuntimeClass>(refs.runtimeClasses, { name })).handler;
  return {
    facts: () => ownNode.facts,
    hostIPs: () => hostIPsOf(options),
    allocatable: () => allocatableOf(input),
    runtimeHandler: (pod) =>
      pod.spec.runtimeClassName ? handlerOf(pod.spec.runtimeClassName) : Promise.resolve(''),
    promised: (except, resource) =>
      [...set().workers()]
        .filter((w) => w.uid !== except && w.phase === 'running')
        .reduce((sum, w) => sum + totalOf(w.allocated, resource), 0n),
  };
}

function makeVolumes(
  input: AssembleInput,
  references: References,
  images: ImagePuller,
  csi: Csi,
): Volumes {
  const { options, machine, runtime } = input;
  const { client, clock, log, disk, spawn } = options;
  const { tree, mounts } = machine;
  const imageDoors = { spawn, disk, mounts, ctr: runtime.ctr };
  return new Volumes({
    podsDir: `${options.agentDir}/pods`,
    secretsDir: `${options.agentDir}/secrets`,
    csi: csi.volumes,
    client,
    references,
    clock,
    log,
    doors: { disk, tree, mounts },
    facts: (pod) => ({
      podIPs: (pod.status?.podIPs ?? []).map((p) => p.ip),
      hostIPs: hostIPsOf(options),
      allocatable: allocatableOf(input),
    }),
    images: {
      mount: async (pod, volume, dir) => {
        const name = await pulled(pod, volume, images);
        const { image } = await runtime.cri.imageStatus({ image: { image: name } });
        await mountImage(image?.repoTags[0] ?? image?.repoDigests[0] ?? name, dir, imageDoors);
      },
      forget: (dir) => forgetImageMount(dir, imageDoors),
    },
  });
}

/** Pulls the image of a volume as its policy says. Returns its name. */
async function pulled(pod: Pod, volume: Volume, images: ImagePuller): Promise<string> {
  const { reference: image = '', pullPolicy } = volume.image ?? {};
  const pinnedTag = /:[^/]+$/.test(image) && !image.endsWith(':latest');
  const { namespace, name, uid } = pod.metadata;
  await images.ensure({
    pod,
    image,
    policy: pullPolicy ?? (pinnedTag ? 'IfNotPresent' : 'Always'),
    about: { kind: 'Pod', apiVersion: 'v1', namespace, name, uid },
    signal: new AbortController().signal,
  });
  return image;
}

function probeDoorsOf({ options, runtime }: AssembleInput): ProbeDoors {
  return {
    clock: options.clock,
    dial: options.dial,
    exec: execInContainer({ clock: options.clock, cri: runtime.cri, health: runtime.health }),
  };
}
