import type { ObjectFieldSelector, ResourceFieldSelector } from '../generated/types/core-v1.ts';
import { qualifiedName } from '../names.ts';
import { canonicalQuantity, quantityOf } from '../quantity.ts';
import type { Problems } from './problems.ts';

const known = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.serviceAccountName',
  'spec.schedulerName',
  'status.phase',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]);
export const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const volumeFieldPaths = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const resources = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const hugePages = ['limits.hugepages-', 'requests.hugepages-'];
const sizes = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

export function checkFieldRef(
  problems: Problems,
  ref: ObjectFieldSelector,
  expressions: readonly string[],
  path: string,
): void {
  const { apiVersion, fieldPath } = ref;
  if (!apiVersion) return problems.required(`${path}.apiVersion`);
  if (!fieldPath) return problems.required(`${path}.fieldPath`);
  const convert = (text: string): void =>
    problems.invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${text}`);
  if (apiVersion !== 'v1') return convert(`unsupported pod version: ${apiVersion}`);
  const subscripted = /^(.*)\['(.*)'\]$/.exec(fieldPath);
  if (subscripted) {
    const [, field = '', key = ''] = subscripted;
    if (field !== 'metadata.annotations' && field !== 'metadata.labels')
      return convert(`field label does not support subscript: ${fieldPath}`);
    return problems.check(
      path,
      field === 'metadata.annotations' ? key.toLowerCase() : key,
      qualifiedName,
    );
  }
  const internal = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath;
  if (!known.has(internal)) return convert(`field label not supported: ${fieldPath}`);
  if (!expressions.includes(internal))
    problems.notSupported(`${path}.fieldPath`, internal, expressions);
}

export function checkResourceRef(
  problems: Problems,
  ref: ResourceFieldSelector,
  path: string,
  inVolume: boolean,
): void {
  const { resource, containerName, divisor } = ref;
  if (inVolume && !containerName) problems.required(`${path}.containerName`);
  else if (!resource) problems.required(`${path}.resource`);
  else if (
    !resources.includes(resource) &&
    !hugePages.some((prefix) => resource.startsWith(prefix))
  )
    problems.notSupported(`${path}.resource`, resource, resources);
  if (quantityOf(divisor).isZero()) return;
  const unit = canonicalQuantity(divisor ?? '0');
  const refuse = (what: string): void =>
    problems.invalid(`${path}.divisor`, resource, `only divisor's values ${what} resource`);
  const all = '1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the';
  if (resource?.endsWith('.cpu') && !['1m', '1'].includes(unit))
    refuse('1m and 1 are supported with the cpu');
  if (resource?.endsWith('.memory') && !sizes.includes(unit)) refuse(`${all} memory`);
  if (resource?.endsWith('.ephemeral-storage') && !sizes.includes(unit))
    refuse(`${all} local ephemeral storage`);
  if (hugePages.some((prefix) => resource?.startsWith(prefix)) && !sizes.includes(unit))
    refuse(`${all} hugepages`);
}
