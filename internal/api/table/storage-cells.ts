import type { PersistentVolume, PersistentVolumeClaim } from '../generated/types/core-v1.ts';
import { at, dictOf, listOf, textOf } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { age, nameOf, since } from './cell.ts';
import type { Cell, Cells } from './cell.ts';

const modes = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const;
const legacyClass = 'volume.beta.kubernetes.io/storage-class';

function modesText(given: readonly string[] | undefined): string {
  return modes
    .filter(([mode]) => given?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

const classOf = (object: KubeObject, own: string | undefined): string =>
  object.metadata.annotations?.[legacyClass] ?? own ?? '';

export function persistentVolume(object: KubeObject, now: number): Cell[] {
  const { spec, status } = object as PersistentVolume;
  const claim = spec?.claimRef;
  return [
    nameOf(object),
    spec?.capacity?.['storage'] ?? '0',
    modesText(spec?.accessModes),
    spec?.persistentVolumeReclaimPolicy ?? '',
    object.metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    claim ? `${claim.namespace ?? ''}/${claim.name ?? ''}` : '',
    classOf(object, spec?.storageClassName),
    spec?.volumeAttributesClassName ?? '<unset>',
    status?.reason ?? '',
    age(object, now),
    spec?.volumeMode ?? '<unset>',
  ];
}

export function claim(object: KubeObject, now: number): Cell[] {
  const { spec, status } = object as PersistentVolumeClaim;
  const bound = Boolean(spec?.volumeName);
  return [
    nameOf(object),
    object.metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    spec?.volumeName ?? '',
    bound ? (status?.capacity?.['storage'] ?? '0') : '',
    bound ? modesText(status?.accessModes) : '',
    classOf(object, spec?.storageClassName),
    spec?.volumeAttributesClassName ?? '<unset>',
    age(object, now),
    spec?.volumeMode ?? '<unset>',
  ];
}

export function storageClass(object: KubeObject, now: number): Cell[] {
  const { annotations = {} } = object.metadata;
  const isDefault =
    annotations['storageclass.kubernetes.io/is-default-class'] === 'true' ||
    annotations['storageclass.beta.kubernetes.io/is-default-class'] === 'true';
  return [
    `${nameOf(object)}${isDefault ? ' (default)' : ''}`,
    textOf(fieldsOf(object)['provisioner']),
    textOf(fieldsOf(object)['reclaimPolicy']) || 'Delete',
    textOf(fieldsOf(object)['volumeBindingMode']) || 'Immediate',
    fieldsOf(object)['allowVolumeExpansion'] === true,
    age(object, now),
  ];
}

export function attributesClass(object: KubeObject, now: number): Cell[] {
  return [nameOf(object), textOf(fieldsOf(object)['driverName']), age(object, now)];
}

export function attachment(object: KubeObject, now: number): Cell[] {
  const spec = (path: string): string => textOf(at(object, `spec.${path}`));
  return [
    nameOf(object),
    spec('attacher'),
    spec('source.persistentVolumeName'),
    spec('nodeName'),
    at(object, 'status.attached') === true,
    age(object, now),
  ];
}

export function csiNode(object: KubeObject, now: number): Cell[] {
  return [nameOf(object), listOf(at(object, 'spec.drivers')).length, age(object, now)];
}

export function csiDriver(object: KubeObject, now: number): Cell[] {
  const flag = (name: string, otherwise: boolean): boolean =>
    (at(object, `spec.${name}`) as boolean | undefined) ?? otherwise;
  const requests = at(object, 'spec.tokenRequests');
  const audiences = Array.isArray(requests)
    ? requests.map((r) => textOf(dictOf(r)['audience'])).join(',')
    : '<unset>';
  const lifecycle = listOf(at(object, 'spec.volumeLifecycleModes')).join(',') || '<none>';
  return [
    nameOf(object),
    flag('attachRequired', true),
    flag('podInfoOnMount', false),
    flag('storageCapacity', false),
    audiences,
    flag('requiresRepublish', false),
    lifecycle,
    age(object, now),
  ];
}

export function resourceClaim(object: KubeObject, now: number): Cell[] {
  const deleted = Boolean(object.metadata.deletionTimestamp);
  const states = deleted ? ['deleted'] : [];
  if (at(object, 'status.allocation'))
    states.push(
      'allocated',
      ...(listOf(at(object, 'status.reservedFor')).length > 0 ? ['reserved'] : []),
    );
  else if (!deleted) states.push('pending');
  return [nameOf(object), states.join(','), age(object, now)];
}

export function resourceSlice(object: KubeObject, now: number): Cell[] {
  return [
    nameOf(object),
    ...['nodeName', 'driver', 'pool.name'].map((f) => textOf(at(object, `spec.${f}`))),
    age(object, now),
  ];
}

export function taintRule(object: KubeObject, now: number): Cell[] {
  const taint = (field: string): string => textOf(at(object, `spec.taint.${field}`));
  return [
    nameOf(object),
    taint('key'),
    taint('value'),
    taint('effect'),
    taint('timeAdded') ? since(taint('timeAdded'), now) : '',
    age(object, now),
  ];
}

export function migration(object: KubeObject): Cell[] {
  const group = textOf(at(object, 'spec.resource.group'));
  const states = listOf(at(object, 'status.conditions'))
    .map(dictOf)
    .filter(
      (c) =>
        c['status'] === 'True' && ['Running', 'Failed', 'Succeeded'].includes(textOf(c['type'])),
    );
  return [
    nameOf(object),
    `${textOf(at(object, 'spec.resource.resource'))}${group ? `.${group}` : ''}`,
    textOf(states[states.length - 1]?.['type']) || 'Unknown',
  ];
}

export const nameAndAge: Cells = (object, now) => [nameOf(object), age(object, now)];
