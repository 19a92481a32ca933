import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../generated/types/core-v1.ts';
import { checkDescendingPath } from './pod-paths.ts';
import type { Problems } from './problems.ts';
import { shown } from './shapes.ts';

const greatestId = 2 ** 31 - 1;
const sysctlSegment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const sysctlName = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`;
const sysctlWhole = new RegExp(sysctlName);
const sysctlLength = 253;
const ipcSysctls = new Set([
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
]);

function checkId(problems: Problems, id: number | undefined, field: string): void {
  if (id !== undefined) problems.range(field, id, 0, greatestId);
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function checkSeccomp(problems: Problems, profile: SeccompProfile | undefined, path: string): void {
  if (!profile) return;
  if (!profile.type)
    problems.required(`${path}.type`, 'type is required when seccompProfile is set');
  else if (!profileTypes.includes(profile.type))
    problems.notSupported(`${path}.type`, profile.type, profileTypes);
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined)
      problems.required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost');
    else checkDescendingPath(problems, profile.localhostProfile, `${path}.localhostProfile`);
  } else if (profile.localhostProfile !== undefined)
    problems.invalid(
      `${path}.localhostProfile`,
      shown('SeccompProfile', profile),
      'can only be set when seccomp type is Localhost',
    );
}

function checkAppArmor(
  problems: Problems,
  profile: AppArmorProfile | undefined,
  path: string,
): void {
  if (!profile) return;
  const { type, localhostProfile } = profile;
  const at = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    if (localhostProfile === undefined)
      return problems.required(at, 'must be set when AppArmor type is Localhost');
    if (localhostProfile.trim() !== localhostProfile)
      problems.invalid(at, localhostProfile, 'must not be padded with whitespace');
    else if (localhostProfile === '')
      problems.required(at, 'must be set when AppArmor type is Localhost');
    if (localhostProfile.length > 4095) problems.tooLong(at, 4095);
  } else if (type === 'RuntimeDefault' || type === 'Unconfined') {
    if (localhostProfile !== undefined)
      problems.invalid(at, localhostProfile, 'can only be set when AppArmor type is Localhost');
  } else if (!type)
    problems.required(`${path}.type`, 'type is required when appArmorProfile is set');
  else problems.notSupported(`${path}.type`, type, profileTypes);
}

export function checkContainerSecurity(
  problems: Problems,
  context: SecurityContext | undefined,
  path: string,
  hostUsers: boolean,
): void {
  if (!context) return;
  checkId(problems, context.runAsUser, `${path}.runAsUser`);
  checkId(problems, context.runAsGroup, `${path}.runAsGroup`);
  if (context.procMount !== undefined) {
    if (!['Default', 'Unmasked'].includes(context.procMount))
      problems.notSupported(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']);
    if (hostUsers && context.procMount === 'Unmasked')
      problems.invalid(
        `${path}.procMount`,
        context.procMount,
        '`hostUsers` must be false to use `Unmasked`',
      );
  }
  checkSeccomp(problems, context.seccompProfile, `${path}.seccompProfile`);
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged)
      problems.invalid(
        path,
        shown('SecurityContext', context),
        'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      );
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN'))
      problems.invalid(
        path,
        shown('SecurityContext', context),
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
      );
  }
  checkAppArmor(problems, context.appArmorProfile, `${path}.appArmorProfile`);
}

function closed(
  problems: Problems,
  field: string,
  value: string | undefined,
  supported: readonly string[],
): void {
  if (value !== undefined && !supported.includes(value))
    problems.notSupported(field, value, supported);
}

/**
 * `shareProcessNamespace` and the host's namespaces stand in the spec, yet are judged with the
 * security context.
 */
export function checkPodSecurity(
  problems: Problems,
  context: PodSecurityContext | undefined,
  spec: PodSpec,
  path: string,
): void {
  if (!context) return;
  checkId(problems, context.fsGroup, `${path}.fsGroup`);
  checkId(problems, context.runAsUser, `${path}.runAsUser`);
  checkId(problems, context.runAsGroup, `${path}.runAsGroup`);
  (context.supplementalGroups ?? []).forEach((id, i) =>
    checkId(problems, id, `${path}.supplementalGroups[${i}]`),
  );
  if (spec.shareProcessNamespace && spec.hostPID)
    problems.invalid(
      `${path}.shareProcessNamespace`,
      true,
      'ShareProcessNamespace and HostPID cannot both be enabled',
    );
  checkSysctls(problems, context, spec, `${path}.sysctls`);
  closed(problems, `${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, [
    'Always',
    'OnRootMismatch',
  ]);
  checkSeccomp(problems, context.seccompProfile, `${path}.seccompProfile`);
  checkAppArmor(problems, context.appArmorProfile, `${path}.appArmorProfile`);
  closed(problems, `${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, [
    'Merge',
    'Strict',
  ]);
  closed(problems, `${path}.seLinuxChangePolicy`, context.seLinuxChangePolicy, [
    'MountOption',
    'Recursive',
  ]);
}

function checkSysctls(
  problems: Problems,
  context: PodSecurityContext,
  spec: PodSpec,
  path: string,
): void {
  const seen = new Set<string>();
  (context.sysctls ?? []).forEach(({ name }, i) => {
    const at = `${path}[${i}].name`;
    if (!name) problems.required(at);
    else if (name.length > sysctlLength || !sysctlWhole.test(name))
      problems.invalid(
        at,
        name,
        `must have at most ${sysctlLength} characters and match regex ${sysctlName}`,
      );
    else if (seen.has(name)) problems.duplicate(at, name);
    const dotted = (name ?? '').replaceAll('/', '.');
    if (spec.hostNetwork && dotted.startsWith('net.'))
      problems.invalid(at, name, "may not be specified when 'hostNetwork' is true");
    else if (spec.hostIPC && (ipcSysctls.has(dotted) || dotted.startsWith('fs.mqueue.')))
      problems.invalid(at, name, "may not be specified when 'hostIPC' is true");
    seen.add(name);
  });
}
