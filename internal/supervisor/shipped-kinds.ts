/** CustomResourceDefinitions that the server ships, as k3s does. */

type Schema = Record<string, unknown>;
const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const named: Schema = { type: 'object', properties: { name: text } };
const open: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const fields = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties });
const many = (items: Schema): Schema => ({ type: 'array', items });

const valuesSecrets = many(fields({ name: text, keys: many(text), ignoreUpdates: flag }));
const failurePolicy: Schema = { type: 'string', enum: ['', 'abort', 'reinstall', 'retry'] };

const chartSpec = fields({
  authPassCredentials: flag,
  authSecret: named,
  backOffLimit: { type: 'integer', format: 'int32', minimum: 0 },
  bootstrap: flag,
  chart: text,
  chartContent: text,
  createNamespace: flag,
  dockerRegistrySecret: named,
  failurePolicy,
  forceConflicts: flag,
  helmVersion: text,
  insecureSkipTLSVerify: flag,
  jobImage: text,
  plainHTTP: flag,
  podSecurityContext: open,
  repo: text,
  repoCA: text,
  repoCAConfigMap: named,
  securityContext: open,
  // A YAML `true` is not a text.
  serverSide: { 'x-kubernetes-preserve-unknown-fields': true },
  set: { type: 'object', additionalProperties: { 'x-kubernetes-int-or-string': true } },
  takeOwnership: flag,
  targetNamespace: text,
  timeout: text,
  valuesContent: text,
  valuesSecrets,
  version: text,
});
const chartStatus = fields({
  conditions: many(
    fields({
      type: text,
      status: text,
      reason: text,
      message: text,
      lastTransitionTime: text,
      lastUpdateTime: text,
    }),
  ),
  failures: { type: 'integer' },
  jobName: text,
  revision: { type: 'integer' },
  wanted: text,
});

interface Column {
  name: string;
  jsonPath: string;
  type: string;
}
const column = (name: string, jsonPath: string): Column => ({ name, jsonPath, type: 'string' });
const age: Column = { name: 'Age', jsonPath: '.metadata.creationTimestamp', type: 'date' };

function definition(options: {
  group: string;
  plural: string;
  kind: string;
  properties: Record<string, Schema>;
  columns: Column[];
}): { metadata: { name: string }; [field: string]: unknown } {
  const { group, plural, kind, properties, columns } = options;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: 'Namespaced',
      conversion: { strategy: 'None' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties } },
          ...(properties['status'] && { subresources: { status: {} } }),
          additionalPrinterColumns: columns,
        },
      ],
    },
  };
}

/** HelmChart and HelmChartConfig, with k3s' fields. */
export const helmKinds = [
  definition({
    group: 'helm.cattle.io',
    plural: 'helmcharts',
    kind: 'HelmChart',
    properties: { spec: chartSpec, status: chartStatus },
    columns: [
      column('Repo', '.spec.repo'),
      column('Chart', '.spec.chart'),
      column('Version', '.spec.version'),
      column('TargetNamespace', '.spec.targetNamespace'),
      column('Status', '.status.conditions[0].reason'),
      age,
    ],
  }),
  definition({
    group: 'helm.cattle.io',
    plural: 'helmchartconfigs',
    kind: 'HelmChartConfig',
    properties: { spec: fields({ failurePolicy, valuesContent: text, valuesSecrets }) },
    columns: [age],
  }),
];
const container = fields({
  image: text,
  command: many(text),
  args: many(text),
  envs: many(open),
  envFrom: many(open),
  volumes: many(fields({ name: text, source: text, destination: text })),
  securityContext: open,
});
const selector: Schema = {
  ...fields({
    matchLabels: { type: 'object', additionalProperties: text },
    matchExpressions: many(fields({ key: text, operator: text, values: many(text) })),
  }),
};
const whole = (more: Schema = {}): Schema => ({ type: 'integer', ...more });

const planSpec: Schema = {
  ...fields({
    channel: text,
    concurrency: whole({ format: 'int64' }),
    cordon: flag,
    drain: fields({
      deleteEmptydirData: flag,
      deleteLocalData: flag,
      disableEviction: flag,
      force: flag,
      gracePeriod: whole({ format: 'int32' }),
      ignoreDaemonSets: flag,
      podSelector: selector,
      skipWaitForDeleteTimeout: whole(),
      timeout: { 'x-kubernetes-int-or-string': true },
    }),
    exclusive: flag,
    imagePullSecrets: many(named),
    jobActiveDeadlineSecs: whole({ format: 'int64' }),
    nodeSelector: selector,
    postCompleteDelay: text,
    postCompleteLabels: { type: 'object', additionalProperties: text },
    prepare: container,
    priorityClassName: text,
    secrets: many(open),
    serviceAccountName: text,
    tolerations: many(open),
    upgrade: container,
    version: text,
    window: fields({
      days: { ...many(text), minItems: 1 },
      startTime: text,
      endTime: text,
      timeZone: text,
    }),
  }),
  required: ['upgrade'],
};

/** Plan of system-upgrade-controller. */
export const planKind = definition({
  group: 'upgrade.cattle.io',
  plural: 'plans',
  kind: 'Plan',
  properties: {
    spec: planSpec,
    status: fields({
      conditions: many(
        fields({
          type: text,
          status: text,
          reason: text,
          message: text,
          lastTransitionTime: text,
          lastUpdateTime: text,
        }),
      ),
      latestVersion: text,
      latestHash: text,
      applying: many(text),
    }),
  },
  columns: [
    column('Image', '.spec.upgrade.image'),
    column('Channel', '.spec.channel'),
    column('Version', '.spec.version'),
    column('Complete', ".status.conditions[?(@.type=='Complete')].status"),
    column('Message', ".status.conditions[?(@.message!='')].message"),
  ],
});
/** What shows the files of server/manifests and the components at work. */
export const addonKind = definition({
  group: 'k3s.cattle.io',
  plural: 'addons',
  kind: 'Addon',
  properties: { spec: fields({ source: text, checksum: text }) },
  columns: [column('Source', '.spec.source'), column('Checksum', '.spec.checksum'), age],
});
