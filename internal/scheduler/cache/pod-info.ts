import type { Container, Pod, PodAffinityTerm } from '../../api/generated/types/core-v1.ts';
import { keyOf } from '../../api/object.ts';
import { podRequests, type Amounts } from '../../api/scheduling/pod-resources.ts';
import { affinityTerm, type AffinityTerm, type WeightedTerm } from './affinity-term.ts';
import { Resources } from './resources.ts';

/**
 * A container that asks for nothing is ranked as if it asked for this (kube-scheduler
 * GetNonzeroRequests).
 */
const usualCpuMilli = 100;
const usualMemoryBytes = 200 * 1024 * 1024;

export interface HostPort {
  ip: string;
  protocol: string;
  port: number;
}

/** A claim that a pod mounts. `ephemeral`: it must have been made for this very pod. */
export interface NamedClaim {
  name: string;
  ephemeral: boolean;
}

/** The terms of a pod's affinity to other pods, parsed. */
export interface PodTerms {
  requiredAffinity: AffinityTerm[];
  requiredAntiAffinity: AffinityTerm[];
  preferredAffinity: WeightedTerm[];
  preferredAntiAffinity: WeightedTerm[];
}

/** A pod with what the plug-ins need to know of it, computed once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly key: string;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Record<string, string>;
  readonly priority: number;
  readonly terminating: boolean;
  readonly requests: Resources;
  /** Cpu and memory with the usual amounts filled in, for ranking. */
  readonly usual: { readonly cpu: number; readonly memory: number };
  readonly hostPorts: readonly HostPort[];
  readonly claims: readonly NamedClaim[];
  /** Undefined: no affinity to other pods. */
  readonly terms: PodTerms | undefined;
}

export const priorityOf = (pod: Pod): number => pod.spec.priority ?? 0;

const usualOf = (container: Container): Amounts => {
  const amounts: Amounts = new Map();
  if (container.resources?.requests?.['cpu'] === undefined) amounts.set('cpu', usualCpuMilli);
  if (container.resources?.requests?.['memory'] === undefined)
    amounts.set('memory', usualMemoryBytes);
  return amounts;
};

function hostPortsOf({ spec }: Pod): HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  return [...spec.containers, ...sidecars].flatMap((c) =>
    (c.ports ?? []).flatMap((p) =>
      p.hostPort
        ? [{ ip: p.hostIP || '0.0.0.0', protocol: p.protocol || 'TCP', port: p.hostPort }]
        : [],
    ),
  );
}

function claimsOf(pod: Pod): NamedClaim[] {
  return (pod.spec.volumes ?? []).flatMap((v): NamedClaim[] => {
    if (v.persistentVolumeClaim)
      return [{ name: v.persistentVolumeClaim.claimName, ephemeral: false }];
    return v.ephemeral ? [{ name: `${pod.metadata.name}-${v.name}`, ephemeral: true }] : [];
  });
}

function termsOf(pod: Pod): PodTerms | undefined {
  const { podAffinity: near, podAntiAffinity: far } = pod.spec.affinity ?? {};
  if (!near && !far) return undefined;
  const required = (terms: PodAffinityTerm[] | undefined): AffinityTerm[] =>
    (terms ?? []).map((term) => affinityTerm(pod, term));
  const preferred = (side: typeof near): WeightedTerm[] =>
    (side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((t) => ({
      term: affinityTerm(pod, t.podAffinityTerm),
      weight: t.weight,
    }));
  return {
    requiredAffinity: required(near?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAntiAffinity: required(far?.requiredDuringSchedulingIgnoredDuringExecution),
    preferredAffinity: preferred(near),
    preferredAntiAffinity: preferred(far),
  };
}

export function podInfo(pod: Pod): PodInfo {
  const status = pod.spec.nodeName ? pod.status : undefined;
  const usual = podRequests(pod.spec, { fallback: usualOf, ...(status && { status }) });
  return {
    pod,
    key: keyOf(pod),
    uid: pod.metadata.uid ?? '',
    name: pod.metadata.name ?? '',
    namespace: pod.metadata.namespace ?? '',
    labels: pod.metadata.labels ?? {},
    priority: priorityOf(pod),
    terminating: pod.metadata.deletionTimestamp !== undefined,
    requests: Resources.of(podRequests(pod.spec, status && { status })),
    usual: { cpu: usual.get('cpu') ?? 0, memory: usual.get('memory') ?? 0 },
    hostPorts: hostPortsOf(pod),
    claims: claimsOf(pod),
    terms: termsOf(pod),
  };
}
