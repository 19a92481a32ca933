import { own } from '../../base/own.ts';
import type {
  AppArmorProfile,
  Container,
  Pod,
  PodSecurityContext,
  SELinuxOptions,
  SeccompProfile,
  SecurityContext,
} from '../../api/generated/types/core-v1.ts';
import {
  NamespaceMode,
  ProfileType,
  SupplementalGroupsPolicy,
  type LinuxContainerSecurityContext,
  type NamespaceOption,
  type SELinuxOption,
  type SecurityProfile,
  type UserNamespace,
} from '../../wire/cri/cri.ts';
import type { NodeFacts } from './node-facts.ts';

/** Whom the image wants to run as: at most one of both. */
export interface ImageUser {
  uid?: number;
  username?: string;
}

const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** What counts for a container: its own settings, then the pod's. */
function effectiveSecurity(pod: Pod, container: Container): SecurityContext {
  const ofPod: PodSecurityContext = pod.spec.securityContext ?? {};
  const own: SecurityContext = container.securityContext ?? {};
  return {
    ...own,
    seLinuxOptions: own.seLinuxOptions ?? ofPod.seLinuxOptions,
    runAsUser: own.runAsUser ?? ofPod.runAsUser,
    runAsGroup: own.runAsGroup ?? ofPod.runAsGroup,
    runAsNonRoot: own.runAsNonRoot ?? ofPod.runAsNonRoot,
    seccompProfile: own.seccompProfile ?? ofPod.seccompProfile,
  };
}

export interface SecurityInput {
  pod: Pod;
  container: Container;
  image: ImageUser;
  node: NodeFacts;
  userNamespace?: UserNamespace;
  /** An ephemeral container that shares the process namespace of this container id. */
  targetId?: string;
}

export function containerSecurity(input: SecurityInput): LinuxContainerSecurityContext {
  const { pod, container, image, node } = input;
  const security = effectiveSecurity(pod, container);
  verifyNonRoot(pod, container, security, image);
  const unmasked = security.procMount === 'Unmasked';
  const armor = appArmor(pod, container);
  const namespaceOptions = namespacesOf(pod, input.userNamespace);
  if (input.targetId && namespaceOptions.pid === NamespaceMode.CONTAINER) {
    namespaceOptions.pid = NamespaceMode.TARGET;
    namespaceOptions.targetId = input.targetId;
  }
  return {
    namespaceOptions,
    privileged: security.privileged ?? false,
    readonlyRootfs: security.readOnlyRootFilesystem ?? false,
    noNewPrivs: security.allowPrivilegeEscalation === false,
    ...(security.capabilities
      ? {
          capabilities: {
            addCapabilities: security.capabilities.add ?? [],
            dropCapabilities: security.capabilities.drop ?? [],
          },
        }
      : {}),
    ...runAs(security, image),
    ...(security.seLinuxOptions ? { selinuxOptions: selinux(security.seLinuxOptions) } : {}),
    ...groupsOf(pod),
    maskedPaths: unmasked ? [] : [...maskedPaths, ...(node.extraMaskedPaths ?? [])],
    readonlyPaths: unmasked ? [] : readonlyPaths,
    seccomp: seccomp(
      security.seccompProfile ?? (node.seccompDefault ? { type: 'RuntimeDefault' } : undefined),
      node.seccompRoot,
    ),
    ...(armor ? { apparmor: armor.profile, apparmorProfile: armor.text } : {}),
  };
}

function runAs(security: SecurityContext, image: ImageUser): LinuxContainerSecurityContext {
  const group =
    security.runAsGroup === undefined ? {} : { runAsGroup: { value: security.runAsGroup } };
  if (security.runAsUser !== undefined)
    return { ...group, runAsUser: { value: security.runAsUser } };
  if (image.username) return { ...group, runAsUsername: image.username };
  return { ...group, runAsUser: { value: image.uid ?? 0 } };
}

