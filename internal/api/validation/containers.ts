import type {
  Container,
  ContainerPort,
  ContainerResizePolicy,
  EphemeralContainer,
  PodSpec,
  Volume,
  VolumeDevice,
  VolumeMount,
} from '../generated/types/core-v1.ts';
import { dns1123Label, validPortName, validPortNumber } from '../names.ts';
import { checkEnv, checkEnvFrom } from './container-env.ts';
import { checkLifecycle, checkProbes } from './container-probes.ts';
import { checkDescendingPath } from './pod-paths.ts';
import type { Problems } from './problems.ts';
import { checkRequirements } from './resources.ts';
import { checkContainerSecurity } from './security-context.ts';

/** What containers are checked against. */
export interface PodContext {
  spec: PodSpec;
  /** Volumes that are themselves right. */
  volumes: ReadonlyMap<string, Volume>;
  claims: ReadonlySet<string>;
}

export const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

export function checkContainers(problems: Problems, context: PodContext, path: string): void {
  const { spec } = context;
  const containers = spec.containers ?? [];
  if (containers.length === 0) return problems.required(path);
  const names = new Set<string>();
  containers.forEach((container, i) => {
    const at = `${path}[${i}]`;
    checkCommon(problems, container, context, at);
    if (names.has(container.name)) problems.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    if (container.lifecycle)
      checkLifecycle(
        problems,
        container.lifecycle,
        spec.terminationGracePeriodSeconds,
        `${at}.lifecycle`,
      );
    checkProbes(problems, container, spec.terminationGracePeriodSeconds, at);
    checkRestartRules(problems, container, at);
  });
  checkHostPorts(problems, containers, path);
}

export function checkInitContainers(problems: Problems, context: PodContext, path: string): void {
  const { spec } = context;
  const names = new Set((spec.containers ?? []).map((c) => c.name));
  (spec.initContainers ?? []).forEach((container, i) => {
    const at = `${path}[${i}]`;
    checkCommon(problems, container, context, at);
    checkRestartRules(problems, container, at);
    if (names.has(container.name)) problems.duplicate(`${at}.name`, container.name);
    else if (container.name) names.add(container.name);
    checkHostPorts(problems, [container], path);
    const sidecar = container.restartPolicy === 'Always';
    if (sidecar) {
      if (container.lifecycle)
        checkLifecycle(
          problems,
          container.lifecycle,
          spec.terminationGracePeriodSeconds,
          `${at}.lifecycle`,
        );
      checkProbes(problems, container, spec.terminationGracePeriodSeconds, at);
      return;
    }
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field])
        problems.forbidden(
          `${at}.${field}`,
          'may not be set for init containers without restartPolicy=Always',
        );
    }
    (container.resizePolicy ?? []).forEach(({ restartPolicy }, j) => {
      if (restartPolicy === 'RestartContainer')
        problems.invalid(
          `${at}.resizePolicy[${j}].restartPolicy`,
          restartPolicy,
          "must not be set to 'RestartContainer' for non-sidecar initContainers",
        );
    });
  });
}

const notEphemeral: readonly (keyof EphemeralContainer)[] = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
];

export function checkEphemeralContainers(
  problems: Problems,
  context: PodContext,
  path: string,
): void {
  const { spec } = context;
  const others = new Set(
    [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((c) => c.name),
  );
  const names = new Set(others);
  (spec.ephemeralContainers ?? []).forEach((container, i) => {
    const at = `${path}[${i}]`;
    checkCommon(problems, container as Container, context, at);
    checkImageSpaces(problems, container, at);
    if (names.has(container.name)) problems.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) problems.notFound(`${at}.targetContainerName`, target);
    for (const field of notEphemeral)
      if (isSet(container[field]))
        problems.forbidden(`${at}.${field}`, 'cannot be set for an Ephemeral Container');
    (container.volumeMounts ?? []).forEach((mount, j) => {
      for (const field of ['subPath', 'subPathExpr'] as const)
        if (mount[field])
          problems.forbidden(
            `${at}.volumeMounts[${j}].${field}`,
            'cannot be set for an Ephemeral Container',
          );
    });
  });
}

function isSet(value: unknown): boolean {
  return (
    value !== undefined &&
    value !== null &&
    value !== '' &&
    !(typeof value === 'object' && Object.keys(value).length === 0)
  );
}

export function checkImageSpaces(
  problems: Problems,
  container: { image?: string },
  path: string,
): void {
  const { image = '' } = container;
  if (image !== image.trim())
    problems.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace');
}

