import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { wantsNode } from '../../api/scheduling/node-affinity.ts';
import { amountsOf, podRequests } from '../../api/scheduling/pod-resources.ts';
import { isFinished, isStatic } from './model.ts';

export interface Refusal {
  reason: string;
  message: string;
}

/** Sysctls that a pod may set by itself: namespaced, and isolated from other pods (kubelet sysctl safe list). */
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

/** It becomes a path below /proc/sys: no empty, `.` or `..` part (validation.SysctlContainSlashFmt). */
const sysctlName = /^[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:[./][a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)*$/;

export interface AdmissionInput {
  pod: Pod;
  node: Node | undefined;
  allocatable: Record<string, string>;
  /** Every other pod of the node that is not finished. */
  others: Pod[];
  /** Patterns of --allowed-unsafe-sysctls. */
  unsafeSysctls: string[];
}

/** Why the node will not run a pod that was given to it; undefined = it will. */
export function refusalOf(input: AdmissionInput): Refusal | undefined {
  const { pod, node } = input;
  const sysctl = (pod.spec.securityContext?.sysctls ?? []).find((s) => !sysctlName.test(s.name) || !safeSysctls.has(s.name.replaceAll('/', '.')) && !input.unsafeSysctls.some((p) => matches(p, s.name)));
  if (sysctl) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${JSON.stringify(sysctl.name)} not allowlisted` };
  const os = pod.spec.os?.name;
  if (os && os !== 'linux') return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  if (isStatic(pod)) return undefined;
  const others = input.others.filter((p) => !isFinished(p) && p.metadata.uid !== pod.metadata.uid);
  const short = shortOf(pod, input.allocatable, others);
  if (short) return short;
  if (node && !wantsNode(pod.spec, node)) {
    return { reason: 'NodeAffinity', message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector" };
  }
  if (portClash(pod, others)) return { reason: 'NodePorts', message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" };
  return undefined;
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function shortOf(pod: Pod, allocatable: Record<string, string>, others: Pod[]): Refusal | undefined {
  const have = amountsOf(allocatable);
  const pods = have.get('pods') ?? Infinity;
  if (others.length + 1 > pods) return short('pods', 1, others.length, pods);
  const wanted = podRequests(pod.spec);
  for (const [name, want] of wanted) {
    // What the node does not know is not its to refuse: extended resources come and go with their plug-ins.
    const capacity = have.get(name);
    if (want <= 0 || capacity === undefined) continue;
    let used = 0;
    for (const other of others) used += podRequests(other.spec).get(name) ?? 0;
    if (used + want > capacity) return short(name, want, used, capacity);
  }
  return undefined;
}

function short(name: string, requested: number, used: number, capacity: number): Refusal {
  return { reason: `OutOf${name}`, message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}` };
}

function portClash(pod: Pod, others: Pod[]): boolean {
  const taken = others.flatMap(hostPorts);
  return hostPorts(pod).some((p) => taken.some((t) => t.port === p.port && t.protocol === p.protocol && (t.ip === p.ip || anyIp(t.ip) || anyIp(p.ip))));
}

const anyIp = (ip: string): boolean => ip === '' || ip === '0.0.0.0' || ip === '::';

function hostPorts(pod: Pod): { port: number; protocol: string; ip: string }[] {
  return pod.spec.containers.flatMap((c) => (c.ports ?? []).filter((p) => p.hostPort).map((p) => ({ port: p.hostPort!, protocol: p.protocol ?? 'TCP', ip: p.hostIP ?? '' })));
}
