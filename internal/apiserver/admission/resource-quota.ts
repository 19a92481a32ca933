import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { own } from '../../base/own.ts';
import type { Pod, ResourceQuota } from '../../api/generated/types/core-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { quantityOf, zeroQuantity, type Quantity } from '../../api/quantity.ts';
import { keyOf as storeKey, prefixEnd, type KeyValue } from '../../store/store.ts';
import { limits } from '../limits.ts';
import type { Core } from '../registry/core.ts';
import { encode, objectOf } from '../registry/stored.ts';
import { replace } from '../registry/write.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import type { Totals } from './pod-totals.ts';
import { quotaCovers, usageOf } from './quota-usage.ts';
import { refusal } from './refusal.ts';

const changing = new Set(['pods', 'services', 'persistentvolumeclaims']);

/**
 * A namespace's quotas are charged before an object is let in (plugin ResourceQuota). It runs last:
 * nothing refuses after it.
 */
export function resourceQuota(core: Core): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    handles: ({ call, operation }) =>
      call.resource.namespaced &&
      (operation === 'CREATE' ||
        (operation === 'UPDATE' &&
          call.resource.group === '' &&
          changing.has(call.resource.resource))) &&
      (call.subresource === '' ||
        call.subresource === 'resize' ||
        (call.subresource === 'status' && call.resource.resource === 'persistentvolumeclaims')),
    async validate(attributes) {
      const { call } = attributes;
      if (!attributes.object || (call.resource.group === '' && call.resource.resource === 'events'))
        return;
      const prefix = storeKey(registryPrefix(refs.resourceQuotas, call.namespace));
      const quotas = (await core.store.range({ key: prefix, end: prefixEnd(prefix) })).kvs;
      for (const kv of quotas) await charge(core, attributes, kv);
    },
  };
}

/** The change in usage that this request asks of one quota. */
function delta(attributes: Attributes, quota: ResourceQuota): Totals | undefined {
  const { call, object, old } = attributes;
  if (!object || !quotaCovers(quota, call.resource, object)) return undefined;
  const asked = usageOf(call.resource, object);
  const before =
    old && quotaCovers(quota, call.resource, old)
      ? usageOf(call.resource, old)
      : new Map<string, Quantity>();
  const out: Totals = new Map();
  for (const name of Object.keys(quota.status?.hard ?? quota.spec?.hard ?? {})) {
    const now = asked.get(name);
    if (!now) continue;
    out.set(name, before.has(name) ? now.sub(before.get(name) ?? zeroQuantity) : now);
  }
  return out;
}

async function charge(core: Core, attributes: Attributes, first: KeyValue): Promise<void> {
  const { call } = attributes;
  let kv: KeyValue | undefined = first;
  for (let tries = 0; kv && tries < limits.updateTries; tries++) {
    const quota = objectOf(kv) as ResourceQuota;
    const hard = quota.status?.hard ?? {};
    if (attributes.operation === 'CREATE') requireNamed(attributes, quota);
    const wanted = delta(attributes, quota);
    if (!wanted || wanted.size === 0 || [...wanted.values()].every((quantity) => quantity.isZero()))
      return;
    const exceeded = [...wanted]
      .filter(
        ([name, more]) =>
          more.sign() > 0 &&
          quantityOf(own(quota.status?.used, name))
            .add(more)
            .cmp(quantityOf(own(hard, name))) > 0 &&
          own(hard, name) !== undefined,
      )
      .map(([name]) => name)
      .sort();
    if (exceeded.length) throw refusal(attributes, exceededText(quota, exceeded, wanted));
    const known = [...wanted].filter(([name]) => own(hard, name) !== undefined);
    if (call.dryRun || known.length === 0) return;
    const next = deepCopy(quota) as ResourceQuota;
    const used = { ...next.status?.used };
    for (const [name, more] of known) used[name] = quantityOf(own(used, name)).add(more).toString();
    next.status = { ...next.status, used } as ResourceQuota['status'];
    const resource = core.resources.find('', 'v1', 'resourcequotas');
    if (!resource || (await replace(core, resource, kv, encode(resource, next as KubeObject))))
      return;
    kv = (await core.store.range({ key: kv.key })).kvs[0];
  }
}

function exceededText(quota: ResourceQuota, names: string[], wanted: Totals): string {
  const pairs = (value: (name: string) => string): string =>
    names.map((name) => `${name}=${value(name)}`).join(',');
  return (
    `exceeded quota: ${quota.metadata.name}, requested: ` +
    `${pairs((name) => String(wanted.get(name)))}, used: ` +
    `${pairs((name) => quota.status?.used?.[name] ?? '0')}, limited: ` +
    `${pairs((name) => quota.status?.hard?.[name] ?? '0')}`
  );
}

/** A quota on cpu or memory makes every container name its own (quota evaluators' Constraints). */
function requireNamed(attributes: Attributes, quota: ResourceQuota): void {
  const { call } = attributes;
  const object = attributes.object as KubeObject;
  if (
    call.resource.group !== '' ||
    call.resource.resource !== 'pods' ||
    !quotaCovers(quota, call.resource, object)
  )
    return;
  const pod = object as Pod;
  const missing = new Map<string, string[]>();
  for (const name of Object.keys(quota.status?.hard ?? quota.spec?.hard ?? {})) {
    const match = /^(?:(requests|limits)\.)?(cpu|memory|ephemeral-storage)$/.exec(name);
    if (!match) continue;
    const part = (match[1] ?? 'requests') as 'requests' | 'limits';
    const resource = match[2] ?? '';
    if (pod.spec.resources?.[part]?.[resource] !== undefined) continue;
    for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
      if (container.resources?.[part]?.[resource] === undefined && resource !== 'ephemeral-storage')
        missing.set(name, [...(missing.get(name) ?? []), container.name]);
    }
  }
  if (missing.size === 0) return;
  const text = [...missing]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, containers]) => `${name} for: ${containers.join(',')}`)
    .join('; ');
  throw refusal(attributes, `failed quota: ${quota.metadata.name}: must specify ${text}`);
}
