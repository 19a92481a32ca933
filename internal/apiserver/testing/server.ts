import type { ResourceRef } from '../../api/object.ts';
import type { ApiError } from '../../api/status.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';

/** What most stories about a running API server begin with. */
export interface Started {
  dev: DevServer;
  /** A client of system:masters. */
  admin: InProcessClient;
}

/** A server on a free port, with the ServiceAccount `default` that pods of `default` need. */
export async function startWithAdmin(
  options?: Parameters<typeof startDevServer>[0],
): Promise<Started> {
  const dev = await startDevServer(options);
  const admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  await admin.create(ref('serviceaccounts', 'ServiceAccount'), {
    metadata: { name: 'default', namespace: 'default' },
  });
  return { dev, admin };
}

/** A kind of version `v1`. */
export const ref = (
  resource: string,
  kind: string,
  group = '',
  namespaced = true,
): ResourceRef => ({ group, version: 'v1', resource, kind, namespaced });

export const pods = ref('pods', 'Pod');
export const nodes = ref('nodes', 'Node', '', false);
export const namespaces = ref('namespaces', 'Namespace', '', false);
export const configMaps = ref('configmaps', 'ConfigMap');
export const services = ref('services', 'Service');
const rbacGroup = 'rbac.authorization.k8s.io';
export const clusterRoles = ref('clusterroles', 'ClusterRole', rbacGroup, false);
const clusterRoleBindings = ref('clusterrolebindings', 'ClusterRoleBinding', rbacGroup, false);

/** The error of an effect that must fail. */
export const failure = (effect: Promise<unknown>): Promise<ApiError> =>
  effect.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: ApiError) => error,
  );

/** `done`, or the code and the message of the error. */
export const said = (effect: Promise<unknown>): Promise<string> =>
  effect.then(
    () => 'done',
    (error: ApiError) => `${error.httpStatus} ${error.message}`,
  );

/** Makes a user with their own ClusterRole, and returns a client for them. */
export async function userWith(
  { dev, admin }: Started,
  name: string,
  rules: object[],
): Promise<InProcessClient> {
  await admin.create(clusterRoles, { metadata: { name }, rules });
  await admin.create(clusterRoleBindings, {
    metadata: { name },
    roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name },
    subjects: [{ kind: 'User', apiGroup: rbacGroup, name }],
  });
  return dev.api.inProcess({ name, groups: [] });
}

/** A ConfigMap of the namespace `default`. */
export const configMap = (
  name: string,
  data: Record<string, string> = {},
  labels?: Record<string, string>,
): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...(labels ? { labels } : {}) },
  data,
});

/** An object of the namespace `default`. */
export const at = (
  name: string,
  subresource?: string,
): { namespace: string; name: string; subresource?: string } => ({
  namespace: 'default',
  name,
  ...(subresource === undefined ? {} : { subresource }),
});
