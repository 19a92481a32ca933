import type { Container, PodSpec, SELinuxOptions } from '../../api/generated/types/core-v1.ts';
import type { ObjectMeta } from '../../api/generated/types/meta-v1.ts';

export type Level = 'privileged' | 'baseline' | 'restricted';

export interface Violation {
  reason: string;
  detail: string;
}

/** `minor` is the version of the standard: the 24 of v1.24, Infinity for the latest. */
type Check = (spec: PodSpec, meta: ObjectMeta, minor: number) => Violation | undefined;

/** Windows knows none of this, and since v1.25 the standard does not ask for it. */
const isWindows = (spec: PodSpec, minor: number): boolean =>
  minor >= 25 && spec.os?.name === 'windows';

const containersOf = (spec: PodSpec): Container[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...((spec.ephemeralContainers ?? []) as Container[]),
];

const quote = (list: readonly string[]): string =>
  list.map((one) => JSON.stringify(one)).join(', ');
const named = (list: readonly Container[]): string =>
  `container${list.length > 1 ? 's' : ''} ${quote(list.map((one) => one.name))}`;

/** `pod and containers "a", "b"`: who sets a field wrongly; '' when nobody does. */
const setters = (pod: boolean, list: readonly Container[]): string =>
  [...(pod ? ['pod'] : []), ...(list.length ? [named(list)] : [])].join(' and ');

const bad = (spec: PodSpec, test: (container: Container) => boolean): Container[] =>
  containersOf(spec).filter(test);

const baselineCapabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);
/** Sysctls by the version of the standard that calls them safe. */
const safeSysctls: [since: number, names: string[]][] = [
  [
    0,
    [
      'kernel.shm_rmid_forced',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.ip_unprivileged_port_start',
      'net.ipv4.tcp_syncookies',
      'net.ipv4.ping_group_range',
    ],
  ],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [
    29,
    [
      'net.ipv4.tcp_keepalive_time',
      'net.ipv4.tcp_fin_timeout',
      'net.ipv4.tcp_keepalive_intvl',
      'net.ipv4.tcp_keepalive_probes',
    ],
  ],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
];

const hostNamespaces: Check = (spec) => {
  const set = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((one) => spec[one]);
  return set.length
    ? { reason: 'host namespaces', detail: set.map((one) => `${one}=true`).join(', ') }
    : undefined;
};

const privileged: Check = (spec) => {
  const list = bad(spec, (one) => one.securityContext?.privileged === true);
  return list.length
    ? {
        reason: 'privileged',
        detail: `${named(list)} must not set securityContext.privileged=true`,
      }
    : undefined;
};

const capabilitiesBaseline: Check = (spec) => {
  const extra = (one: Container): string[] =>
    (one.securityContext?.capabilities?.add ?? []).filter(
      (name) => !baselineCapabilities.has(name),
    );
  const list = bad(spec, (one) => extra(one).length > 0);
  if (!list.length) return undefined;
  const names = [...new Set(list.flatMap(extra))].sort();
  return {
    reason: 'non-default capabilities',
    detail: `${named(list)} must not include ${quote(names)} in securityContext.capabilities.add`,
  };
};

const hostPath: Check = (spec) => {
  const list = (spec.volumes ?? [])
    .filter((volume) => volume.hostPath)
    .map((volume) => volume.name);
  return list.length
    ? { reason: 'hostPath volumes', detail: `volume${list.length > 1 ? 's' : ''} ${quote(list)}` }
    : undefined;
};

const hostPorts: Check = (spec) => {
  const ports = (one: Container): number[] =>
    (one.ports ?? []).map((port) => port.hostPort ?? 0).filter((port) => port !== 0);
  const list = bad(spec, (one) => ports(one).length > 0);
  if (!list.length) return undefined;
  const all = [...new Set(list.flatMap(ports))].sort((a, b) => a - b);
  return {
    reason: 'hostPort',
    detail:
      `${named(list)} use${list.length > 1 ? '' : 's'} hostPort${all.length > 1 ? 's' : ''} ` +
      `${all.join(', ')}`,
  };
};

