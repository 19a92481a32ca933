/**
 * Objects as people write them: what a server makes of each is recorded in golden.json (see
 * record.ts).
 */
const meta = { name: 'x' };
const labels = { app: 'x' };
const selector = { matchLabels: labels };
const container = { name: 'c', image: 'nginx' };
const quiet = { automountServiceAccountToken: false };
const template = { metadata: { labels }, spec: { containers: [container] } };
const jobTemplate = { spec: { restartPolicy: 'Never', containers: [container] } };
const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
const webhookService = { service: { namespace: 'd', name: 's' }, caBundle: '' };
const webhook = {
  name: 'a.b.c',
  clientConfig: webhookService,
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
};
const roleRef = { kind: 'ClusterRole', name: 'r' };
const subjects = [
  { kind: 'User', name: 'u' },
  { kind: 'Group', name: 'g' },
  { kind: 'ServiceAccount', name: 's', namespace: 'd' },
];
const pv = (source: object): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: meta,
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...source },
});

const pod = (spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta,
  spec: { ...quiet, containers: [container], ...spec },
});
const service = (spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: meta,
  spec,
});
const hpa = (spec: object): object => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: meta,
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
    maxReplicas: 3,
    ...spec,
  },
});
const job = (spec: object): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: meta,
  spec: {
    template: { metadata: { labels }, ...jobTemplate },
    manualSelector: true,
    selector,
    ...spec,
  },
});

const images = [
  'nginx',
  'nginx:1',
  'nginx:latest',
  'r.example:5000/a/b',
  'r.example:5000/a/b:1',
  `nginx@sha256:${'a'.repeat(64)}`,
  'Nginx',
];
const probe = { httpGet: { port: 80 } };
const volumes = [
  { name: 'a' },
  { name: 'b', secret: { secretName: 's' } },
  { name: 'c', configMap: { name: 'm' } },
  { name: 'd', hostPath: { path: '/x' } },
  {
    name: 'e',
    downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] },
  },
  {
    name: 'f',
    projected: { sources: [{ serviceAccountToken: { path: 't' } }, { configMap: { name: 'm' } }] },
  },
  {
    name: 'g',
    ephemeral: {
      volumeClaimTemplate: {
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    },
  },
  { name: 'h', image: { reference: 'a/b' } },
  {
    name: 'i',
    iscsi: {
      targetPortal: '1.2.3.4',
      iqn: 'iqn.2001-04.com.example:storage.kube.sys1.xyz',
      lun: 0,
    },
  },
  { name: 'j', azureDisk: { diskName: 'd', diskURI: 'https://x/y' } },
];

const podCases: Record<string, object> = {
  'pod, bare': pod({}),
  'pod, images': pod({ containers: images.map((image, i) => ({ name: `c${i}`, image })) }),
  'pod, probes and ports': pod({
    containers: [
      {
        ...container,
        ports: [{ containerPort: 80 }],
        livenessProbe: probe,
        readinessProbe: { grpc: { port: 1 } },
        startupProbe: { exec: { command: ['x'] }, periodSeconds: 3 },
        lifecycle: { postStart: { httpGet: { port: 'p' } } },
      },
    ],
  }),
  'pod, volumes': pod({ volumes }),
  'pod, host network': pod({
    hostNetwork: true,
    containers: [{ ...container, ports: [{ containerPort: 80 }] }],
    initContainers: [{ name: 'i', image: 'a', ports: [{ containerPort: 81 }] }],
  }),
  'pod, limits': pod({
    containers: [
      {
        ...container,
        resources: {
          limits: { cpu: '0.1234567', memory: '100M', 'example.com/x': '1' },
          requests: { cpu: '50u' },
        },
      },
    ],
    initContainers: [{ name: 'i', image: 'a', resources: { limits: { memory: '1.5Gi' } } }],
  }),
  'pod, own resources': pod({
    resources: { limits: { cpu: '2', memory: '1Gi' } },
    containers: [
      { ...container, resources: { requests: { cpu: '300m' } } },
      { name: 'd', image: 'x', resources: { requests: { cpu: '200m' } } },
    ],
  }),
  'pod, account by its old name': pod({ serviceAccount: 'default' }),
  'pod, environment': pod({
    containers: [
      {
        ...container,
        env: [
          { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'B', valueFrom: { configMapKeyRef: { name: 'm', key: 'k' } } },
        ],
      },
    ],
  }),
  'pod template': { apiVersion: 'v1', kind: 'PodTemplate', metadata: meta, template },
};

