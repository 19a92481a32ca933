import type { Pod } from '../../api/generated/types/core-v1.ts';
import {
  ProfileType,
  type LinuxSandboxSecurityContext,
  type PodSandboxConfig,
  type UserNamespace,
} from '../../wire/cri/cri.ts';
import { kernelHostname } from './hostname.ts';
import { podLabels } from './labels.ts';
import type { NodeFacts } from './node-facts.ts';
import { podDns } from './pod-dns.ts';
import { sandboxResources } from './resources.ts';
import { groupsOf, namespacesOf, selinux } from './security.ts';

export interface SandboxInput {
  node: NodeFacts;
  attempt: number;
  cgroupParent: string;
  userNamespace?: UserNamespace;
}

/** What RunPodSandbox is told. `warnings` are the messages of DNSConfigForming events. */
export function sandboxConfig(
  pod: Pod,
  input: SandboxInput,
): { config: PodSandboxConfig; warnings: string[] } {
  const { node } = input;
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  const { dns, warnings } = podDns(pod, node);
  const config: PodSandboxConfig = {
    metadata: { name, namespace, uid, attempt: input.attempt },
    // A pod on the host's network has no UTS namespace of its own to name.
    hostname: pod.spec.hostNetwork ? '' : kernelHostname(pod, node.clusterDomain),
    logDirectory: podLogDirectory(node.logRoot, pod),
    dnsConfig: dns,
    labels: podLabels(pod),
    annotations: { ...pod.metadata.annotations },
    linux: {
      cgroupParent: input.cgroupParent,
      securityContext: sandboxSecurity(pod, input.userNamespace),
      sysctls: Object.fromEntries(
        (pod.spec.securityContext?.sysctls ?? []).map((s) => [s.name, s.value]),
      ),
      ...sandboxResources(pod),
    },
  };
  return { config, warnings };
}

export function podLogDirectory(logRoot: string, pod: Pod): string {
  const { name = '', namespace = '', uid = '' } = pod.metadata;
  return `${logRoot}/${namespace}_${name}_${uid}`;
}

function isPrivileged(pod: Pod): boolean {
  const all = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []),
    ...(pod.spec.ephemeralContainers ?? []),
  ];
  return all.some((container) => container.securityContext?.privileged === true);
}

function sandboxSecurity(
  pod: Pod,
  userNamespace: UserNamespace | undefined,
): LinuxSandboxSecurityContext {
  const security = pod.spec.securityContext ?? {};
  return {
    privileged: isPrivileged(pod),
    namespaceOptions: namespacesOf(pod, userNamespace),
    // The pause process needs no more, whatever the containers are allowed.
    seccomp: { profileType: ProfileType.RuntimeDefault },
    ...(security.runAsUser === undefined ? {} : { runAsUser: { value: security.runAsUser } }),
    ...(security.runAsGroup === undefined ? {} : { runAsGroup: { value: security.runAsGroup } }),
    ...groupsOf(pod),
    ...(security.seLinuxOptions ? { selinuxOptions: selinux(security.seLinuxOptions) } : {}),
  };
}
