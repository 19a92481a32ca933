import type {
  ContainerImage,
  Node,
  NodeAddress,
  NodeCondition,
  NodeRuntimeHandler,
  NodeStatus,
  Taint,
} from '../../api/generated/types/core-v1.ts';
import { amountOf } from '../../api/scheduling/pod-resources.ts';
import { limitOf, type Thresholds } from '../gc/eviction.ts';
import { troubleTypes, type Trouble } from '../../client/troubles.ts';
import type { NodeFacts } from './facts.ts';

/** What the operator and the rest of the agent say about the node. */
export interface NodeSettings {
  name: string;
  addresses(): NodeAddress[];
  /** From --node-label, and the roles of a server. */
  labels: Record<string, string>;
  taints: Taint[];
  /** What the node says of itself to other nodes; asked for at each write. */
  annotations?: (node?: Node) => Record<string, string>;
  /** `v1.36.3+skiff` */
  version: string;
  kubeletPort: number;
  /** Withheld from pods: --kubelet-arg system-reserved and kube-reserved, added up. */
  reserved: Record<string, string>;
  maxPods: number;
  /** What the hard thresholds keep free is withheld too. */
  evictionHard: Thresholds;
  /** How often an unchanged status is written. */
  statusReportMs?: number | undefined;
  externalCloud?: boolean;
  providerId?: string | undefined;
}

/** What changes while the node runs. */
export interface NodeReport {
  /** `containerd://1.6.20`; empty while the runtime does not answer. */
  runtimeVersion: string;
  runtimeHandlers: NodeRuntimeHandler[];
  images: ContainerImage[];
  /** Why the node is not ready; empty = it is. */
  notReady: string;
  memoryPressure: boolean;
  diskPressure: boolean;
  pidPressure: boolean;
  /** What the node works without (troubles). */
  troubles: Trouble[];
  /** Attached volumes that pods use; undefined = not known yet, what was said before stays. */
  volumesInUse?: string[] | undefined;
}

/** More images are not listed (kubelet nodeStatusMaxImages). */
const mostImages = 50;

const wellKnown = (facts: NodeFacts, name: string): Record<string, string> => ({
  'beta.kubernetes.io/arch': facts.arch,
  'beta.kubernetes.io/os': 'linux',
  'kubernetes.io/arch': facts.arch,
  'kubernetes.io/hostname': name,
  'kubernetes.io/os': 'linux',
});

/** A cloud controller manager takes it away when it has seen to the node. */
const waitsForCloud: Taint = {
  key: 'node.cloudprovider.kubernetes.io/uninitialized',
  value: 'true',
  effect: 'NoSchedule',
};

/** By these the cloud knows which of the machine's addresses are meant. */
const providedIps = ({ addresses }: NodeSettings): Record<string, string> => ({
  'alpha.kubernetes.io/provided-node-ip': addresses()
    .flatMap((one) => (one.type === 'InternalIP' ? [one.address] : []))
    .join(','),
});

/** The Node as it is registered. */
export function newNode(facts: NodeFacts, settings: NodeSettings): Node {
  const taints = [...settings.taints, ...(settings.externalCloud ? [waitsForCloud] : [])];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: settings.name,
      labels: {
        ...wellKnown(facts, settings.name),
        // A cloud says itself what the machine is.
        ...(settings.externalCloud ? {} : { 'node.kubernetes.io/instance-type': 'skiff' }),
        ...settings.labels,
      },
      annotations: {
        'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        ...(settings.externalCloud ? providedIps(settings) : {}),
        ...settings.annotations?.(),
      },
    },
    spec: {
      ...(taints.length ? { taints } : {}),
      ...(settings.providerId ? { providerID: settings.providerId } : {}),
    },
    status: {} as Node['status'],
  };
}

/** Labels that a node which is already registered must still have; undefined when it has them. */
export function missingLabels(
  node: Node,
  facts: NodeFacts,
  settings: NodeSettings,
): Record<string, string> | undefined {
  const wanted = { ...wellKnown(facts, settings.name), ...settings.labels };
  const has = node.metadata.labels ?? {};
  const missing = Object.entries(wanted).filter(([key, value]) => has[key] !== value);
  return missing.length ? Object.fromEntries(missing) : undefined;
}

/** Annotations that the Node must have by now; undefined when it has them. */
export function missingAnnotations(
  node: Node,
  { annotations }: NodeSettings,
): Record<string, string> | undefined {
  const has = node.metadata.annotations ?? {};
  const missing = Object.entries(annotations?.(node) ?? {}).filter(
    ([key, value]) => has[key] !== value,
  );
  return missing.length ? Object.fromEntries(missing) : undefined;
}

function pageName(bytes: number): string {
  return bytes >= 1024 ** 3
    ? `hugepages-${bytes / 1024 ** 3}Gi`
    : bytes >= 1024 ** 2
      ? `hugepages-${bytes / 1024 ** 2}Mi`
      : `hugepages-${bytes / 1024}Ki`;
}

function capacityOf(facts: NodeFacts, settings: NodeSettings): Record<string, string> {
  const pages = Object.fromEntries(
    facts.hugePages.map((p) => [pageName(p.sizeBytes), String(p.count * p.sizeBytes)]),
  );
  return {
    cpu: String(facts.cpus),
    'ephemeral-storage': `${Math.floor(facts.diskBytes / 1024)}Ki`,
    ...pages,
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    pods: String(settings.maxPods),
  };
}

