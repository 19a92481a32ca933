import { equalAs, equalField, typeOf } from '../../api/equality.ts';
import { table } from '../../base/own.ts';
import { quotaCovers, usageOf } from '../../apiserver/admission/quota-usage.ts';
import type { Pod, ResourceQuota } from '../../api/generated/types/core-v1.ts';
import { fieldsOf, keyOf, type KubeObject, type ResourceRef } from '../../api/object.ts';
import { quantityOf } from '../../api/quantity.ts';
import type { Change, Mirror } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { WorkQueue } from '../../client/work-queue.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';
import { isFinished } from '../pod-facts.ts';

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
  let queue: WorkQueue;
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

  return startPlanned<QuotaView>(
    ctx,
    {
      name,
      title: 'resource-quota',
      mirrors: [{ ref: refs.resourceQuotas, mirror: quotas }],
      view: async (key) => {
        const quota = quotas.get(key);
        if (!quota) return undefined;
        const objects: QuotaView['objects'] = [];
        for (const ref of kindsOf(Object.keys(quota.spec?.hard ?? {}), ctx.resources())) {
          const mirror = mirrorOf(ref);
          await mirror.synced;
          objects.push({ ref, list: [...mirror.list(quota.metadata.namespace)] });
        }
        return { quota, objects };
      },
      plan: planQuota,
      stop: () => {
        for (const mirror of counted.values()) mirror.stop();
      },
    },
    (wired) => {
      queue = wired;
      quotas.onChange(({ type, key, object, old }) => {
        if (
          type !== 'DELETED' &&
          (!old ||
            !equalAs('@core.v1.ResourceQuotaSpec', old.spec, object.spec) ||
            !equalAs('map[string]Quantity', object.status?.hard, object.spec?.hard))
        )
          wired.add(key);
      });
    },
  );
}

export interface QuotaView {
  quota: ResourceQuota;
  /** All of its namespace that it may count. */
  objects: { ref: ResourceRef; list: KubeObject[] }[];
}

/** What is used of what is allowed. */
export function planQuota({ quota, objects }: QuotaView): Plan {
  const hard = quota.spec?.hard ?? {};
  const used: Record<string, string> = Object.fromEntries(Object.keys(hard).map((n) => [n, '0']));
  for (const { ref, list } of objects) {
    for (const object of list) {
      if (!quotaCovers(quota, ref, object)) continue;
      for (const [n, more] of usageOf(ref, object))
        if (Object.hasOwn(used, n))
          used[n] = quantityOf(used[n] as string)
            .add(more)
            .toString();
    }
  }
  if (equalAs('@core.v1.ResourceQuotaStatus', quota.status, { hard, used })) return nothing;
  const object = { ...quota, status: { hard, used } };
  return { steps: [{ verb: 'update', ref: refs.resourceQuotas, object, subresource: 'status' }] };
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
  if (now.kind === 'PersistentVolumeClaim')
    return (
      !equalField(
        typeOf(refs.persistentVolumeClaims),
        'spec',
        fieldsOf(old)['spec'],
        fieldsOf(now)['spec'],
      ) ||
      !equalField(
        typeOf(refs.persistentVolumeClaims),
        'status',
        fieldsOf(old)['status'],
        fieldsOf(now)['status'],
      )
    );
  return (
    now.kind === 'Service' &&
    !equalField(typeOf(refs.services), 'spec', fieldsOf(old)['spec'], fieldsOf(now)['spec'])
  );
}
