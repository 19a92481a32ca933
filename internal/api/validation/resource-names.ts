import { qualifiedName } from '../names.ts';

const compute = ['cpu', 'memory', 'ephemeral-storage'];
const quotas = [
  ...compute,
  ...compute.map((n) => `requests.${n}`),
  ...compute.map((n) => `limits.${n}`),
  'requests.storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
const standardQuota: ReadonlySet<string> = new Set(quotas);
const standard: ReadonlySet<string> = new Set([...quotas, 'storage']);
const integers: ReadonlySet<string> = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

export const isHugePages = (name: string): boolean => name.startsWith('hugepages-');
const isQuotaHugePages = (name: string): boolean =>
  isHugePages(name) || name.startsWith('requests.hugepages-');
/** Of the kubernetes.io namespace, which a name without a prefix is in too. */
export const isNativeResource = (name: string): boolean =>
  !name.includes('/') || name.includes('kubernetes.io/');
export const isStandardResource = (name: string): boolean =>
  standard.has(name) || isQuotaHugePages(name);
export const isStandardQuotaResource = (name: string): boolean =>
  standardQuota.has(name) || isQuotaHugePages(name);
export const isStandardContainerResource = (name: string): boolean =>
  compute.includes(name) || isHugePages(name);

/** What a device plugin or a person adds: `example.com/gpu`. */
export function isExtendedResource(name: string): boolean {
  return (
    !isNativeResource(name) &&
    !name.startsWith('requests.') &&
    qualifiedName(`requests.${name}`).length === 0
  );
}

export const isIntegerResource = (name: string): boolean =>
  integers.has(name) || isExtendedResource(name);
export const isOvercommitAllowed = (name: string): boolean =>
  isNativeResource(name) && !isHugePages(name);
