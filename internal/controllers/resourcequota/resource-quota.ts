import { equalAs, equalField, typeOf } from '../../api/equality.ts';
import { own, table } from '../../base/own.ts';
import { quotaCovers, usageOf } from '../../apiserver/admission/quota-usage.ts';
import type { Pod, ResourceQuota } from '../../api/generated/types/core-v1.ts';
import { fieldsOf, keyOf, type KubeObject, type ResourceRef } from '../../api/object.ts';
import { quantityOf, zeroQuantity } from '../../api/quantity.ts';
import type { Change, Mirror } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { isFinished } from '../pod-facts.ts';
import { makeQueue, run } from '../run.ts';

const name = 'resourcequota-controller';
/**
 * Admission counts new objects itself; the recount after them only heals and may wait for their
 * neighbours.
 */
const recountDelayMs = 1000;

/** Kinds that quota names without `count/` are about. */
const plainKinds: Record<string, ResourceRef> = table({
  pods: refs.pods,
  services: refs.services,
  replicationcontrollers: refs.replicationControllers,
  resourcequotas: refs.resourceQuotas,
  secrets: refs.secrets,
  configmaps: refs.configMaps,
  persistentvolumeclaims: refs.persistentVolumeClaims,
});

/** Counts what the objects of a namespace use of its quotas. */
export function startResourceQuotaController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const quotas = ctx.mirrors.of<ResourceQuota>(refs.resourceQuotas);
  /** Kinds that some quota counts; watched from the first time one does. */
  const counted = new Map<string, Mirror<KubeObject>>();

  const mirrorOf = (ref: ResourceRef): Mirror<KubeObject> => {
    const key = `${ref.group}/${ref.resource}`;
    let mirror = counted.get(key);
    if (!mirror) {
      mirror = ctx.mirrors.of<KubeObject>(ref);
      counted.set(key, mirror);
      const m = mirror;
      void m.synced.then(() => m.onChange((change) => objectChanged(change)));
    }
    return mirror;
  };

  const objectChanged = ({ type, object, old }: Change<KubeObject>): void => {
    if (type === 'MODIFIED' && old && !usageChanged(old, object)) return;
    for (const quota of quotas.list(object.metadata.namespace)) {
      if (type === 'ADDED') queue.addAfter(keyOf(quota), recountDelayMs);
      else queue.add(keyOf(quota));
    }
  };

  const reconcile = async (key: string): Promise<void> => {
    const quota = quotas.get(key);
    if (!quota) return;
    const hard = quota.spec?.hard ?? {};
    const kinds = kindsOf(Object.keys(hard), ctx.resources());
    const used: Record<string, string> = Object.fromEntries(Object.keys(hard).map((n) => [n, '0']));
    for (const ref of kinds) {
      const mirror = mirrorOf(ref);
      await mirror.synced;
      for (const object of mirror.list(quota.metadata.namespace)) {
        if (!quotaCovers(quota, ref, object)) continue;
        for (const [n, more] of usageOf(ref, object))
          if (Object.hasOwn(used, n))
            used[n] = quantityOf(used[n] as string)
              .add(more)
              .toString();
      }
    }
    if (equalAs('@core.v1.ResourceQuotaStatus', quota.status, { hard, used })) return;
    await client
      .update(refs.resourceQuotas, { ...quota, status: { hard, used } }, { subresource: 'status' })
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };

  const queue = makeQueue(ctx, { name: 'resource-quota', reconcile });
  quotas.onChange(({ type, key, object, old }) => {
    if (
      type !== 'DELETED' &&
      (!old ||
        !equalAs('@core.v1.ResourceQuotaSpec', old.spec, object.spec) ||
        !equalAs('map[string]Quantity', object.status?.hard, object.spec?.hard))
    )
      queue.add(key);
  });
  return run(queue, {
    name: 'resource-quota',
    mirrors: [quotas],
    stop: () => {
      for (const mirror of counted.values()) mirror.stop();
    },
  });
}

function kindsOf(names: string[], served: ResourceRef[]): Set<ResourceRef> {
  const kinds = new Map<string, ResourceRef>();
  const put = (ref: ResourceRef): void => void kinds.set(`${ref.group}/${ref.resource}`, ref);
  for (const n of names) {
    const plain = plainKinds[n];
    if (plain) put(plain);
    else if (n.startsWith('count/')) {
      const [resource, ...group] = n.slice('count/'.length).split('.');
      const ref = served.find((r) => r.resource === resource && r.group === group.join('.'));
      if (ref?.namespaced) put(ref);
    } else if (n.startsWith('services.')) put(refs.services);
    else if (n.endsWith('.deviceclass.resource.k8s.io/devices')) put(refs.resourceClaims);
    else if (n === 'requests.storage' || n.includes('.storageclass.storage.k8s.io/'))
      put(refs.persistentVolumeClaims);
    else put(refs.pods);
  }
  return new Set(kinds.values());
}

function usageChanged(old: KubeObject, now: KubeObject): boolean {
  if (now.kind === 'Pod') {
    const [a, b] = [old as Pod, now as Pod];
    return isFinished(a) !== isFinished(b) || !equalAs('@core.v1.PodSpec', a.spec, b.spec);
  }
  const [a, b] = [fieldsOf(old), fieldsOf(now)];
  if (now.kind === 'PersistentVolumeClaim')
    return (
      !equalField(typeOf(refs.persistentVolumeClaims), 'spec', a['spec'], b['spec']) ||
      !equalField(typeOf(refs.persistentVolumeClaims), 'status', a['status'], b['status'])
    );
  return now.kind === 'Service' && !equalField(typeOf(refs.services), 'spec', a['spec'], b['spec']);
}