function checkCommon(
  problems: Problems,
  container: Container,
  context: PodContext,
  path: string,
): void {
  if (!container.name) problems.required(`${path}.name`);
  else problems.check(`${path}.name`, container.name, dns1123Label);
  if (!container.image) problems.required(`${path}.image`);
  problems.oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, [
    'File',
    'FallbackToLogsOnError',
  ]);
  checkPorts(problems, container.ports ?? [], `${path}.ports`);
  checkEnv(problems, container.env ?? [], `${path}.env`);
  checkEnvFrom(problems, container.envFrom ?? [], `${path}.envFrom`);
  checkMounts(problems, container, context, `${path}.volumeMounts`);
  checkDevices(problems, container, context, `${path}.volumeDevices`);
  problems.oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, pullPolicies);
  checkRequirements(problems, container.resources, `${path}.resources`, { claims: context.claims });
  checkResizePolicy(
    problems,
    container.resizePolicy ?? [],
    context.spec.restartPolicy ?? '',
    `${path}.resizePolicy`,
  );
  checkContainerSecurity(
    problems,
    container.securityContext,
    `${path}.securityContext`,
    context.spec.hostUsers !== false,
  );
}

export function checkPullPolicy(
  problems: Problems,
  policy: string | undefined,
  field: string,
): void {
  problems.oneOf(field, policy, pullPolicies);
}

function checkPorts(problems: Problems, ports: readonly ContainerPort[], path: string): void {
  const names = new Set<string>();
  ports.forEach((port, i) => {
    const at = `${path}[${i}]`;
    if (port.name) {
      const wrong = validPortName(port.name);
      for (const m of wrong) problems.invalid(`${at}.name`, port.name, m);
      if (wrong.length === 0) {
        if (names.has(port.name)) problems.duplicate(`${at}.name`, port.name);
        names.add(port.name);
      }
    }
    if (!port.containerPort) problems.required(`${at}.containerPort`);
    else
      for (const m of validPortNumber(port.containerPort))
        problems.invalid(`${at}.containerPort`, port.containerPort, m);
    if (port.hostPort)
      for (const m of validPortNumber(port.hostPort))
        problems.invalid(`${at}.hostPort`, port.hostPort, m);
    problems.oneOf(`${at}.protocol`, port.protocol, protocols);
  });
}