const allowedSelinux = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

const selinux: Check = (spec, _meta, minor) => {
  const types = minor >= 31 ? [...allowedSelinux, 'container_engine_t'] : allowedSelinux;
  const isBad = (one: SELinuxOptions | undefined): one is SELinuxOptions =>
    one !== undefined &&
    (!types.includes(one.type ?? '') || Boolean(one.user) || Boolean(one.role));
  const list = bad(spec, (one) => isBad(one.securityContext?.seLinuxOptions));
  const wrong = [
    spec.securityContext?.seLinuxOptions,
    ...list.map((one) => one.securityContext?.seLinuxOptions),
  ].filter(isBad);
  if (!wrong.length) return undefined;
  const badTypes = [
    ...new Set(wrong.map((one) => one.type ?? '').filter((type) => !types.includes(type))),
  ].sort();
  const parts = badTypes.length ? [`type${badTypes.length > 1 ? 's' : ''} ${quote(badTypes)}`] : [];
  if (wrong.some((one) => one.user)) parts.push('user may not be set');
  if (wrong.some((one) => one.role)) parts.push('role may not be set');
  return {
    reason: 'seLinuxOptions',
    detail:
      `${setters(isBad(spec.securityContext?.seLinuxOptions), list)} set forbidden ` +
      `securityContext.seLinuxOptions: ${parts.join('; ')}`,
  };
};

/** Since v1.35 a pod in a user namespace of its own may be root there. */
const isRemapped = (spec: PodSpec, minor: number): boolean =>
  minor >= 35 && spec.hostUsers === false;

const procMountBaseline: Check = (spec, meta, minor) =>
  isRemapped(spec, minor) ? undefined : procMount(spec, meta, minor);

const procMount: Check = (spec) => {
  const list = bad(spec, (one) => (one.securityContext?.procMount ?? 'Default') !== 'Default');
  return list.length
    ? {
        reason: 'procMount',
        detail:
          `${named(list)} must not set securityContext.procMount to ` +
          `${quote([...new Set(list.map((one) => one.securityContext?.procMount ?? ''))].sort())}`,
      }
    : undefined;
};

const seccompBaseline: Check = (spec) => {
  const who = setters(
    spec.securityContext?.seccompProfile?.type === 'Unconfined',
    bad(spec, (one) => one.securityContext?.seccompProfile?.type === 'Unconfined'),
  );
  return who
    ? {
        reason: 'seccompProfile',
        detail: `${who} must not set securityContext.seccompProfile.type to "Unconfined"`,
      }
    : undefined;
};

const sysctls: Check = (spec, _meta, minor) => {
  const safe = safeSysctls.flatMap(([since, names]) => (minor >= since ? names : []));
  const list = (spec.securityContext?.sysctls ?? [])
    .map((one) => one.name)
    .filter((name) => !safe.includes(name));
  return list.length ? { reason: 'forbidden sysctls', detail: list.join(', ') } : undefined;
};

const apparmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';

const apparmor: Check = (spec, meta) => {
  const isBad = (type: string | undefined): boolean =>
    type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';
  const pod = spec.securityContext?.appArmorProfile?.type;
  const list = bad(spec, (one) => isBad(one.securityContext?.appArmorProfile?.type));
  const annotations = Object.entries(meta.annotations ?? {}).filter(
    ([key, value]) =>
      key.startsWith(apparmorAnnotation) &&
      value !== '' &&
      value !== 'runtime/default' &&
      !value.startsWith('localhost/'),
  );
  const who = [
    setters(isBad(pod), list),
    ...(annotations.length ? [`annotation${annotations.length > 1 ? 's' : ''}`] : []),
  ]
    .filter(Boolean)
    .join(' and ');
  if (!who) return undefined;
  const types = [
    ...(isBad(pod) ? [pod ?? ''] : []),
    ...list.map((one) => one.securityContext?.appArmorProfile?.type ?? ''),
  ];
  const values = [
    ...[...new Set(types)].sort(),
    ...annotations.map(([key, value]) => `${key}=${JSON.stringify(value)}`).sort(),
  ];
  return {
    reason: `forbidden AppArmor profile${values.length > 1 ? 's' : ''}`,
    detail: `${who} must not set AppArmor profile type to ${quote(values)}`,
  };
};

