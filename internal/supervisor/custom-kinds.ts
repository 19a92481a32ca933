import type { ApiServer } from '../apiserver/api-server.ts';
import type { ResourceRef } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { name as helmController } from '../controllers/helm/helm.ts';
import { addonRef } from './addons.ts';
import type { Doors } from './doors.ts';
import { ensure, rbac } from './network-role.ts';
import type { Part } from './running.ts';

const definitions: ResourceRef = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

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
  // A YAML `true` is no text.
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

const helmKinds = [
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
const addonKind = definition({
  group: 'k3s.cattle.io',
  plural: 'addons',
  kind: 'Addon',
  properties: { spec: fields({ source: text, checksum: text }) },
  columns: [column('Source', '.spec.source'), column('Checksum', '.spec.checksum'), age],
});

const controllerRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'system:helm-controller' },
  rules: [
    { apiGroups: ['helm.cattle.io'], resources: ['*'], verbs: ['*'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['list', 'update'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch', 'update'] },
  ],
};
const controllerBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'system:helm-controller' },
  roleRef: {
    apiGroup: 'rbac.authorization.k8s.io',
    kind: 'ClusterRole',
    name: 'system:helm-controller',
  },
  subjects: [{ kind: 'ServiceAccount', namespace: 'kube-system', name: helmController }],
};

/** The definitions that k3s ships: AddOns, and unless it is switched off those of Helm. */
async function ensureCustomKinds(client: Client, helm: boolean): Promise<void> {
  await Promise.all([
    ensure(client, definitions, addonKind),
    ...(helm
      ? [
          ...helmKinds.map((one) => ensure(client, definitions, one)),
          ensure(client, rbac('clusterroles', 'ClusterRole'), controllerRole),
          ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), controllerBinding),
        ]
      : []),
  ]);
}

const firstRetryMs = 1000;
const longestRetryMs = 64_000;

/**
 * Makes the definitions, again and again where the datastore takes no writes, and calls `ready`
 * once Addons are served. Nothing else waits for that.
 */
export function startCustomKinds(options: {
  client: Client;
  api: ApiServer;
  doors: Pick<Doors, 'clock' | 'log'>;
  helm: boolean;
  ready: () => Promise<() => Promise<void>>;
}): Part {
  const { client, api, doors, helm } = options;
  const { resources } = api.server.core;
  const log = doors.log.named('kinds');
  const end = new AbortController();
  let begun: Promise<() => Promise<void>> | undefined;
  let unfollow: () => void = () => undefined;
  const begin = async (): Promise<() => Promise<void>> => {
    for (let delayMs = firstRetryMs; ; delayMs = Math.min(delayMs * 2, longestRetryMs)) {
      try {
        return await options.ready();
      } catch (error) {
        if (end.signal.aborted) return () => Promise.resolve();
        log.error('manifests are not applied', { error: messageOf(error), inMs: delayMs });
        await doors.clock.sleep('kinds', delayMs, end.signal);
      }
    }
  };
  const look = (): void => {
    if (begun || !resources.ofKind(addonRef.group, addonRef.version, addonRef.kind)) return;
    unfollow();
    begun = begin();
  };
  const make = async (): Promise<void> => {
    for (let delayMs = firstRetryMs; !end.signal.aborted;) {
      try {
        await ensureCustomKinds(client, helm);
        unfollow = resources.onChange(look);
        return look();
      } catch (error) {
        log.warn('definitions cannot be written', { error: messageOf(error), inMs: delayMs });
        await doors.clock.sleep('kinds', delayMs, end.signal);
        delayMs = Math.min(delayMs * 2, longestRetryMs);
      }
    }
  };
  const making = make();
  return {
    name: 'manifests',
    stop: async () => {
      end.abort();
      await making;
      unfollow();
      await (
        await begun
      )?.();
    },
  };
}
