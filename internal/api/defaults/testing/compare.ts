import { fieldsOf, type KubeObject } from '../../object.ts';

type Values = Record<string, unknown>;

/** Takes away what creation and admission add, so that only defaulting is compared. */
export function onlyDefaults(object: KubeObject): Values {
  const copy = fieldsOf(structuredClone(object));
  const metadata = copy['metadata'] as Values;
  for (const name of [
    'uid',
    'creationTimestamp',
    'managedFields',
    'generation',
    'namespace',
    'resourceVersion',
    'finalizers',
  ])
    delete metadata[name];
  const spec = copy['spec'] as Values | undefined;
  if (copy['kind'] === 'Pod' && spec)
    for (const name of [
      'tolerations',
      'priority',
      'preemptionPolicy',
      'serviceAccount',
      'serviceAccountName',
    ])
      delete spec[name];
  if (copy['kind'] === 'Service' && spec)
    for (const name of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'])
      delete spec[name];
  if (copy['kind'] === 'Namespace' || copy['kind'] === 'Node') delete copy['spec'];
  if (
    [
      'Pod',
      'CustomResourceDefinition',
      'FlowSchema',
      'PriorityLevelConfiguration',
      'ValidatingAdmissionPolicy',
    ].includes(String(copy['kind']))
  )
    delete copy['status'];
  if (copy['kind'] === 'DaemonSet') delete metadata['annotations'];
  if (copy['kind'] === 'PersistentVolume')
    delete (copy['status'] as Values)['lastPhaseTransitionTime'];
  // The endpoints strategy labels what has no selector; the job strategy labels its pods.
  if (copy['kind'] === 'Endpoints') delete metadata['labels'];
  return sorted(copy) as Values;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
