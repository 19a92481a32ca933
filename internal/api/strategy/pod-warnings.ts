import { table } from '../../base/own.ts';
import type {
  Container,
  ContainerPort,
  NodeSelectorTerm,
  PodSpec,
  PodTemplateSpec,
  Volume,
} from '../generated/types/core-v1.ts';
import type { ObjectMeta } from '../generated/types/meta-v1.ts';
import { validLabelValue } from '../names.ts';
import { ipWarnings } from './ip-warnings.ts';
import { claimSpecWarnings, fractionalBytes } from './kind-warnings.ts';
import { overlappingPaths } from './volume-path-warnings.ts';

const deprecatedLabels: Readonly<Record<string, string>> = table({
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region':
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone':
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type':
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods':
    'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
});

const deprecatedAnnotations: Readonly<Record<string, string>> = table({
  'scheduler.alpha.kubernetes.io/critical-pod':
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls':
    'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls':
    'non-functional in v1.11+; use the "sysctls" field instead',
});

const deprecatedVolumes: readonly [keyof Volume, string][] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
];

const bytesNames = ['memory', 'ephemeral-storage'] as const;

/** Warnings of a pod (`path` is '') or of a template at `path`. */
export function podWarnings(template: PodTemplateSpec, path: string): string[] {
  const prefix = path === '' ? '' : `${path}.`;
  const spec = template.spec ?? { containers: [] };
  const containers = visited(spec, `${prefix}spec`);
  return [
    ...schedulingWarnings(spec, `${prefix}spec`),
    ...annotationWarnings(template.metadata ?? {}, prefix),
    ...volumeWarnings(spec.volumes ?? [], `${prefix}spec.volumes`),
    ...repeated(
      spec.hostAliases ?? [],
      (a) => a.ip,
      (i, ip) => `${prefix}spec.hostAliases[${i}].ip: duplicate ip ${JSON.stringify(ip)}`,
    ),
    ...repeated(
      spec.imagePullSecrets ?? [],
      (s) => s.name ?? '',
      (i, name) =>
        `${prefix}spec.imagePullSecrets[${i}].name: duplicate name ${JSON.stringify(name)}`,
    ),
    ...(spec.imagePullSecrets ?? []).flatMap((s, i) =>
      s.name ? [] : [`${prefix}spec.imagePullSecrets[${i}].name: invalid empty name ""`],
    ),
    ...fractionalBytes(`${prefix}spec.overhead`, spec.overhead, bytesNames),
    ...containers.flatMap(([container, at]) => containerWarnings(container, at)),
    ...portWarnings(containers),
    ...portNameWarnings(containers),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${prefix}spec.terminationGracePeriodSeconds: must be >= 0; negative values are ` +
            'invalid and will be treated as 1',
        ]
      : []),
    ...affinityWarnings(spec, `${prefix}spec.affinity`),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((ip, i) =>
      ipWarnings(`${prefix}spec.dnsConfig.nameservers[${i}]`, ip),
    ),
    ...(spec.hostAliases ?? []).flatMap((alias, i) =>
      ipWarnings(`${prefix}spec.hostAliases[${i}].ip`, alias.ip),
    ),
  ];
}

function visited(spec: PodSpec, path: string): [Container, string][] {
  const of = (list: readonly Container[] | undefined, name: string): [Container, string][] =>
    (list ?? []).map((c, i) => [c, `${path}.${name}[${i}]`]);
  return [
    ...of(spec.initContainers, 'initContainers'),
    ...of(spec.containers, 'containers'),
    ...of(spec.ephemeralContainers as Container[] | undefined, 'ephemeralContainers'),
  ];
}

function repeated<T>(
  items: readonly T[],
  key: (item: T) => string,
  say: (i: number, key: string) => string,
): string[] {
  const seen = new Set<string>();
  return items.flatMap((item, i) => {
    const own = key(item);
    if (seen.has(own)) return [say(i, own)];
    seen.add(own);
    return [];
  });
}

function schedulingWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const text = deprecatedLabels[key];
    if (text) warnings.push(`${path}.nodeSelector[${key}]: ${text}`);
  }
  const affinity = spec.affinity?.nodeAffinity;
  const required =
    `${path}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.` +
    'nodeSelectorTerms';
  (affinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []).forEach(
    (term, i) => warnings.push(...termWarnings(term, false, `${required}[${i}]`)),
  );
  const preferred = `${path}.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution`;
  (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).forEach((term, i) =>
    warnings.push(...termWarnings(term.preference, true, `${preferred}[${i}].preference`)),
  );
  (spec.topologySpreadConstraints ?? []).forEach((constraint, i) => {
    const text = deprecatedLabels[constraint.topologyKey];
    if (text)
      warnings.push(
        `${path}.topologySpreadConstraints[${i}].topologyKey: ${constraint.topologyKey} is ${text}`,
      );
    if (!constraint.labelSelector)
      warnings.push(
        `${path}.topologySpreadConstraints[${i}].labelSelector: a null labelSelector results ` +
          'in matching no pod',
      );
  });
  return warnings;
}

function termWarnings(term: NodeSelectorTerm, checkValues: boolean, path: string): string[] {
  return (term.matchExpressions ?? []).flatMap((expression, i) => {
    const text = deprecatedLabels[expression.key];
    const own = text ? [`${path}.matchExpressions[${i}].key: ${expression.key} is ${text}`] : [];
    if (!checkValues) return own;
    return [
      ...own,
      ...(expression.values ?? []).flatMap((value, j) =>
        validLabelValue(value).map(
          (m) => `${path}.matchExpressions[${i}].values[${j}]: ${value} is invalid, ${m}`,
        ),
      ),
    ];
  });
}

function annotationWarnings(meta: ObjectMeta, prefix: string): string[] {
  return Object.entries(deprecatedAnnotations).flatMap(([key, text]) =>
    meta.annotations?.[key] === undefined ? [] : [`${prefix}metadata.annotations[${key}]: ${text}`],
  );
}

function volumeWarnings(volumes: readonly Volume[], path: string): string[] {
  const own = volumes.flatMap((volume, i) => {
    const deprecated = deprecatedVolumes
      .filter(([field]) => volume[field] !== undefined)
      .map(
        ([field, text]) =>
          `${path}[${i}].${String(field === 'storageos' ? 'storageOS' : field)}: ${text}`,
      );
    const claim = volume.ephemeral?.volumeClaimTemplate;
    return claim
      ? [
          ...deprecated,
          ...claimSpecWarnings(`${path}[${i}].ephemeral.volumeClaimTemplate.spec`, claim.spec),
        ]
      : deprecated;
  });
  return [...own, ...overlappingPaths(volumes)];
}

function containerWarnings(container: Container, path: string): string[] {
  const { limits, requests } = container.resources ?? {};
  const warnings = bytesNames.flatMap((name) => [
    ...fractionalBytes(`${path}.resources.limits`, limits, [name]),
    ...fractionalBytes(`${path}.resources.requests`, requests, [name]),
  ]);
  const seen = new Set<string>();
  (container.env ?? []).forEach((variable, i) => {
    const reference = `$(${variable.name})`;
    const extends_ =
      !variable.valueFrom &&
      variable.value !== reference &&
      (variable.value ?? '').includes(reference);
    if (seen.has(variable.name) && !extends_)
      warnings.push(
        `${path}.env[${i}]: hides previous definition of ${JSON.stringify(variable.name)}, ` +
          'which may be dropped when using apply',
      );
    seen.add(variable.name);
  });
  return warnings;
}

function portWarnings(containers: readonly [Container, string][]): string[] {
  const warnings: string[] = [];
  const known = new Map<string, { path: string; port: ContainerPort }[]>();
  for (const [container, at] of containers) {
    (container.ports ?? []).forEach((port, i) => {
      const path = `${at}.ports[${i}]`;
      if (port.hostIP && !port.hostPort)
        warnings.push(`${path}: hostIP set without hostPort: ${goPort(port)}`);
      const key = `${port.containerPort}/${port.protocol ?? 'TCP'}`;
      const others = known.get(key) ?? [];
      for (const other of others) {
        const clash = portClash(port, other.port);
        if (clash) warnings.push(`${path}: ${clash} port definition with ${other.path}`);
      }
      known.set(key, [...others, { path, port }]);
    });
  }
  return warnings;
}

function portClash(port: ContainerPort, other: ContainerPort): string | undefined {
  const [ip, otherIp] = [port.hostIP ?? '', other.hostIP ?? ''];
  const [host, otherHost] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && host === otherHost) return 'duplicate';
  if (host === 0 || otherHost === 0) return 'overlapping';
  return host === otherHost && (ip === '') !== (otherIp === '')
    ? 'dangerously ambiguous'
    : undefined;
}

function goPort(port: ContainerPort): string {
  return (
    `{Name:${port.name ?? ''} HostPort:${port.hostPort ?? 0} ` +
    `ContainerPort:${port.containerPort} Protocol:${port.protocol ?? ''} ` +
    `HostIP:${port.hostIP ?? ''}}`
  );
}

function portNameWarnings(containers: readonly [Container, string][]): string[] {
  const warnings: string[] = [];
  const known = new Map<string, string>();
  for (const [container, at] of containers) {
    (container.ports ?? []).forEach((port, i) => {
      if (!port.name) return;
      const other = known.get(port.name);
      if (other)
        warnings.push(
          `${at}.ports[${i}]: duplicate port name ${JSON.stringify(port.name)} with ` +
            `${other}, services and probes that select ports by name will use ${other}`,
        );
      else known.set(port.name, `${at}.ports[${i}]`);
    });
  }
  return warnings;
}

function affinityWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const affinity = spec.affinity?.[name];
    (affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).forEach((term, i) => {
      if (!term.labelSelector)
        warnings.push(
          `${path}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${i}].` +
            'labelSelector: a null labelSelector results in matching no pod',
        );
    });
    (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).forEach((term, i) => {
      if (!term.podAffinityTerm.labelSelector)
        warnings.push(
          `${path}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${i}].` +
            'podAffinityTerm.labelSelector: a null labelSelector results in matching no pod',
        );
    });
  }
  return warnings;
}
