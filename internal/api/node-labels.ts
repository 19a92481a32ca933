const ownNamespaces = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const ownLabels = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
]);

const within = (namespace: string, of: string): boolean =>
  namespace === of || namespace.endsWith(`.${of}`);

/**
 * Labels by which others steer pods are not a node's to set, change or remove (admission plugin
 * NodeRestriction).
 */
export function isForbiddenNodeLabel(key: string): boolean {
  const namespace = key.includes('/') ? key.slice(0, key.indexOf('/')) : '';
  if (within(namespace, 'node-restriction.kubernetes.io')) return true;
  if (!within(namespace, 'kubernetes.io') && !within(namespace, 'k8s.io')) return false;
  return !ownLabels.has(key) && !ownNamespaces.some((one) => within(namespace, one));
}