function checkHostPorts(problems: Problems, containers: readonly Container[], path: string): void {
  const seen = new Set<string>();
  containers.forEach((container, i) => {
    (container.ports ?? []).forEach((port, j) => {
      if (!port.hostPort) return;
      const key = `${port.protocol ?? ''}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (seen.has(key)) problems.duplicate(`${path}[${i}].ports[${j}].hostPort`, key);
      seen.add(key);
    });
  });
}

function checkMounts(
  problems: Problems,
  container: Container,
  context: PodContext,
  path: string,
): void {
  const paths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  const [deviceNames, devicePaths] = [
    new Set(devices.map((d) => d.name)),
    new Set(devices.map((d) => d.devicePath)),
  ];
  (container.volumeMounts ?? []).forEach((mount, i) => {
    const at = `${path}[${i}]`;
    if (!mount.name) problems.required(`${at}.name`);
    if (!context.volumes.has(mount.name)) problems.notFound(`${at}.name`, mount.name);
    if (!mount.mountPath) problems.required(`${at}.mountPath`);
    if (paths.has(mount.mountPath))
      problems.invalid(`${at}.mountPath`, mount.mountPath, 'must be unique');
    paths.add(mount.mountPath);
    if (deviceNames.has(mount.name))
      problems.invalid(`${at}.name`, mount.name, 'must not already exist in volumeDevices');
    if (devicePaths.has(mount.mountPath))
      problems.invalid(
        `${at}.mountPath`,
        mount.mountPath,
        'must not already exist as a path in volumeDevices',
      );
    // Upstream names the list, not the item, from here on.
    if (mount.subPath) checkDescendingPath(problems, mount.subPath, `${path}.subPath`);
    if (mount.subPathExpr) {
      if (mount.subPath)
        problems.invalid(
          `${at}.subPathExpr`,
          mount.subPathExpr,
          'subPathExpr and subPath are mutually exclusive',
        );
      checkDescendingPath(problems, mount.subPathExpr, `${path}.subPathExpr`);
    }
    checkPropagation(problems, mount, container, path);
  });
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

function checkPropagation(
  problems: Problems,
  mount: VolumeMount,
  container: Container,
  path: string,
): void {
  const { mountPropagation, recursiveReadOnly } = mount;
  if (mountPropagation !== undefined) {
    if (!propagations.includes(mountPropagation))
      problems.notSupported(`${path}.mountPropagation`, mountPropagation, propagations);
    if (mountPropagation === 'Bidirectional' && !container.securityContext?.privileged) {
      problems.forbidden(
        `${path}.mountPropagation`,
        'Bidirectional mount propagation is available only to privileged containers',
      );
    }
  }
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return;
  if (!['Enabled', 'IfPossible'].includes(recursiveReadOnly))
    return problems.notSupported(`${path}.recursiveReadOnly`, recursiveReadOnly, [
      'Disabled',
      'Enabled',
      'IfPossible',
    ]);
  if (!mount.readOnly)
    problems.forbidden(`${path}.recursiveReadOnly`, 'may only be specified when readOnly is true');
  if (mountPropagation !== undefined && mountPropagation !== 'None')
    problems.forbidden(
      `${path}.recursiveReadOnly`,
      'may only be specified when mountPropagation is None or not specified',
    );
}

function checkDevices(
  problems: Problems,
  container: Container,
  context: PodContext,
  path: string,
): void {
  const [names, paths] = [new Set<string>(), new Set<string>()];
  const mounts = container.volumeMounts ?? [];
  const [mountNames, mountPaths] = [
    new Set(mounts.map((m) => m.name)),
    new Set(mounts.map((m) => m.mountPath)),
  ];
  (container.volumeDevices ?? []).forEach(({ name, devicePath }: VolumeDevice, i) => {
    const at = `${path}[${i}]`;
    const volume = context.volumes.get(name);
    if (!name) problems.required(`${at}.name`);
    if (names.has(name)) problems.invalid(`${at}.name`, name, 'must be unique');
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral)
      problems.invalid(
        `${at}.name`,
        name,
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
      );
    if (!volume) problems.notFound(`${at}.name`, name);
    if (!devicePath) problems.required(`${at}.devicePath`);
    if (paths.has(devicePath)) problems.invalid(`${at}.devicePath`, devicePath, 'must be unique');
    if (devicePath?.split('/').includes('..'))
      problems.invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')");
    else paths.add(devicePath);
    if (mountNames.has(name))
      problems.invalid(`${at}.name`, name, 'must not already exist in volumeMounts');
    if (mountPaths.has(devicePath))
      problems.invalid(
        `${at}.devicePath`,
        devicePath,
        'must not already exist as a path in volumeMounts',
      );
    if (name) names.add(name);
  });
}

function checkResizePolicy(
  problems: Problems,
  policies: readonly ContainerResizePolicy[],
  podRestartPolicy: string,
  path: string,
): void {
  const seen = new Set<string>();
  policies.forEach(({ resourceName, restartPolicy }, i) => {
    if (seen.has(resourceName)) problems.duplicate(`${path}[${i}]`, resourceName);
    seen.add(resourceName);
    problems.oneOf(path, resourceName, ['cpu', 'memory']);
    problems.oneOf(path, restartPolicy, ['NotRequired', 'RestartContainer']);
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired')
      problems.invalid(
        path,
        restartPolicy,
        "must be 'NotRequired' when pod `restartPolicy` is 'Never'",
      );
  });
}

function checkRestartRules(problems: Problems, container: Container, path: string): void {
  const rules = container.restartPolicyRules ?? [];
  const policies = ['Always', 'Never', 'OnFailure'];
  if (container.restartPolicy === undefined) {
    if (rules.length > 0)
      problems.required(
        `${path}.restartPolicy`,
        'must specify restartPolicy when restart rules are used',
      );
    else return;
  } else if (!policies.includes(container.restartPolicy))
    problems.notSupported(`${path}.restartPolicy`, container.restartPolicy, policies);
  if (rules.length > 20) problems.tooMany(`${path}.restartPolicyRules`, rules.length, 20);
  rules.forEach((rule, i) => {
    const at = `${path}.restartPolicyRules[${i}]`;
    if (!['Restart', 'RestartAllContainers'].includes(rule.action ?? ''))
      problems.notSupported(`${at}.action`, rule.action ?? '', ['Restart', 'RestartAllContainers']);
    if (!rule.exitCodes) return problems.required(`${at}.exitCodes`, 'must be specified');
    if (!['In', 'NotIn'].includes(rule.exitCodes.operator ?? ''))
      problems.notSupported(`${at}.exitCodes.operator`, rule.exitCodes.operator ?? '', [
        'In',
        'NotIn',
      ]);
    if ((rule.exitCodes.values ?? []).length > 255)
      problems.tooMany(`${at}.exitCodes.values`, rule.exitCodes.values?.length ?? 0, 255);
  });
}
