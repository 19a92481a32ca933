import type { Node } from '../api/generated/types/core-v1.ts';
import { messageOf } from '../base/errors.ts';
import type { Mirror } from '../client/client.ts';
import type { OpenedRuntime } from './containerd/open-runtime.ts';
import type { NodeFacts } from './config/node-facts.ts';
import { parseResolvConf } from './config/pod-dns.ts';
import { pageSizeName } from './config/resources.ts';
import { defaultEvictionHard } from './gc/eviction.ts';
import { readFacts } from './node/facts.ts';
import type { Machine } from './machine.ts';
import type { NodeReport } from './node/object.ts';
import { startNodeStatus, type NodeStatusWriter } from './node/status.ts';
import type { AgentOptions } from './options.ts';

export interface OwnNode {
  /** What pod configurations depend on. */
  readonly facts: NodeFacts;
  readonly networkReady: boolean;
  onNetworkReady(fn: () => void): void;
  /** Resolves when the Node is registered and its network stands. */
  readonly ready: Promise<void>;
  /** Why the runtime or the network keeps this node from being Ready. */
  lacks(): Promise<string | undefined>;
  pressure(now: { memory: boolean; disk: boolean }): void;
  /** Sets the source of the attached volumes that pods of this node use. */
  volumesInUse(list: () => string[]): void;
  /** The node takes no more pods, and says why. */
  close(why: string): void;
  /** Something that the Node shows has changed. */
  update(): void;
  stop(): void;
}

/**
 * containerd reads a new CNI list when the kernel tells it; that takes a moment, seldom a second.
 */
const networkLookMs = 25;
const slowNetworkLookMs = 1000;
const quickLooks = 80;
/** After this long the Node's status says that the runtime does not answer. */
const reportMs = 10_000;

/** The Node and its heartbeat, and what the node knows about its own network. */
export async function startOwnNode(
  options: AgentOptions & { machine: Machine; runtime: OpenedRuntime; nodes: Mirror<Node> },
): Promise<OwnNode> {
  const { clock, log, runtime, nodes } = options;
  const machine = await readFacts({
    disk: options.disk,
    host: options.host,
    machine: options.machine,
    dataDir: options.agentDir,
  });
  const facts = await configFacts(options, machine);
  const state = {
    networkReady: false,
    pressure: { memory: false, disk: false },
    podCidr: '',
    closed: '',
    volumesInUse: (): string[] | undefined => undefined,
    stopped: false,
    waiting: [] as (() => void)[],
  };
  let resolveReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (resolveReady = resolve));

  let writer: NodeStatusWriter | undefined;
  const look = async (tries = 0): Promise<void> => {
    if (state.stopped || state.networkReady) return;
    const answer = await runtime.cri
      .status({}, { timeoutMs: reportMs })
      .catch((error: unknown) => log.debug('runtime status', { error: messageOf(error) }));
    facts.supplementalGroupsPolicy =
      answer?.features?.supplementalGroupsPolicy ?? facts.supplementalGroupsPolicy;
    if (answer?.status?.conditions.find((c) => c.type === 'NetworkReady')?.status) {
      state.networkReady = true;
      writer?.update();
      resolveReady();
      for (const fn of state.waiting) fn();
    } else
      clock.after(
        'node.network',
        tries < quickLooks ? networkLookMs : slowNetworkLookMs,
        () => void look(tries + 1),
      );
  };

  const stand = (podCidr: string): void => {
    if (podCidr === state.podCidr) return;
    state.podCidr = podCidr;
    void Promise.resolve(options.onPodCidr(podCidr))
      .then(() => options.disk.writeAtomic('node.pod-cidr', cidrFile, podCidr))
      .then(() => look())
      .catch((error: unknown) =>
        log.error('the pod network does not stand', { podCidr, error: messageOf(error) }),
      );
  };
  const cidrFile = `${options.agentDir}/pod-cidr`;
  // After a reboot the network of before stands without asking anybody: the server may be away.
  const remembered = (await options.disk.readIfThere('node.pod-cidr', cidrFile))?.toString();
  if (remembered) stand(remembered);
  writer = startNodeStatus({
    client: options.client,
    facts: machine,
    settings: {
      name: options.nodeName,
      addresses: () => options.addresses(),
      labels: options.labels,
      taints: options.taints,
      ...(options.annotations && { annotations: options.annotations }),
      version: options.version,
      kubeletPort: options.listen?.port || 10250,
      reserved: options.reserved ?? {},
      maxPods: options.maxPods,
      evictionHard: options.kubelet?.eviction?.hard ?? defaultEvictionHard,
      statusReportMs: options.kubelet?.statusReportMs,
      externalCloud: options.kubelet?.externalCloud === true,
      providerId: options.kubelet?.providerId,
    },
    report: async () => ({
      ...(await reportOf(runtime, state)),
      ...(state.closed && { notReady: state.closed }),
      troubles: options.troubles?.list() ?? [],
      volumesInUse: state.volumesInUse(),
    }),
    onPodCidr: stand,
    clock,
    log: log.named('node'),
  });
  void look(quickLooks);
  const stopWatching = nodes.onChange(({ type, object }) => {
    if (object.metadata.name === options.nodeName && type !== 'DELETED') writer.observe(object);
    else if (object.metadata.name === options.nodeName) writer.update();
  });
  return {
    facts,
    get networkReady() {
      return state.networkReady;
    },
    onNetworkReady: (fn) => (state.networkReady ? fn() : state.waiting.push(fn)),
    ready: Promise.all([writer.registered, ready]).then(() => undefined),
    lacks: async () => state.closed || (await reportOf(runtime, state)).notReady || undefined,
    pressure: (now) => {
      state.pressure = now;
      writer.update();
    },
    volumesInUse: (list) => {
      state.volumesInUse = list;
      writer.update();
    },
    close: (why) => {
      state.closed = why;
      writer.update();
    },
    update: () => writer.update(),
    stop: () => {
      state.stopped = true;
      stopWatching();
      writer.stop();
    },
  };
}