const probeHost: Check = (spec, _meta, minor) => {
  if (minor < 34) return undefined;
  const hostsOf = (one: Container): string[] => {
    const handlers = [
      one.livenessProbe,
      one.readinessProbe,
      one.startupProbe,
      one.lifecycle?.postStart,
      one.lifecycle?.preStop,
    ];
    return handlers
      .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
      .filter((host): host is string => Boolean(host));
  };
  const names = [
    ...new Set(bad(spec, (one) => hostsOf(one).length > 0).map((one) => one.name)),
  ].sort();
  if (!names.length) return undefined;
  const hosts = [...new Set(containersOf(spec).flatMap(hostsOf))].sort();
  const plural = names.length > 1;
  return {
    reason: 'probe or lifecycle host',
    detail:
      `container${plural ? 's' : ''} ${quote(names)} use${plural ? '' : 's'} probe or ` +
      `lifecycle host${hosts.length > 1 ? 's' : ''} ${quote(hosts)}`,
  };
};

const hostProcess: Check = (spec) => {
  const list = bad(spec, (one) => one.securityContext?.windowsOptions?.hostProcess === true);
  const who = setters(spec.securityContext?.windowsOptions?.hostProcess === true, list);
  return who
    ? {
        reason: 'hostProcess',
        detail: `${who} must not set securityContext.windowsOptions.hostProcess=true`,
      }
    : undefined;
};

const allowPrivilegeEscalation: Check = (spec, _meta, minor) => {
  if (minor < 8 || isWindows(spec, minor)) return undefined;
  const list = bad(spec, (one) => one.securityContext?.allowPrivilegeEscalation !== false);
  return list.length
    ? {
        reason: 'allowPrivilegeEscalation != false',
        detail: `${named(list)} must set securityContext.allowPrivilegeEscalation=false`,
      }
    : undefined;
};

const capabilitiesRestricted: Check = (spec, _meta, minor) => {
  if (isWindows(spec, minor)) return undefined;
  const noDrop = bad(
    spec,
    (one) => !(one.securityContext?.capabilities?.drop ?? []).includes('ALL'),
  );
  const adds = bad(spec, (one) =>
    (one.securityContext?.capabilities?.add ?? []).some((name) => name !== 'NET_BIND_SERVICE'),
  );
  if (!noDrop.length && !adds.length) return undefined;
  const parts: string[] = [];
  if (noDrop.length)
    parts.push(`${named(noDrop)} must set securityContext.capabilities.drop=["ALL"]`);
  if (adds.length) {
    const names = [...new Set(adds.flatMap((one) => one.securityContext?.capabilities?.add ?? []))]
      .filter((name) => name !== 'NET_BIND_SERVICE')
      .sort();
    parts.push(
      `${named(adds)} must not include ${quote(names)} in securityContext.capabilities.add`,
    );
  }
  return { reason: 'unrestricted capabilities', detail: parts.join('; ') };
};

const volumeKinds = new Set([
  'name',
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
  'image',
]);

const volumes: Check = (spec) => {
  const list = (spec.volumes ?? []).filter((volume) =>
    Object.keys(volume).some((key) => !volumeKinds.has(key)),
  );
  if (!list.length) return undefined;
  const types = [
    ...new Set(
      list.flatMap((volume) => Object.keys(volume).filter((key) => !volumeKinds.has(key))),
    ),
  ].sort();
  const names = list.map((volume) => volume.name);
  return {
    reason: 'restricted volume types',
    detail:
      `volume${names.length > 1 ? 's' : ''} ${quote(names)} use${names.length > 1 ? '' : 's'} ` +
      `restricted volume type${types.length > 1 ? 's' : ''} ${quote(types)}`,
  };
};