function allocatableOf(facts: NodeFacts, settings: NodeSettings): Record<string, string> {
  const reserved = (name: string): number =>
    settings.reserved[name] ? amountOf(name, settings.reserved[name]) : 0;
  const milli = facts.cpus * 1000 - reserved('cpu');
  const pagesBytes = facts.hugePages.reduce((sum, p) => sum + p.count * p.sizeBytes, 0);
  const memory =
    facts.memoryBytes -
    pagesBytes -
    reserved('memory') -
    limitOf(settings.evictionHard, 'memory.available', facts.memoryBytes);
  const disk =
    facts.diskBytes -
    limitOf(settings.evictionHard, 'nodefs.available', facts.diskBytes) -
    reserved('ephemeral-storage');
  return {
    ...capacityOf(facts, settings),
    cpu: milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`,
    'ephemeral-storage': String(Math.max(0, Math.floor(disk))),
    memory: `${Math.max(0, Math.floor(memory / 1024))}Ki`,
  };
}

/**
 * The status to write, keeping what others put into `before`: extended resources, foreign
 * conditions and addresses' order.
 */
export function nodeStatus(
  before: Node,
  facts: NodeFacts,
  settings: NodeSettings,
  report: NodeReport,
  nowIso: string,
): NodeStatus {
  const capacity = capacityOf(facts, settings);
  const own = new Set(Object.keys(capacity));
  const foreign = (list: Record<string, string> | undefined): Record<string, string> =>
    Object.fromEntries(
      Object.entries(list ?? {}).filter(
        ([name]) => !own.has(name) && !name.startsWith('hugepages-'),
      ),
    );
  const extended = foreign(before.status.capacity);
  return {
    ...before.status,
    capacity: { ...capacity, ...extended },
    // A resource that somebody added to the capacity is theirs to give out whole, unless they said
    // otherwise.
    allocatable: {
      ...allocatableOf(facts, settings),
      ...extended,
      ...foreign(before.status.allocatable),
    },
    conditions: conditionsOf(before, report, nowIso),
    addresses: addressesOf(before, settings),
    daemonEndpoints: { kubeletEndpoint: { Port: settings.kubeletPort } },
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.systemUuid,
      bootID: facts.bootId,
      kernelVersion: facts.kernel,
      osImage: facts.osImage,
      containerRuntimeVersion: report.runtimeVersion,
      kubeletVersion: settings.version,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: facts.arch,
      ...(facts.swapBytes ? { swap: { capacity: facts.swapBytes } } : {}),
    },
    ...(report.volumesInUse && {
      volumesInUse: report.volumesInUse.length > 0 ? report.volumesInUse : undefined,
    }),
    images: [...report.images]
      .sort((a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0))
      .slice(0, mostImages),
    ...(report.runtimeHandlers.length ? { runtimeHandlers: report.runtimeHandlers } : {}),
  };
}

/** With a cloud ours are the first ones only: whatever it says of them afterwards stays. */
function addressesOf({ status }: Node, settings: NodeSettings): NodeAddress[] {
  const there = status?.addresses ?? [];
  return settings.externalCloud && there.length > 0 ? there : settings.addresses();
}

function conditionsOf(before: Node, report: NodeReport, nowIso: string): NodeCondition[] {
  const pressure = (
    type: string,
    on: boolean,
    yes: [string, string],
    no: [string, string],
  ): NodeCondition => {
    const [reason, message] = on ? yes : no;
    return { type, status: on ? 'True' : 'False', reason, message };
  };
  const own: NodeCondition[] = [
    pressure(
      'MemoryPressure',
      report.memoryPressure,
      ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
      ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ),
    pressure(
      'DiskPressure',
      report.diskPressure,
      ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
      ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    ),
    pressure(
      'PIDPressure',
      report.pidPressure,
      ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
      ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ),
    report.notReady
      ? { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: report.notReady }
      : {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
        },
  ];
  const old = new Map((before.status.conditions ?? []).map((c) => [c.type, c]));
  for (const type of troubleTypes) {
    const trouble = report.troubles.find((one) => one.type === type);
    if (trouble) own.push({ type, status: 'True', reason: type, message: trouble.message });
    // A trouble that is over is said to be; one that never was is not spoken of.
    else if (old.has(type))
      own.push({ type, status: 'False', reason: 'Over', message: 'this is over' });
  }
  const dated = own.map((c) => {
    const was = old.get(c.type);
    return {
      ...c,
      lastHeartbeatTime: nowIso,
      lastTransitionTime:
        was?.status === c.status && was.lastTransitionTime ? was.lastTransitionTime : nowIso,
    };
  });
  const types = new Set(own.map((c) => c.type));
  return [...(before.status.conditions ?? []).filter((c) => !types.has(c.type)), ...dated];
}

/** Whether two statuses differ in more than the time of the heartbeat. */
export function differs(a: NodeStatus, b: NodeStatus): boolean {
  const bare = (s: NodeStatus): string =>
    JSON.stringify(
      { ...s, conditions: (s.conditions ?? []).map((c) => ({ ...c, lastHeartbeatTime: '' })) },
      sortKeys,
    );
  return bare(a) !== bare(b);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)));
}
