import { table } from '../../base/own.ts';
import type {
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  Service,
} from '../../api/generated/types/core-v1.ts';
import type { ResourceClaim } from '../../api/generated/types/resource-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { Quantity, quantityOf } from '../../api/quantity.ts';
import { podTotals, type Totals } from './pod-totals.ts';

const one = Quantity.of(1);

/** Old names of counts that quotas still use. */
const plainCounts: Record<string, string> = table({
  pods: 'pods',
  services: 'services',
  replicationcontrollers: 'replicationcontrollers',
  resourcequotas: 'resourcequotas',
  secrets: 'secrets',
  configmaps: 'configmaps',
  persistentvolumeclaims: 'persistentvolumeclaims',
});

/** What an object costs of each quota resource (pkg/quota evaluators). */
export function usageOf(resource: { group: string; resource: string }, object: KubeObject): Totals {
  const usage: Totals = new Map();
  const name = resource.group ? `${resource.resource}.${resource.group}` : resource.resource;
  usage.set(`count/${name}`, one);
  const plain = resource.group === '' ? plainCounts[resource.resource] : undefined;
  if (plain) usage.set(plain, one);
  if (isDeviceClaim(resource)) return deviceUsage(object as ResourceClaim, usage);
  if (resource.group !== '') return usage;
  if (resource.resource === 'pods') return podUsage(object as Pod, usage);
  if (resource.resource === 'services') return serviceUsage(object as Service, usage);
  if (resource.resource === 'persistentvolumeclaims')
    return claimUsage(object as PersistentVolumeClaim, usage);
  return usage;
}

function podUsage(pod: Pod, usage: Totals): Totals {
  // Ended pods, and pods that are overdue to be gone, hold only their count as objects.
  if (isOver(pod)) {
    usage.delete('pods');
    return usage;
  }
  for (const [name, quantity] of podTotals(pod.spec, 'requests')) {
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage')
      usage.set(name, quantity);
    usage.set(`requests.${name}`, quantity);
    if (name.startsWith('hugepages-')) usage.set(name, quantity);
  }
  for (const [name, quantity] of podTotals(pod.spec, 'limits'))
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name))
      usage.set(`limits.${name}`, quantity);
  return usage;
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

function serviceUsage(service: Service, usage: Totals): Totals {
  const ports = service.spec?.ports ?? [];
  const type = service.spec?.type;
  const allocates = service.spec?.allocateLoadBalancerNodePorts ?? true;
  if (type === 'NodePort') usage.set('services.nodeports', Quantity.of(ports.length));
  if (type === 'LoadBalancer') {
    usage.set('services.loadbalancers', one);
    usage.set(
      'services.nodeports',
      Quantity.of(allocates ? ports.length : ports.filter((port) => port.nodePort).length),
    );
  }
  return usage;
}

function claimUsage(claim: PersistentVolumeClaim, usage: Totals): Totals {
  const asked = quantityOf(claim.spec.resources?.requests?.['storage']);
  const allocated = quantityOf(claim.status?.allocatedResources?.['storage']);
  const size = Quantity.of((allocated.cmp(asked) > 0 ? allocated : asked).value(), asked.format);
  const storageClass =
    claim.spec.storageClassName ??
    claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'];
  usage.set('requests.storage', size);
  if (storageClass) {
    usage.set(`${storageClass}.storageclass.storage.k8s.io/requests.storage`, size);
    usage.set(`${storageClass}.storageclass.storage.k8s.io/persistentvolumeclaims`, one);
  }
  return usage;
}

const isDeviceClaim = ({ group, resource }: { group: string; resource: string }): boolean =>
  group === 'resource.k8s.io' && resource === 'resourceclaims';

/** What a request for all devices of a class counts: as many as can be allocated. */
const mostDevices = 32;

