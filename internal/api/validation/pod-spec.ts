import type { PodDNSConfig, PodSpec } from '../generated/types/core-v1.ts';
import type { ObjectMeta } from '../generated/types/meta-v1.ts';
import { at } from '../loose.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  dns1123SubdomainWithUnderscore,
  qualifiedName,
} from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import { checkIp } from './addresses.ts';
import { checkAffinity, checkSpread, checkTolerations } from './affinity.ts';
import { checkContainers, checkEphemeralContainers, checkInitContainers } from './containers.ts';
import { checkLabels } from './metadata.ts';
import type { Problems } from './problems.ts';
import { checkPodResources, checkPodClaims } from './pod-resources.ts';
import { checkQuantity, checkResourceName } from './resources.ts';
import { checkPodSecurity } from './security-context.ts';
import { checkVolumes } from './volumes.ts';

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const greatestInt32 = 2 ** 31 - 1;
const maxNameservers = 3;
const maxSearches = 32;
const maxSearchCharacters = 2048;

/** The spec of a pod or of a template. What only holds for pods is asked for by `isPod`. */
export function checkPodSpec(
  problems: Problems,
  spec: PodSpec,
  meta: ObjectMeta | undefined,
  path: string,
  isPod: boolean,
): void {
  if (spec.terminationGracePeriodSeconds === undefined)
    problems.required(`${path}.terminationGracePeriodSeconds`);
  const volumes = checkVolumes(problems, spec.volumes ?? [], meta, `${path}.volumes`, isPod);
  const claims = checkPodClaims(problems, spec.resourceClaims ?? [], `${path}.resourceClaims`);
  const context = { spec, volumes, claims };
  checkContainers(problems, context, `${path}.containers`);
  checkInitContainers(problems, context, `${path}.initContainers`);
  checkEphemeralContainers(problems, context, `${path}.ephemeralContainers`);
  checkPodResources(problems, spec, claims, path);
  checkHostNetworkPorts(problems, spec, path, isPod);
  problems.oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']);
  problems.oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, dnsPolicies);
  checkLabels(problems, spec.nodeSelector, `${path}.nodeSelector`);
  checkPodSecurity(problems, spec.securityContext, spec, `${path}.securityContext`);
  checkAffinity(problems, spec.affinity, `${path}.affinity`);
  checkDnsConfig(problems, spec.dnsConfig, spec.dnsPolicy, `${path}.dnsConfig`);
  (spec.readinessGates ?? []).forEach((gate, i) =>
    problems.check(`${path}.readinessGates[${i}].conditionType`, gate.conditionType, qualifiedName),
  );
  checkSchedulingGates(problems, spec, `${path}.schedulingGates`);
  checkSpread(problems, spec.topologySpreadConstraints ?? [], `${path}.topologySpreadConstraints`);
  checkHostProcess(problems, spec, path);
  checkHostUsers(problems, spec, path);
  checkNames(problems, spec, path);
  checkRest(problems, spec, path);
}

function checkHostNetworkPorts(
  problems: Problems,
  spec: PodSpec,
  path: string,
  isPod: boolean,
): void {
  if (!spec.hostNetwork) return;
  (spec.containers ?? []).forEach((container, i) => {
    (container.ports ?? []).forEach(({ hostPort = 0, containerPort }, j) => {
      if ((isPod || hostPort !== 0) && hostPort !== containerPort)
        problems.invalid(
          `${path}.containers[${i}].ports[${j}].hostPort`,
          hostPort,
          'must match `containerPort` when `hostNetwork` is true',
        );
    });
  });
}

function checkSchedulingGates(problems: Problems, spec: PodSpec, path: string): void {
  const seen = new Set<string>();
  (spec.schedulingGates ?? []).forEach(({ name }, i) => {
    problems.check(`${path}[${i}]`, name, qualifiedName);
    if (seen.has(name)) problems.duplicate(`${path}[${i}]`, name);
    seen.add(name);
  });
}

/**
 * A Windows pod runs in the host's processes as a whole, and then in its network too
 * (validateWindowsHostProcessPod).
 */
