import { bool, dyn, int, listOf, mapOf, string, type CelType } from '../../api/cel/types.ts';

const object = (name: string, fields: Record<string, CelType>): CelType => ({
  kind: 'object',
  name: `kubernetes.${name}`,
  fields: new Map(Object.entries(fields)),
});
const texts = (...names: string[]): Record<string, CelType> =>
  Object.fromEntries(names.map((name) => [name, string]));
const time: CelType = { kind: 'timestamp' };

const kind = object('GroupVersionKind', texts('group', 'version', 'kind'));
const resource = object('GroupVersionResource', texts('group', 'version', 'resource'));
const userInfo = object('UserInfo', {
  ...texts('username', 'uid'),
  groups: listOf(string),
  extra: mapOf(string, listOf(string)),
});

/** What expressions know of `request`. */
export const requestType = object('AdmissionRequest', {
  ...texts('subResource', 'requestSubResource', 'name', 'namespace', 'operation'),
  kind,
  resource,
  requestKind: kind,
  requestResource: resource,
  userInfo,
  dryRun: bool,
  options: dyn,
});

/** What expressions know of `namespaceObject`; the rest of a Namespace is not theirs to see. */
export const namespaceType = object('Namespace', {
  metadata: object('NamespaceMetadata', {
    ...texts('name', 'generateName', 'namespace', 'UID', 'resourceVersion'),
    labels: mapOf(string, string),
    annotations: mapOf(string, string),
    finalizers: listOf(string),
    creationTimestamp: time,
    deletionTimestamp: time,
    deletionGracePeriodSeconds: int,
    generation: int,
  }),
  spec: object('NamespaceSpec', { finalizers: listOf(string) }),
  status: object('NamespaceStatus', {
    phase: string,
    conditions: listOf(
      object('NamespaceCondition', {
        ...texts('status', 'type', 'message', 'reason'),
        lastTransitionTime: time,
      }),
    ),
  }),
});
