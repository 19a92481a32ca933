import {
  isUnset,
  itemsOf,
  mapAt,
  need,
  under,
  unset,
  within,
  zero,
  type Rule,
  type Rules,
} from './rule.ts';

const networking = 'io.k8s.api.networking.v1.';
const storage = 'io.k8s.api.storage.v1.';
const rbac = 'io.k8s.api.rbac.v1.';
const admission = 'io.k8s.api.admissionregistration.v1.';
const flow = 'io.k8s.api.flowcontrol.v1.';
const resource = 'io.k8s.api.resource.v1.';
const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.';
const rbacGroup = 'rbac.authorization.k8s.io';

const policyTypes: Rule = (object) => {
  const spec = need(object, 'spec');
  const given = spec['policyTypes'];
  if (Array.isArray(given) && given.length > 0) return;
  const egress = spec['egress'];
  spec['policyTypes'] =
    Array.isArray(egress) && egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
};

const csiDriver = under('spec', {
  attachRequired: true,
  podInfoOnMount: false,
  storageCapacity: false,
  fsGroupPolicy: 'ReadWriteOnceWithFSType',
  volumeLifecycleModes: ['Persistent'],
  requiresRepublish: false,
  seLinuxMount: false,
});

/**
 * The group of a user or group is rbac's own; that of a service account is the core group, which
 * JSON leaves out.
 */
const subject: Rule = (object) => {
  if (isUnset(object['apiGroup']) && (object['kind'] === 'User' || object['kind'] === 'Group'))
    object['apiGroup'] = rbacGroup;
};

const webhook = unset({
  failurePolicy: 'Fail',
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  timeoutSeconds: 10,
});
const deviceCount: Rule = (object) => {
  if (isUnset(object['allocationMode'])) object['allocationMode'] = 'ExactCount';
  if (object['allocationMode'] === 'ExactCount' && !object['count']) object['count'] = 1;
};

const definitionNames: Rule = (spec) => {
  const names = need(spec, 'names');
  const kind = typeof names['kind'] === 'string' ? names['kind'] : '';
  if (isUnset(names['singular'])) names['singular'] = kind.toLowerCase();
  if (isUnset(names['listKind']) && kind) names['listKind'] = `${kind}List`;
  if (!mapAt(spec, 'conversion')) spec['conversion'] = { strategy: 'None' };
};

const storedVersions: Rule = (object) => {
  const spec = mapAt(object, 'spec');
  const status = need(object, 'status');
  const stored = status['storedVersions'];
  if (Array.isArray(stored) && stored.length > 0) return;
  const version = itemsOf(spec?.['versions']).find((v) => v['storage'] === true);
  if (version) status['storedVersions'] = [version['name']];
};

export const networkPolicyDefaults: Rules = {
  [`${networking}NetworkPolicyPort`]: [unset({ protocol: 'TCP' })],
  [`${networking}NetworkPolicy`]: [policyTypes],
};

export const ingressClassDefaults: Rules = {
  [`${networking}IngressClass`]: [within('spec.parameters', unset({ scope: 'Cluster' }))],
};

export const storageClassDefaults: Rules = {
  [`${storage}StorageClass`]: [unset({ reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' })],
};

export const csiDriverDefaults: Rules = { [`${storage}CSIDriver`]: [csiDriver] };

export const clusterRoleBindingDefaults: Rules = {
  [`${rbac}ClusterRoleBinding`]: [under('roleRef', { apiGroup: rbacGroup })],
};

export const roleBindingDefaults: Rules = {
  [`${rbac}RoleBinding`]: [under('roleRef', { apiGroup: rbacGroup })],
};

export const priorityClassDefaults: Rules = {
  'io.k8s.api.scheduling.v1.PriorityClass': [unset({ preemptionPolicy: 'PreemptLowerPriority' })],
};

export const validatingWebhookConfigurationDefaults: Rules = {
  [`${admission}ValidatingWebhook`]: [webhook],
};

export const mutatingWebhookConfigurationDefaults: Rules = {
  [`${admission}MutatingWebhook`]: [webhook, unset({ reinvocationPolicy: 'Never' })],
};

export const validatingAdmissionPolicyDefaults: Rules = {
  [`${admission}ValidatingAdmissionPolicySpec`]: [unset({ failurePolicy: 'Fail' })],
};

export const mutatingAdmissionPolicyDefaults: Rules = {
  [`${admission}MutatingAdmissionPolicySpec`]: [unset({ failurePolicy: 'Fail' })],
};

export const endpointSliceDefaults: Rules = {
  'io.k8s.api.discovery.v1.EndpointPort': [unset({ name: '', protocol: 'TCP' })],
};

export const flowSchemaDefaults: Rules = {
  [`${flow}FlowSchemaSpec`]: [zero({ matchingPrecedence: 1000 })],
};

export const priorityLevelConfigurationDefaults: Rules = {
  [`${flow}ExemptPriorityLevelConfiguration`]: [
    unset({ nominalConcurrencyShares: 0, lendablePercent: 0 }),
  ],
  [`${flow}LimitedPriorityLevelConfiguration`]: [
    unset({ nominalConcurrencyShares: 30, lendablePercent: 0 }),
  ],
  [`${flow}QueuingConfiguration`]: [zero({ handSize: 8, queues: 64, queueLengthLimit: 50 })],
};

export const customResourceDefinitionDefaults: Rules = {
  [`${extensions}CustomResourceDefinition`]: [storedVersions],
  [`${extensions}CustomResourceDefinitionSpec`]: [definitionNames],
};

/** Types that several kinds are made of, or that are only spoken. */
const policyPartRules: Rules = {
  [`${rbac}Subject`]: [subject],
  [`${admission}Rule`]: [unset({ scope: '*' })],
  [`${admission}ServiceReference`]: [unset({ port: 443 })],
  [`${admission}MatchResources`]: [
    unset({ matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} }),
  ],
  'io.k8s.api.authentication.v1.TokenRequestSpec': [unset({ expirationSeconds: 3600 })],
  [`${resource}ExactDeviceRequest`]: [deviceCount],
  [`${resource}DeviceSubRequest`]: [deviceCount],
  [`${resource}DeviceTaint`]: [
    (object, context) =>
      void (isUnset(object['timeAdded']) && context.now && (object['timeAdded'] = context.now)),
  ],
  [`${extensions}ServiceReference`]: [unset({ port: 443 })],
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference': [unset({ port: 443 })],
};

export const policyRules: Rules = {
  ...networkPolicyDefaults,
  ...ingressClassDefaults,
  ...storageClassDefaults,
  ...csiDriverDefaults,
  ...clusterRoleBindingDefaults,
  ...roleBindingDefaults,
  ...priorityClassDefaults,
  ...validatingWebhookConfigurationDefaults,
  ...mutatingWebhookConfigurationDefaults,
  ...validatingAdmissionPolicyDefaults,
  ...mutatingAdmissionPolicyDefaults,
  ...endpointSliceDefaults,
  ...flowSchemaDefaults,
  ...priorityLevelConfigurationDefaults,
  ...customResourceDefinitionDefaults,
  ...policyPartRules,
};
