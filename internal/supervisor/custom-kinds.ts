import type { ApiServer } from '../apiserver/api-server.ts';
import type { ResourceRef } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { name as helmController } from '../controllers/helm/helm.ts';
import { name as planController } from '../controllers/upgradeplan/upgrade-plan.ts';
import { addonRef } from './addons.ts';
import { addonKind, helmKinds, planKind } from './shipped-kinds.ts';
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

/** What the in-process controllers of these kinds may do. */
const rights = {
  [helmController]: [
    { apiGroups: ['helm.cattle.io'], resources: ['*'], verbs: ['*'] },
    { apiGroups: [''], resources: ['secrets'], verbs: ['list', 'update'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch', 'update'] },
  ],
  [planController]: [
    { apiGroups: ['upgrade.cattle.io'], resources: ['plans'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: ['upgrade.cattle.io'], resources: ['plans/status'], verbs: ['update'] },
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch', 'patch'] },
    { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'delete'] },
    { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
    { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
    { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch', 'update'] },
  ],
};

async function ensureRights(client: Client, account: keyof typeof rights): Promise<void> {
  const name = `system:${account}`;
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
  const subjects = [{ kind: 'ServiceAccount', namespace: 'kube-system', name: account }];
  const role = { apiVersion, kind: 'ClusterRole', metadata: { name }, rules: rights[account] };
  await Promise.all([
    ensure(client, rbac('clusterroles', 'ClusterRole'), role),
    ensure(client, rbac('clusterrolebindings', 'ClusterRoleBinding'), {
      ...{ apiVersion, kind: 'ClusterRoleBinding', metadata: { name }, roleRef, subjects },
    }),
  ]);
}

/** Which of the kinds are wanted; Addons always are. */
interface Wanted {
  helm: boolean;
  plans: boolean;
}

/** The definitions that k3s ships, and Plans: without those that are switched off. */
async function ensureCustomKinds(client: Client, wanted: Wanted): Promise<void> {
  const { helm, plans } = wanted;
  const kinds = [addonKind, ...(helm ? helmKinds : []), ...(plans ? [planKind] : [])];
  await Promise.all([
    ...kinds.map((one) => ensure(client, definitions, one)),
    ...(helm ? [ensureRights(client, helmController)] : []),
    ...(plans ? [ensureRights(client, planController)] : []),
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
  wanted: Wanted;
  ready: () => Promise<() => Promise<void>>;
}): Part {
  const { client, api, doors, wanted } = options;
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
        await ensureCustomKinds(client, wanted);
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