async function reportOf(
  runtime: OpenedRuntime,
  state: { networkReady: boolean; pressure: { memory: boolean; disk: boolean } },
): Promise<Omit<NodeReport, 'troubles' | 'volumesInUse'>> {
  const pressures = {
    memoryPressure: state.pressure.memory,
    diskPressure: state.pressure.disk,
    pidPressure: false,
  };
  const { down } = runtime.health;
  try {
    if (down !== undefined)
      return { runtimeVersion: '', runtimeHandlers: [], images: [], notReady: down, ...pressures };
    const [version, status, { images }] = await Promise.all([
      runtime.cri.version({}, { timeoutMs: reportMs }),
      runtime.cri.status({}, { timeoutMs: reportMs }),
      runtime.cri.listImages({}, { timeoutMs: reportMs }),
    ]);
    const network = status.status?.conditions.find((c) => c.type === 'NetworkReady');
    const notReady = network?.status
      ? ''
      : 'container runtime network not ready: NetworkReady=false ' +
        `reason:${network?.reason ?? ''} message:${network?.message ?? ''}`;
    return {
      runtimeVersion: `${version.runtimeName}://${version.runtimeVersion.replace(/^v/, '')}`,
      runtimeHandlers: status.runtimeHandlers.map((h) => ({
        name: h.name,
        features: {
          recursiveReadOnlyMounts: h.features?.recursiveReadOnlyMounts ?? false,
          userNamespaces: h.features?.userNamespaces ?? false,
        },
      })),
      // What lost its last name while another image took it cannot be asked for by anybody.
      images: images
        .map((i) => ({ names: [...i.repoDigests, ...i.repoTags], sizeBytes: i.size }))
        .filter(({ names }) => names.length > 0),
      notReady,
      ...pressures,
    };
  } catch (error) {
    runtime.health.check();
    return {
      runtimeVersion: '',
      runtimeHandlers: [],
      images: [],
      notReady: `container runtime is down: ${messageOf(error)}`,
      ...pressures,
    };
  }
}

async function configFacts(
  options: AgentOptions,
  machine: Awaited<ReturnType<typeof readFacts>>,
): Promise<NodeFacts> {
  const resolved = '/run/systemd/resolve/resolv.conf';
  const path =
    options.resolvConf ??
    ((await options.disk.stat('node.resolv', resolved)) ? resolved : '/etc/resolv.conf');
  const text = (await options.disk.readIfThere('node.resolv', path))?.toString() ?? '';
  return {
    logRoot: options.logRoot ?? '/var/log/pods',
    seccompDefault: options.kubelet?.seccompDefault === true,
    seccompRoot: `${options.agentDir}/seccomp`,
    clusterDns: options.clusterDns,
    clusterDomain: options.clusterDomain,
    hostDns: parseResolvConf(text),
    memoryCapacityBytes: machine.memoryBytes,
    appArmor:
      (await options.disk.readIfThere('node.apparmor', '/sys/module/apparmor/parameters/enabled'))
        ?.toString()
        .startsWith('Y') ?? false,
    hugePageSizes: machine.hugePages.map((p) => pageSizeName(String(p.sizeBytes))),
  };
}
