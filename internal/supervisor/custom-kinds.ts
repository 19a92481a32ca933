import type { ApiServer } from '../apiserver/api-server.ts';
import type { ResourceRef } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { name as helmController } from '../controllers/helm/helm.ts';
import { addonRef } from './addons.ts';
import { addonKind, helmKinds } from './shipped-kinds.ts';
import type { Doors } from './doors.ts';
import { ensure, rbac } from './own-objects.ts';
import type { Part } from './running.ts';

export const definitions: ResourceRef = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

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