const workloads: Record<string, object> = {
  'replication controller': {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: meta,
    spec: { template },
  },
  deployment: {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta,
    spec: { selector, template },
  },
  'deployment, recreate': {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta,
    spec: { selector, template, strategy: { type: 'Recreate' }, replicas: 0 },
  },
  'deployment, surge': {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta,
    spec: { selector, template, strategy: { rollingUpdate: { maxSurge: 0 } } },
  },
  'replica set': {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: meta,
    spec: { selector, template },
  },
  'daemon set': {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta,
    spec: { selector, template },
  },
  'daemon set, on delete': {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: meta,
    spec: { selector, template, updateStrategy: { type: 'OnDelete' } },
  },
  'stateful set': {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta,
    spec: {
      selector,
      template,
      serviceName: 's',
      volumeClaimTemplates: [
        {
          metadata: { name: 'v' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  },
  'stateful set, typed': {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta,
    spec: { selector, template, serviceName: 's', updateStrategy: { type: 'RollingUpdate' } },
  },
  'stateful set, rolling': {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: meta,
    spec: {
      selector,
      template,
      serviceName: 's',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: {} },
    },
  },
  job: job({}),
  'job, parallel': job({ parallelism: 3 }),
  'job, completions': job({ completions: 3 }),
  'job, indexed': job({ completions: 3, completionMode: 'Indexed', backoffLimitPerIndex: 1 }),
  'job, failure policy': job({
    podFailurePolicy: {
      rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }],
    },
  }),
  'cron job': {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: meta,
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: jobTemplate } } },
  },
  autoscaler: hpa({}),
  'autoscaler, behavior': hpa({ behavior: { scaleUp: { selectPolicy: 'Min' } } }),
  'autoscaler, down': hpa({
    behavior: { scaleDown: { stabilizationWindowSeconds: 3 } },
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'AverageValue', averageValue: '1.5' } },
      },
    ],
  }),
  'disruption budget': {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta,
    spec: { minAvailable: 1, selector },
  },
};

const cluster: Record<string, object> = {
  'service, bare': service({ ports: [{ port: 80 }], clusterIP: 'None' }),
  'service, headless with affinity': service({
    ports: [{ port: 80, targetPort: 'http' }],
    clusterIP: 'None',
    sessionAffinity: 'ClientIP',
  }),
  'service, external name': service({ type: 'ExternalName', externalName: 'a.b' }),
  'config map': { apiVersion: 'v1', kind: 'ConfigMap', metadata: meta },
  secret: {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: meta,
    data: { a: 'YQ==' },
    stringData: { a: 'b', c: 'ü' },
  },
  'limit range': {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: meta,
    spec: {
      limits: [
        {
          type: 'Container',
          max: { cpu: '1' },
          min: { cpu: '100m', memory: '1Mi' },
          default: { memory: '1Gi' },
        },
        { type: 'Pod', max: { cpu: '1' } },
      ],
    },
  },
  namespace: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x' } },
  node: { apiVersion: 'v1', kind: 'Node', metadata: meta, status: { capacity: { cpu: '4' } } },
  volume: pv({ hostPath: { path: '/x' } }),
  'volume, iscsi': pv({
    iscsi: {
      targetPortal: '1.2.3.4',
      iqn: 'iqn.2001-04.com.example:storage.kube.sys1.xyz',
      lun: 0,
    },
  }),
  claim: {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: meta,
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '0.5Gi' } } },
  },
  endpoints: {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: meta,
    subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: [{ port: 80 }] }],
  },
  'endpoint slice': {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta,
    addressType: 'IPv4',
    endpoints: [{ addresses: ['1.2.3.4'] }],
    ports: [{ port: 80 }],
  },
  ingress: {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: meta,
    spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } },
  },
  'ingress class': {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: meta,
    spec: { controller: 'a.b/c', parameters: { kind: 'X', name: 'y' } },
  },
  'network policy': {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta,
    spec: { podSelector: {}, egress: [{ ports: [{ port: 80 }] }] },
  },
  'network policy, empty': {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: meta,
    spec: { podSelector: {} },
  },
  'cluster role binding': {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: meta,
    roleRef,
    subjects,
  },
  'role binding': {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: meta,
    roleRef,
    subjects,
  },
  'storage class': {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: meta,
    provisioner: 'a.b/c',
  },
  'CSI driver': {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    metadata: { name: 'a.b' },
    spec: {},
  },
  'priority class': {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: meta,
    value: 5,
  },
  'runtime class': {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: meta,
    handler: 'h',
  },
  lease: {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: meta,
    spec: { renewTime: '2020-01-01T00:00:00.100000Z', holderIdentity: 'h' },
  },
};

const admission: Record<string, object> = {
  'validating webhook': {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: meta,
    webhooks: [webhook],
  },
  'mutating webhook': {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: meta,
    webhooks: [webhook],
  },
  'validating policy': {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: meta,
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
        ],
      },
      validations: [{ expression: 'true' }],
    },
  },
  'policy binding': {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: meta,
    spec: { policyName: 'p', validationActions: ['Deny'], matchResources: {} },
  },
  'flow schema': {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    metadata: meta,
    spec: { priorityLevelConfiguration: { name: 'catch-all' } },
  },
  'priority level': {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'PriorityLevelConfiguration',
    metadata: meta,
    spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } },
  },
  'resource claim': {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: meta,
    spec: {
      devices: {
        requests: [{ name: 'r', exactly: { deviceClassName: 'c', tolerations: [{ key: 'k' }] } }],
      },
    },
  },
  definition: {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'foos.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Foo', plural: 'foos' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
        },
      ],
    },
  },
};

export const cases: Record<string, object> = {
  ...podCases,
  ...workloads,
  ...cluster,
  ...admission,
};
