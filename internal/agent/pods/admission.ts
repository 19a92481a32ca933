import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { wantsNode } from '../../api/scheduling/node-affinity.ts';
import { amountsOf, podRequests } from '../../api/scheduling/pod-resources.ts';
import type { NodeFacts } from '../config/node-facts.ts';
import { appArmorProfile } from '../config/security.ts';
import { isFinished, isStatic } from './model.ts';

export interface Refusal {
  reason: string;
  message: string;
}

/**
 * Sysctls that a pod may set by itself: namespaced, and isolated from other pods (kubelet sysctl
 * safe list).
 */
const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

/**
 * It becomes a path below /proc/sys: no empty, `.` or `..` part (validation.SysctlContainSlashFmt).
 */
const sysctlName = /^[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:[./][a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)*$/;

export interface AdmissionInput {
  pod: Pod;
  node: Node | undefined;
  allocatable: Record<string, string>;
  /** Every other pod of the node that is not finished. */
  others: Pod[];
  /** Patterns of --allowed-unsafe-sysctls. */
  unsafeSysctls: string[];
  /** What this node can enforce. */
  facts: Pick<NodeFacts, 'appArmor' | 'supplementalGroupsPolicy'>;
}

/** Why the node will not run a pod that was given to it; undefined = it will. */
export function refusalOf(input: AdmissionInput): Refusal | undefined {
  const { pod, node } = input;
  const sysctl = forbiddenSysctl(input);
  if (sysctl) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${sysctl}` };
  const os = pod.spec.os?.name;
  if (os && os !== 'linux')
    return {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  const feature = missingFeature(pod, input.facts);
  if (feature) return feature;
  if (isStatic(pod)) return undefined;
  const others = input.others.filter((p) => !isFinished(p) && p.metadata.uid !== pod.metadata.uid);
  const short = shortOf(pod, input.allocatable, others);
  if (short) return short;
  if (node && !wantsNode(pod.spec, node)) {
    return {
      reason: 'NodeAffinity',
      message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    };
  }
  if (portClash(pod, others))
    return {
      reason: 'NodePorts',
      message:
        "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    };
  return undefined;
}

function forbiddenSysctl({ pod, unsafeSysctls }: AdmissionInput): string | undefined {
  const { securityContext, hostNetwork, hostIPC } = pod.spec;
  for (const { name: asked } of securityContext?.sysctls ?? []) {
    const name = asked.replaceAll('/', '.');
    if (
      !sysctlName.test(asked) ||
      (!safeSysctls.has(name) && !unsafeSysctls.some((p) => matches(p, name)))
    )
      return `${JSON.stringify(asked)} not allowlisted`;
    // In a namespace that is the host's, the value would be the host's.
    if (hostNetwork && name.startsWith('net.'))
      return `${JSON.stringify(name)} not allowed with host Net enabled`;
    if (hostIPC && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(name))
      return `${JSON.stringify(name)} not allowed with host IPC enabled`;
  }
  return undefined;
}

/** What a pod relies on to be kept in its bounds, and this node cannot give it. */
function missingFeature(pod: Pod, facts: AdmissionInput['facts']): Refusal | undefined {
  // An older runtime would add the groups of the image silently.
  if (
    !facts.supplementalGroupsPolicy &&
    pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict'
  ) {
    return {
      reason: 'SupplementalGroupsPolicyNotSupported',
      message: 'SupplementalGroupsPolicy=Strict is not supported in this node',
    };
  }
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const armored = containers.some((container) =>
    ['RuntimeDefault', 'Localhost'].includes(appArmorProfile(pod, container)?.type ?? ''),
  );
  if (armored && !facts.appArmor)
    return {
      reason: 'AppArmor',
      message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host',
    };
  return undefined;
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function shortOf(
  pod: Pod,
  allocatable: Record<string, string>,
  others: Pod[],
): Refusal | undefined {
  const have = amountsOf(allocatable);
  const pods = have.get('pods') ?? Infinity;
  if (others.length + 1 > pods) return short('pods', 1, others.length, pods);
  const wanted = podRequests(pod.spec);
  for (const [name, want] of wanted) {
    // What the node does not know is not its to refuse: extended resources come and go with their
    // plug-ins.
    const capacity = have.get(name);
    if (want <= 0 || capacity === undefined) continue;
    let used = 0;
    for (const other of others) used += podRequests(other.spec).get(name) ?? 0;
    if (used + want > capacity) return short(name, want, used, capacity);
  }
  return undefined;
}

function short(name: string, requested: number, used: number, capacity: number): Refusal {
  return {
    reason: `OutOf${name}`,
    message:
      `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, ` +
      `capacity: ${capacity}`,
  };
}

function portClash(pod: Pod, others: Pod[]): boolean {
  const taken = others.flatMap(hostPorts);
  return hostPorts(pod).some((p) =>
    taken.some(
      (t) =>
        t.port === p.port &&
        t.protocol === p.protocol &&
        (t.ip === p.ip || anyIp(t.ip) || anyIp(p.ip)),
    ),
  );
}

const anyIp = (ip: string): boolean => ip === '' || ip === '0.0.0.0' || ip === '::';

function hostPorts(pod: Pod): { port: number; protocol: string; ip: string }[] {
  return pod.spec.containers.flatMap((c) =>
    (c.ports ?? [])
      .filter((p) => p.hostPort)
      .map((p) => ({ port: p.hostPort!, protocol: p.protocol ?? 'TCP', ip: p.hostIP ?? '' })),
  );
}