function checkHostProcess(problems: Problems, spec: PodSpec, path: string): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let [containers, inHost] = [0, 0];
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    (spec[list] ?? []).forEach((container, i) => {
      const own = container.securityContext?.windowsOptions?.hostProcess;
      if (ofPod !== undefined && own !== undefined && ofPod !== own) {
        problems.invalid(
          `${path}.${list}[${i}].securityContext.windowsOptions.hostProcess`,
          own,
          `pod hostProcess value must be identical if both are specified, was ${ofPod}`,
        );
      }
      containers++;
      if (own ?? ofPod) inHost++;
    });
  }
  if (inHost === 0) return;
  if (inHost !== containers)
    problems.invalid(
      path,
      '',
      'If pod contains any hostProcess containers then all containers must be HostProcess ' +
        'containers',
    );
  if (!spec.hostNetwork)
    problems.invalid(
      `${path}.hostNetwork`,
      false,
      'hostNetwork must be true if pod contains any hostProcess containers',
    );
}

function checkHostUsers(problems: Problems, spec: PodSpec, path: string): void {
  if (spec.hostUsers !== false) return;
  const say = 'when `hostUsers` is false';
  if (spec.hostNetwork) problems.forbidden(`${path}.hostNetwork`, say);
  if (spec.hostPID) problems.forbidden(`${path}.HostPID`, say);
  if (spec.hostIPC) problems.forbidden(`${path}.HostIPC`, say);
}

function checkDnsConfig(
  problems: Problems,
  config: PodDNSConfig | undefined,
  policy: string | undefined,
  path: string,
): void {
  if (policy === 'None') {
    if (!config)
      return problems.required(path, 'must provide `dnsConfig` when `dnsPolicy` is None');
    if (!config.nameservers?.length)
      return problems.required(
        `${path}.nameservers`,
        'must provide at least one DNS nameserver when `dnsPolicy` is None',
      );
  }
  if (!config) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > maxNameservers)
    problems.invalid(
      `${path}.nameservers`,
      nameservers,
      `must not have more than ${maxNameservers} nameservers`,
    );
  nameservers.forEach((ip, i) => checkIp(problems, `${path}.nameservers[${i}]`, ip));
  if (searches.length > maxSearches)
    problems.invalid(
      `${path}.searches`,
      searches,
      `must not have more than ${maxSearches} search paths`,
    );
  if (searches.join(' ').length > maxSearchCharacters)
    problems.invalid(
      `${path}.searches`,
      searches,
      `must not have more than ${maxSearchCharacters} characters (including spaces) in the ` +
        'search list',
    );
  searches.forEach((search, i) => {
    if (search !== '.')
      problems.check(
        `${path}.searches[${i}]`,
        search.replace(/\.$/, ''),
        dns1123SubdomainWithUnderscore,
      );
  });
  options.forEach(({ name }, i) => {
    if (!name) problems.required(`${path}.options[${i}]`, 'must not be empty');
  });
}

function checkNames(problems: Problems, spec: PodSpec, path: string): void {
  const override = spec.hostnameOverride;
  if (override !== undefined) {
    const at = `${path}.hostnameOverride`;
    if (spec.setHostnameAsFQDN)
      problems.forbidden(at, 'may not be specified when setHostnameAsFQDN is true');
    if (spec.hostNetwork) problems.forbidden(at, 'may not be specified when hostNetwork is true');
    if (override.length > 64) problems.tooLong(at, 64);
    problems.check(at, override, dns1123Subdomain);
  }
  if (spec.serviceAccountName)
    problems.check(`${path}.serviceAccountName`, spec.serviceAccountName, dns1123Subdomain);
  if (spec.nodeName) problems.check(`${path}.nodeName`, spec.nodeName, dns1123Subdomain);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined)
    problems.range(`${path}.activeDeadlineSeconds`, deadline, 1, greatestInt32);
  if (spec.hostname) problems.check(`${path}.hostname`, spec.hostname, dns1123Label);
  if (spec.subdomain) problems.check(`${path}.subdomain`, spec.subdomain, dns1123Label);
}

