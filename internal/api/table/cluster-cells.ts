import { own } from '../../base/own.ts';
import type { ConfigMap, Event, Node, ResourceQuota, Secret } from '../generated/types/core-v1.ts';
import { at, dictOf, listOf, numberOf, textOf } from '../loose.ts';
import { asObject, fieldsOf, type KubeObject } from '../object.ts';
import { age, nameOf, since } from './cell.ts';
import type { Cell, Cells } from './cell.ts';

const as = <T>(object: KubeObject): T => object as T;
const rolePrefix = 'node-role.kubernetes.io/';

export function node(object: KubeObject, now: number): Cell[] {
  const { spec, status } = as<Node>(object);
  const ready = status?.conditions?.find((c) => c.type === 'Ready');
  const state = [
    ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown',
    ...(spec?.unschedulable ? ['SchedulingDisabled'] : []),
  ].join(',');
  const address = (type: string): string =>
    status?.addresses?.find((a) => a.type === type)?.address ?? '<none>';
  const info = status?.nodeInfo;
  return [
    nameOf(object),
    state,
    nodeRoles(object.metadata.labels ?? {}),
    age(object, now),
    info?.kubeletVersion ?? '',
    address('InternalIP'),
    address('ExternalIP'),
    info?.osImage || '<unknown>',
    `${info?.kernelVersion || '<unknown>'}${info?.architecture ? ` (${info.architecture})` : ''}`,
    info?.containerRuntimeVersion || '<unknown>',
  ];
}

function nodeRoles(labels: Readonly<Record<string, string>>): string {
  const roles = Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix))
      return key.length > rolePrefix.length ? [key.slice(rolePrefix.length)] : [];
    return key === 'kubernetes.io/role' && value ? [value] : [];
  });
  return [...new Set(roles)].sort().join(',') || '<none>';
}

export function namespace(object: KubeObject, now: number): Cell[] {
  return [nameOf(object), textOf(at(object, 'status.phase')), age(object, now)];
}

export function secret(object: KubeObject, now: number): Cell[] {
  const { type = '', data } = as<Secret>(object);
  return [nameOf(object), type, Object.keys(data ?? {}).length, age(object, now)];
}

export function configMap(object: KubeObject, now: number): Cell[] {
  const { data, binaryData } = as<ConfigMap>(object);
  return [
    nameOf(object),
    Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    age(object, now),
  ];
}

export function quota(object: KubeObject, now: number): Cell[] {
  const { hard = {}, used = {} } = as<ResourceQuota>(object).status ?? {};
  const [requests, limits]: [string[], string[]] = [[], []];
  for (const name of Object.keys(hard).sort())
    (name.startsWith('limits.') ? limits : requests).push(
      `${name}: ${own(used, name) ?? '0'}/${hard[name] ?? '0'}`,
    );
  return [nameOf(object), requests.join(', '), limits.join(', '), age(object, now)];
}

export function event(object: KubeObject, now: number): Cell[] {
  const own = as<Event>(object);
  const first = own.firstTimestamp ? since(own.firstTimestamp, now) : since(own.eventTime, now);
  const last = own.series
    ? since(own.series.lastObservedTime, now)
    : own.lastTimestamp
      ? since(own.lastTimestamp, now)
      : first;
  const { kind = '', name = '', fieldPath = '' } = own.involvedObject ?? {};
  const component = own.source?.component || own.reportingComponent || '';
  const host = own.source?.host || own.reportingInstance || '';
  return [
    last,
    own.type ?? '',
    own.reason ?? '',
    name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase(),
    fieldPath,
    host ? `${component}, ${host}` : component,
    (own.message ?? '').trim(),
    first,
    own.series ? (own.series.count ?? 0) : own.count || 1,
    nameOf(object),
  ];
}

/** The newer API has the same events under other names. */
export function newEvent(object: KubeObject, now: number): Cell[] {
  const from = fieldsOf(object);
  const old: Record<string, unknown> = {
    metadata: object.metadata,
    involvedObject: from['regarding'],
    reason: from['reason'],
    message: from['note'],
    type: from['type'],
    eventTime: from['eventTime'],
    series: from['series'],
    source: from['deprecatedSource'],
    firstTimestamp: from['deprecatedFirstTimestamp'],
    lastTimestamp: from['deprecatedLastTimestamp'],
    count: from['deprecatedCount'],
    reportingComponent: from['reportingController'],
    reportingInstance: from['reportingInstance'],
  };
  return event(asObject(old), now);
}

export function componentStatus(object: KubeObject): Cell[] {
  const healthy = listOf(fieldsOf(object)['conditions'])
    .map(dictOf)
    .find((c) => c['type'] === 'Healthy');
  if (!healthy) return [nameOf(object), 'Unknown', '', ''];
  return [
    nameOf(object),
    healthy['status'] === 'True' ? 'Healthy' : 'Unhealthy',
    textOf(healthy['message']),
    textOf(healthy['error']),
  ];
}

export function lease(object: KubeObject, now: number): Cell[] {
  return [nameOf(object), textOf(at(object, 'spec.holderIdentity')), age(object, now)];
}

export function leaseCandidate(object: KubeObject, now: number): Cell[] {
  return [
    nameOf(object),
    ...['leaseName', 'binaryVersion', 'emulationVersion'].map((f) =>
      textOf(at(object, `spec.${f}`)),
    ),
    age(object, now),
  ];
}

export function priorityClass(object: KubeObject, now: number): Cell[] {
  return [
    nameOf(object),
    numberOf(fieldsOf(object)['value']),
    fieldsOf(object)['globalDefault'] === true,
    age(object, now),
    textOf(fieldsOf(object)['preemptionPolicy']),
  ];
}

export function runtimeClass(object: KubeObject, now: number): Cell[] {
  return [nameOf(object), textOf(fieldsOf(object)['handler']), age(object, now)];
}

export const nameAndAge: Cells = (object, now) => [nameOf(object), age(object, now)];
