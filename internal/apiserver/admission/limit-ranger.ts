import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { own } from '../../base/own.ts';
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/types/core-v1.ts';
import { parseQuantity, Quantity, quantityOf, zeroQuantity } from '../../api/quantity.ts';
import type { Core } from '../registry/core.ts';
import { podTotals } from './pod-totals.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { lookupAll } from './lookup.ts';
import { refusal } from './refusal.ts';

type List = Record<string, string>;

/** Defaults and bounds for containers, pods and claims of a namespace (plugin LimitRanger). */
export function limitRanger(core: Core): AdmissionPlugin {
  const ranges = (attributes: Attributes): Promise<LimitRange[]> =>
    lookupAll<LimitRange>(core, registryPrefix(refs.limitRanges, attributes.call.namespace));
  return {
    name: 'LimitRanger',
    handles: ({ call, operation }) =>
      call.resource.group === '' &&
      ((call.resource.resource === 'pods' && call.subresource === '' && operation === 'CREATE') ||
        (call.resource.resource === 'pods' &&
          call.subresource === 'resize' &&
          operation === 'UPDATE') ||
        (call.resource.resource === 'persistentvolumeclaims' &&
          call.subresource === '' &&
          (operation === 'CREATE' || operation === 'UPDATE'))),
    async admit(attributes) {
      if (attributes.call.resource.resource !== 'pods' || attributes.operation !== 'CREATE') return;
      for (const range of await ranges(attributes)) applyDefaults(attributes.object as Pod, range);
    },
    async validate(attributes) {
      const wrong: string[] = [];
      for (const range of await ranges(attributes)) {
        for (const item of range.spec?.limits ?? []) {
          if (attributes.call.resource.resource === 'pods')
            checkPod(attributes.object as Pod, item, wrong);
          else checkClaim(attributes.object as PersistentVolumeClaim, item, wrong);
        }
        if (wrong.length) {
          const why = wrong.length === 1 ? (wrong[0] ?? '') : `[${wrong.join(', ')}]`;
          throw refusal(attributes, why);
        }
      }
    },
  };
}

function applyDefaults(pod: Pod, range: LimitRange): void {
  const limits: List = {};
  const requests: List = {};
  for (const item of range.spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    Object.assign(limits, item.default);
    Object.assign(requests, item.defaultRequest);
  }
  const notes: string[] = [];
  for (const [what, list] of [
    ['container', pod.spec.containers ?? []],
    ['init container', pod.spec.initContainers ?? []],
  ] as const) {
    for (const container of list) {
      const set = fill(container, requests, limits);
      if (set.requests.length)
        notes.push(`${set.requests.join(', ')} request for ${what} ${container.name}`);
      if (set.limits.length)
        notes.push(`${set.limits.join(', ')} limit for ${what} ${container.name}`);
    }
  }
  if (notes.length)
    pod.metadata.annotations = {
      ...pod.metadata.annotations,
      'kubernetes.io/limit-ranger': `LimitRanger plugin set: ${notes.join('; ')}`,
    };
}

function fill(
  container: Container,
  requests: List,
  limits: List,
): { requests: string[]; limits: string[] } {
  const resources = (container.resources ??= {} as Container['resources'] & object);
  const missing = (have: List | undefined, defaults: List): string[] =>
    Object.keys(defaults)
      .filter((name) => own(have, name) === undefined)
      .sort();
  const lacksLimits = missing(resources.limits, limits);
  const lacksRequests = missing(resources.requests, requests);
  if (lacksLimits.length) resources.limits = { ...resources.limits, ...pick(limits, lacksLimits) };
  if (lacksRequests.length)
    resources.requests = { ...resources.requests, ...pick(requests, lacksRequests) };
  return { requests: lacksRequests, limits: lacksLimits };
}

const pick = (list: List, names: string[]): List =>
  Object.fromEntries(names.map((name) => [name, own(list, name) ?? '0']));

function checkPod(pod: Pod, item: LimitRangeItem, wrong: string[]): void {
  if (item.type === 'Container') {
    for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])])
      checkLists(
        'Container',
        item,
        container.resources?.requests ?? {},
        container.resources?.limits ?? {},
        wrong,
      );
  } else if (item.type === 'Pod') {
    const asText = (totals: Map<string, Quantity>): List =>
      Object.fromEntries([...totals].map(([name, quantity]) => [name, quantity.toString()]));
    checkLists(
      'Pod',
      item,
      asText(podTotals(pod.spec, 'requests', false)),
      asText(podTotals(pod.spec, 'limits', false)),
      wrong,
    );
  }
}

function checkClaim(claim: PersistentVolumeClaim, item: LimitRangeItem, wrong: string[]): void {
  if (item.type === 'PersistentVolumeClaim')
    checkLists(
      'PersistentVolumeClaim',
      item,
      claim.spec.resources?.requests ?? {},
      claim.spec.resources?.limits ?? {},
      wrong,
      true,
    );
}

function checkLists(
  type: string,
  item: LimitRangeItem,
  requests: List,
  limits: List,
  wrong: string[],
  requestsOnly = false,
): void {
  for (const [name, bound] of Object.entries(item.min ?? {})) {
    const least = parseQuantity(bound);
    const request = own(requests, name);
    const limit = own(limits, name);
    if (request === undefined)
      wrong.push(`minimum ${name} usage per ${type} is ${bound}.  No request is specified`);
    else if (quantityOf(request).cmp(least) < 0)
      wrong.push(`minimum ${name} usage per ${type} is ${bound}, but request is ${request}`);
    else if (limit !== undefined && quantityOf(limit).cmp(least) < 0)
      wrong.push(`minimum ${name} usage per ${type} is ${bound}, but limit is ${limit}`);
  }
  for (const [name, bound] of Object.entries(item.max ?? {})) {
    const most = parseQuantity(bound);
    const request = own(requests, name);
    const limit = own(limits, name);
    if (requestsOnly) {
      if (request !== undefined && quantityOf(request).cmp(most) > 0)
        wrong.push(`maximum ${name} usage per ${type} is ${bound}, but request is ${request}`);
      continue;
    }
    if (limit === undefined)
      wrong.push(`maximum ${name} usage per ${type} is ${bound}.  No limit is specified`);
    else if (quantityOf(limit).cmp(most) > 0)
      wrong.push(`maximum ${name} usage per ${type} is ${bound}, but limit is ${limit}`);
    else if (request !== undefined && quantityOf(request).cmp(most) > 0)
      wrong.push(`maximum ${name} usage per ${type} is ${bound}, but request is ${request}`);
  }
  for (const [name, bound] of Object.entries(item.maxLimitRequestRatio ?? {}))
    checkRatio(type, name, bound, own(requests, name), own(limits, name), wrong);
}

function checkRatio(
  type: string,
  name: string,
  bound: string,
  request: string | undefined,
  limit: string | undefined,
  wrong: string[],
): void {
  const asked = quantityOf(request);
  const allowed = quantityOf(limit);
  if (asked.isZero())
    wrong.push(
      `${name} max limit to request ratio per ${type} is ${bound}, but no request is ` +
        'specified or request is 0',
    );
  else if (allowed.isZero())
    wrong.push(
      `${name} max limit to request ratio per ${type} is ${bound}, but no limit is specified ` +
        'or limit is 0',
    );
  else {
    const ratio = allowed.asNumber() / asked.asNumber();
    if (ratio > parseQuantity(bound).asNumber())
      wrong.push(
        `${name} max limit to request ratio per ${type} is ${bound}, but provided ratio is ` +
          `${ratio.toFixed(6)}`,
      );
  }
}

export { zeroQuantity };