function checkRest(problems: Problems, spec: PodSpec, path: string): void {
  checkTolerations(problems, spec.tolerations ?? [], `${path}.tolerations`);
  (spec.hostAliases ?? []).forEach((alias, i) => {
    checkIp(problems, `${path}.hostAliases[${i}].ip`, alias.ip);
    (alias.hostnames ?? []).forEach((name, j) =>
      problems.check(`${path}.hostAliases[${i}].hostnames[${j}]`, name, dns1123Subdomain),
    );
  });
  if (spec.priorityClassName)
    problems.check(`${path}.priorityClassName`, spec.priorityClassName, dns1123Subdomain);
  if (spec.runtimeClassName !== undefined)
    problems.check(`${path}.runtimeClassName`, spec.runtimeClassName, dns1123Subdomain);
  const preemption = spec.preemptionPolicy;
  if (preemption !== undefined)
    problems.oneOf(`${path}.preemptionPolicy`, preemption, ['PreemptLowerPriority', 'Never']);
  for (const [name, text] of Object.entries(spec.overhead ?? {})) {
    checkResourceName(problems, name, `${path}.overhead`);
    checkQuantity(problems, name, parseQuantity(text), `${path}.overhead.limits[${name}]`);
  }
  checkOs(problems, spec, path);
  checkFileKeys(problems, spec, path);
}

function checkOs(problems: Problems, spec: PodSpec, path: string): void {
  if (!spec.os) return;
  if (!spec.os.name) problems.required(`${path}.os.name`);
  else if (!['linux', 'windows'].includes(spec.os.name))
    problems.notSupported(`${path}.os`, spec.os.name, ['linux', 'windows']);
  else if (spec.os.name === 'linux') {
    if (spec.securityContext?.windowsOptions)
      problems.forbidden(
        `${path}.securityContext.windowsOptions`,
        'windows options cannot be set for a linux pod',
      );
    for (const list of ['initContainers', 'containers'] as const) {
      (spec[list] ?? []).forEach((c, i) => {
        if (c.securityContext?.windowsOptions)
          problems.forbidden(
            `${path}.${list}[${i}].securityContext.windowsOptions`,
            'windows options cannot be set for a linux pod',
          );
      });
    }
  } else checkWindows(problems, spec, path);
}

const linuxPodFields = [
  'securityContext.appArmorProfile',
  'securityContext.seLinuxOptions',
  'hostUsers',
  'hostPID',
  'hostIPC',
  'securityContext.seccompProfile',
  'securityContext.fsGroup',
  'securityContext.fsGroupChangePolicy',
  'securityContext.sysctls',
  'shareProcessNamespace',
  'securityContext.runAsUser',
  'securityContext.runAsGroup',
  'securityContext.supplementalGroups',
  'securityContext.supplementalGroupsPolicy',
  'securityContext.seLinuxChangePolicy',
];
const linuxContainerFields = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

function checkWindows(problems: Problems, spec: PodSpec, path: string): void {
  const refuse = (field: string): void =>
    problems.forbidden(field, 'cannot be set for a windows pod');
  for (const field of linuxPodFields) {
    const value = at(spec, field);
    if (isSet(value) && !(value === false && ['hostPID', 'hostIPC'].includes(field)))
      refuse(`${path}.${field}`);
  }
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    (spec[list] ?? []).forEach(({ securityContext }, i) => {
      for (const field of linuxContainerFields)
        if (isSet(securityContext?.[field]))
          refuse(`${path}.${list}[${i}].securityContext.${field}`);
    });
  }
}

const isSet = (value: unknown): boolean =>
  value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);

function checkFileKeys(problems: Problems, spec: PodSpec, path: string): void {
  const volumes = new Map((spec.volumes ?? []).map((v) => [v.name, v]));
  for (const list of ['initContainers', 'containers'] as const) {
    (spec[list] ?? []).forEach((container, i) => {
      (container.env ?? []).forEach(({ valueFrom }, j) => {
        const name = valueFrom?.fileKeyRef?.volumeName;
        if (name === undefined) return;
        const at = `${path}.${list}[${i}].env[${j}].valueFrom.fileKeyRef.volumeName`;
        const volume = volumes.get(name);
        if (!volume) problems.notFound(at, name);
        else if (!volume.emptyDir)
          problems.invalid(at, name, 'referenced volume must be of type emptyDir');
      });
    });
  }
}