function verifyNonRoot(
  pod: Pod,
  container: Container,
  security: SecurityContext,
  image: ImageUser,
): void {
  if (!security.runAsNonRoot) return;
  const where =
    '(pod: ' +
    `"${pod.metadata.name ?? ''}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid ?? ''})", ` +
    `container: ${container.name})`;
  if (security.runAsUser !== undefined) {
    if (security.runAsUser === 0)
      throw new Error(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image.username) {
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot ` +
        `verify user is non-root ${where}`,
    );
  }
  if ((image.uid ?? 0) === 0)
    throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
}

/** Which namespaces a pod shares with the host. */
export function namespacesOf(pod: Pod, userNamespace?: UserNamespace): NamespaceOption {
  const { spec } = pod;
  const pid = spec.hostPID
    ? NamespaceMode.NODE
    : spec.shareProcessNamespace
      ? NamespaceMode.POD
      : NamespaceMode.CONTAINER;
  return {
    network: spec.hostNetwork ? NamespaceMode.NODE : NamespaceMode.POD,
    pid,
    ipc: spec.hostIPC ? NamespaceMode.NODE : NamespaceMode.POD,
    usernsOptions: userNamespace ?? { mode: NamespaceMode.NODE },
  };
}

/** Supplemental groups: the pod's fsGroup comes first, as kubectl users see it in `id`. */
export function groupsOf(pod: Pod): {
  supplementalGroups?: number[];
  supplementalGroupsPolicy?: number;
} {
  const security = pod.spec.securityContext;
  if (!security) return {};
  const groups = [
    ...(security.fsGroup === undefined ? [] : [security.fsGroup]),
    ...(security.supplementalGroups ?? []),
  ];
  const strict = security.supplementalGroupsPolicy === 'Strict';
  return {
    ...(groups.length > 0 ? { supplementalGroups: groups } : {}),
    ...(strict ? { supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict } : {}),
  };
}

export function selinux(options: SELinuxOptions): SELinuxOption {
  return {
    user: options.user ?? '',
    role: options.role ?? '',
    type: options.type ?? '',
    level: options.level ?? '',
  };
}

function seccomp(profile: SeccompProfile | undefined, root: string): SecurityProfile {
  if (profile?.type === 'RuntimeDefault') return { profileType: ProfileType.RuntimeDefault };
  if (profile?.type !== 'Localhost') return { profileType: ProfileType.Unconfined };
  if (!profile.localhostProfile)
    throw new Error('localhostProfile must be set if seccompProfile type is Localhost.');
  // The folder is the node's; a file elsewhere on the host is not the pod's to name.
  if (/^\/|(^|\/)\.\.(\/|$)|\0/.test(profile.localhostProfile))
    throw new Error(
      `seccomp profile ${JSON.stringify(profile.localhostProfile.slice(0, 80))} must be a ` +
        'path below the folder of profiles.',
    );
  return {
    profileType: ProfileType.Localhost,
    localhostRef: `${root}/${profile.localhostProfile}`,
  };
}

const armorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';

/** The AppArmor profile that counts for a container; the annotation is the older way to name it. */
export function appArmorProfile(pod: Pod, container: Container): AppArmorProfile | undefined {
  const annotated = fromAnnotation(own(pod.metadata.annotations, armorAnnotation + container.name));
  return (
    container.securityContext?.appArmorProfile ??
    annotated ??
    pod.spec.securityContext?.appArmorProfile
  );
}

function appArmor(
  pod: Pod,
  container: Container,
): { profile: SecurityProfile; text: string } | undefined {
  const asked = appArmorProfile(pod, container);
  if (!asked) return undefined;
  if (asked.type === 'RuntimeDefault')
    return { profile: { profileType: ProfileType.RuntimeDefault }, text: 'runtime/default' };
  if (asked.type === 'Unconfined')
    return { profile: { profileType: ProfileType.Unconfined }, text: 'unconfined' };
  if (!asked.localhostProfile) throw new Error('missing localhost apparmor profile name');
  if (!/^[!-~]{1,255}$/.test(asked.localhostProfile))
    throw new Error('invalid localhost apparmor profile name');
  return {
    profile: { profileType: ProfileType.Localhost, localhostRef: asked.localhostProfile },
    text: `localhost/${asked.localhostProfile}`,
  };
}

function fromAnnotation(value: string | undefined): AppArmorProfile | undefined {
  if (value === undefined || value === '') return undefined;
  if (value === 'runtime/default') return { type: 'RuntimeDefault' };
  if (value === 'unconfined') return { type: 'Unconfined' };
  return { type: 'Localhost', localhostProfile: value.replace(/^localhost\//, '') };
}
