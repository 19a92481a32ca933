import {
  each,
  isMap,
  isUnset,
  itemsOf,
  mapAt,
  need,
  under,
  unset,
  within,
  type Fields,
  type Rule,
  type Rules,
} from './rule.ts';

const core = 'io.k8s.api.core.v1.';

function externallyAccessible(spec: Fields): boolean {
  if (spec['type'] === 'LoadBalancer' || spec['type'] === 'NodePort') return true;
  return (
    spec['type'] === 'ClusterIP' &&
    Array.isArray(spec['externalIPs']) &&
    spec['externalIPs'].length > 0
  );
}

function serviceAffinity(spec: Fields): void {
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  if (spec['sessionAffinity'] !== 'ClientIP') return;
  const config = mapAt(spec, 'sessionAffinityConfig');
  const clientIp = config && mapAt(config, 'clientIP');
  if (!clientIp || isUnset(clientIp['timeoutSeconds']))
    spec['sessionAffinityConfig'] = { clientIP: { timeoutSeconds: 10_800 } };
}

const service: Rule = (object, context) => {
  const spec = need(object, 'spec');
  unset({ sessionAffinity: 'None' })(spec, context);
  serviceAffinity(spec);
  unset({ type: 'ClusterIP' })(spec, context);
  for (const port of itemsOf(spec['ports'])) {
    if (isUnset(port['protocol'])) port['protocol'] = 'TCP';
    if (isUnset(port['targetPort']) || port['targetPort'] === 0)
      port['targetPort'] = port['port'] ?? 0;
  }
  if (externallyAccessible(spec) && isUnset(spec['externalTrafficPolicy']))
    spec['externalTrafficPolicy'] = 'Cluster';
  if (spec['type'] !== 'ExternalName' && isUnset(spec['internalTrafficPolicy']))
    spec['internalTrafficPolicy'] = 'Cluster';
  if (spec['type'] !== 'LoadBalancer') return;
  if (isUnset(spec['allocateLoadBalancerNodePorts'])) spec['allocateLoadBalancerNodePorts'] = true;
  within(
    'status.loadBalancer',
    each(
      'ingress',
      (ingress) =>
        void (!isUnset(ingress['ip']) && isUnset(ingress['ipMode']) && (ingress['ipMode'] = 'VIP')),
    ),
  )(object, context);
};

const replicationController: Rule = (object) => {
  const spec = mapAt(object, 'spec');
  const template = spec && mapAt(spec, 'template');
  const labels = template && mapAt(need(template, 'metadata'), 'labels');
  if (!spec || !labels) return;
  if (!isMap(spec['selector']) || Object.keys(spec['selector']).length === 0)
    spec['selector'] = { ...labels };
  const metadata = need(object, 'metadata');
  if (!mapAt(metadata, 'labels')) metadata['labels'] = { ...labels };
};

/** Data that was written as text joins the rest and is gone: it is never read back. */
const stringData: Rule = (object) => {
  const text = mapAt(object, 'stringData');
  if (!text) return;
  const data = need(object, 'data');
  for (const [key, value] of Object.entries(text))
    data[key] = Buffer.from(String(value), 'utf8').toString('base64');
  delete object['stringData'];
};

const namespace: Rule = (object) => {
  const metadata = need(object, 'metadata');
  if (!isUnset(metadata['name']))
    need(metadata, 'labels')['kubernetes.io/metadata.name'] = metadata['name'];
};

const fill = (into: Fields, from: Fields | undefined): void => {
  for (const [key, value] of Object.entries(from ?? {}))
    if (!Object.hasOwn(into, key)) into[key] = value;
};

const limitRangeItem: Rule = (object) => {
  if (object['type'] !== 'Container') return;
  const limits = mapAt(object, 'default') ?? {};
  fill(limits, mapAt(object, 'max'));
  if (Object.keys(limits).length) object['default'] = limits;
  const requests = mapAt(object, 'defaultRequest') ?? {};
  fill(requests, limits);
  fill(requests, mapAt(object, 'min'));
  if (Object.keys(requests).length) object['defaultRequest'] = requests;
};

const allocatable: Rule = (status) => {
  const capacity = mapAt(status, 'capacity');
  const known = mapAt(status, 'allocatable');
  if (capacity && !known) status['allocatable'] = { ...capacity };
};

export const serviceDefaults: Rules = { [`${core}Service`]: [service] };

export const replicationControllerDefaults: Rules = {
  [`${core}ReplicationController`]: [replicationController],
};

export const secretDefaults: Rules = { [`${core}Secret`]: [stringData, unset({ type: 'Opaque' })] };

export const persistentVolumeDefaults: Rules = {
  [`${core}PersistentVolume`]: [
    under('status', { phase: 'Pending' }),
    under('spec', { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' }),
  ],
};

export const persistentVolumeClaimDefaults: Rules = {
  [`${core}PersistentVolumeClaim`]: [under('status', { phase: 'Pending' })],
  [`${core}PersistentVolumeClaimSpec`]: [unset({ volumeMode: 'Filesystem' })],
};

export const endpointsDefaults: Rules = {
  [`${core}Endpoints`]: [each('subsets', each('ports', unset({ protocol: 'TCP' })))],
};

export const namespaceDefaults: Rules = {
  [`${core}Namespace`]: [namespace],
  [`${core}NamespaceStatus`]: [unset({ phase: 'Active' })],
};

export const nodeDefaults: Rules = { [`${core}NodeStatus`]: [allocatable] };

export const limitRangeDefaults: Rules = { [`${core}LimitRangeItem`]: [limitRangeItem] };

export const coreRules: Rules = {
  ...serviceDefaults,
  ...replicationControllerDefaults,
  ...secretDefaults,
  ...persistentVolumeDefaults,
  ...persistentVolumeClaimDefaults,
  ...endpointsDefaults,
  ...namespaceDefaults,
  ...nodeDefaults,
  ...limitRangeDefaults,
};