/** Devices by class. Of alternatives the one that asks for the most of a class counts. */
function deviceUsage(claim: ResourceClaim, usage: Totals): Totals {
  for (const { exactly, firstAvailable = [] } of claim.spec?.devices?.requests ?? []) {
    const worst = new Map<string, number>();
    for (const { deviceClassName, allocationMode, count } of firstAvailable.length > 0
      ? firstAvailable
      : exactly
        ? [exactly]
        : []) {
      const devices =
        allocationMode === 'All'
          ? mostDevices
          : allocationMode === 'ExactCount'
            ? Number(count ?? 0)
            : 0;
      worst.set(deviceClassName ?? '', Math.max(devices, worst.get(deviceClassName ?? '') ?? 0));
    }
    for (const [name, devices] of worst) {
      const key = `${name}.deviceclass.resource.k8s.io/devices`;
      usage.set(key, (usage.get(key) ?? Quantity.of(0)).add(Quantity.of(devices)));
    }
  }
  return usage;
}

/** Whether a quota looks at this object at all. */
export function quotaCovers(
  quota: ResourceQuota,
  resource: { group: string; resource: string },
  object: KubeObject,
): boolean {
  const { scopes = [], scopeSelector } = quota.spec ?? {};
  const terms = [
    ...scopes.map((scopeName) => ({ scopeName, operator: 'Exists', values: [] as string[] })),
    ...(scopeSelector?.matchExpressions ?? []),
  ];
  if (terms.length === 0) return true;
  if (resource.group === '' && resource.resource === 'persistentvolumeclaims')
    return terms.every((term) =>
      claimInScope(
        object as PersistentVolumeClaim,
        term.scopeName,
        term.operator,
        term.values ?? [],
      ),
    );
  if (resource.group !== '' || resource.resource !== 'pods') return false;
  return terms.every((term) =>
    podInScope(object as Pod, term.scopeName, term.operator, term.values ?? []),
  );
}

/** A claim has the class it asks for, the one it still has, and the one it is on its way to. */
function claimInScope(
  { spec, status }: PersistentVolumeClaim,
  scope: string,
  operator: string,
  values: readonly string[],
): boolean {
  if (scope !== 'VolumeAttributesClass') return false;
  const names = [
    spec.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter(Boolean) as string[];
  if (operator === 'Exists') return names.length > 0;
  if (operator === 'DoesNotExist') return names.length === 0;
  if (operator === 'In') return names.some((name) => values.includes(name));
  return names.length === 0 || names.some((name) => !values.includes(name));
}

function podInScope(pod: Pod, scope: string, operator: string, values: readonly string[]): boolean {
  switch (scope) {
    case 'Terminating':
      return (
        pod.spec.activeDeadlineSeconds !== undefined &&
        pod.spec.activeDeadlineSeconds !== null &&
        pod.spec.activeDeadlineSeconds >= 0
      );
    case 'NotTerminating':
      return (
        pod.spec.activeDeadlineSeconds === undefined || pod.spec.activeDeadlineSeconds === null
      );
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass': {
      const name = pod.spec.priorityClassName ?? '';
      if (operator === 'Exists') return name !== '';
      if (operator === 'DoesNotExist') return name === '';
      return operator === 'In' ? values.includes(name) : !values.includes(name);
    }
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function isBestEffort(pod: Pod): boolean {
  const named = (list: Record<string, string> | undefined): boolean =>
    Object.entries(list ?? {}).some(
      ([name, text]) => (name === 'cpu' || name === 'memory') && !quantityOf(text).isZero(),
    );
  if (named(pod.spec.resources?.requests) || named(pod.spec.resources?.limits)) return false;
  return ![...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some(
    (container) => named(container.resources?.requests) || named(container.resources?.limits),
  );
}

function crossesNamespaces(pod: Pod): boolean {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const terms = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (weighted) => weighted.podAffinityTerm,
    ),
  ]);
  return terms.some(
    (term) => (term.namespaces?.length ?? 0) > 0 || term.namespaceSelector !== undefined,
  );
}