const runAsNonRoot: Check = (spec, _meta, minor) => {
  if (isRemapped(spec, minor)) return undefined;
  const pod = spec.securityContext?.runAsNonRoot;
  const who = setters(
    pod === false,
    bad(spec, (one) => one.securityContext?.runAsNonRoot === false),
  );
  if (who)
    return {
      reason: 'runAsNonRoot != true',
      detail: `${who} must not set securityContext.runAsNonRoot=false`,
    };
  const lacking =
    pod === true ? [] : bad(spec, (one) => one.securityContext?.runAsNonRoot !== true);
  return lacking.length
    ? {
        reason: 'runAsNonRoot != true',
        detail: `pod or ${named(lacking)} must set securityContext.runAsNonRoot=true`,
      }
    : undefined;
};

const runAsUser: Check = (spec, _meta, minor) => {
  if (minor < 23 || isRemapped(spec, minor)) return undefined;
  const who = setters(
    spec.securityContext?.runAsUser === 0,
    bad(spec, (one) => one.securityContext?.runAsUser === 0),
  );
  return who ? { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` } : undefined;
};

/**
 * Any other profile is refused, also one of the pod when all its containers have a good one; then
 * somebody must have said a good one.
 */
const seccompRestricted: Check = (spec, _meta, minor) => {
  if (isWindows(spec, minor)) return undefined;
  const good = (type: string | undefined): boolean =>
    type === 'RuntimeDefault' || type === 'Localhost';
  const pod = spec.securityContext?.seccompProfile?.type;
  const wrong = bad(
    spec,
    (one) =>
      one.securityContext?.seccompProfile !== undefined &&
      !good(one.securityContext.seccompProfile?.type),
  );
  const types = [
    ...(pod !== undefined && !good(pod) ? [pod] : []),
    ...wrong.map((one) => one.securityContext?.seccompProfile?.type ?? ''),
  ];
  const who = setters(pod !== undefined && !good(pod), wrong);
  if (who)
    return {
      reason: 'seccompProfile',
      detail:
        `${who} must not set securityContext.seccompProfile.type to ` +
        `${quote([...new Set(types)].sort())}`,
    };
  const lacking = good(pod) ? [] : bad(spec, (one) => !one.securityContext?.seccompProfile);
  return lacking.length
    ? {
        reason: 'seccompProfile',
        detail:
          `pod or ${named(lacking)} must set securityContext.seccompProfile.type to ` +
          '"RuntimeDefault" or "Localhost"',
      }
    : undefined;
};

const baseline: Check[] = [
  apparmor,
  capabilitiesBaseline,
  hostNamespaces,
  hostPath,
  hostPorts,
  probeHost,
  privileged,
  procMountBaseline,
  selinux,
  seccompBaseline,
  sysctls,
  hostProcess,
];

/** A check of the versions before this one, or from it on. */
const before =
  (version: number, check: Check): Check =>
  (spec, meta, minor) =>
    minor < version ? check(spec, meta, minor) : undefined;
const since =
  (version: number, check: Check): Check =>
  (spec, meta, minor) =>
    minor < version ? undefined : check(spec, meta, minor);

/** First what is asked of everybody, where nothing stricter takes its place. */
const restricted: Check[] = [
  apparmor,
  before(22, capabilitiesBaseline),
  hostNamespaces,
  hostPorts,
  probeHost,
  privileged,
  before(35, procMount),
  selinux,
  before(19, seccompBaseline),
  sysctls,
  hostProcess,
  allowPrivilegeEscalation,
  since(22, capabilitiesRestricted),
  since(35, procMount),
  volumes,
  runAsNonRoot,
  runAsUser,
  since(19, seccompRestricted),
];

/**
 * What a pod does that its level forbids, in upstream's order and words (pod-security-admission
 * policy).
 */
export function violations(
  meta: ObjectMeta,
  spec: PodSpec,
  level: Level,
  minor: number,
): Violation[] {
  if (level === 'privileged') return [];
  return (level === 'baseline' ? baseline : restricted).flatMap(
    (check) => check(spec, meta, minor) ?? [],
  );
}
