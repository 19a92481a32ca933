import type { CertificateSigningRequest } from '../generated/types/certificates-v1.ts';
import type { RoleBinding } from '../generated/types/rbac-v1.ts';
import { humanDuration } from '../human-duration.ts';
import { at, dictOf, listOf, numberOf, textOf } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { age, labelsText, nameOf, withMore } from './cell.ts';
import type { Cell, Cells } from './cell.ts';

export function roleBinding(object: KubeObject, now: number): Cell[] {
  const { roleRef, subjects = [] } = object as RoleBinding;
  const names = (kind: string): string =>
    subjects
      .filter((s) => s.kind === kind)
      .map((s) => (kind === 'ServiceAccount' ? `${s.namespace ?? ''}/${s.name}` : s.name))
      .join(', ');
  return [
    nameOf(object),
    `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`,
    age(object, now),
    names('User'),
    names('Group'),
    names('ServiceAccount'),
  ];
}

export function signingRequest(object: KubeObject, now: number): Cell[] {
  const { spec, status } = object as CertificateSigningRequest;
  const has = (type: string): boolean => status?.conditions?.some((c) => c.type === type) ?? false;
  const state =
    `${has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'}` +
    `${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`;
  const duration =
    spec?.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000);
  return [
    nameOf(object),
    age(object, now),
    spec?.signerName || '<none>',
    spec?.username ?? '',
    duration,
    state,
  ];
}

export function trustBundle(object: KubeObject): Cell[] {
  return [nameOf(object), textOf(at(object, 'spec.signerName')) || '<none>'];
}

export function podCertificateRequest(object: KubeObject): Cell[] {
  const states = listOf(at(object, 'status.conditions'))
    .map((c) => textOf(dictOf(c)['type']))
    .filter((t) => ['Issued', 'Denied', 'Failed'].includes(t));
  const spec = (field: string): string => textOf(at(object, `spec.${field}`));
  return [
    nameOf(object),
    spec('podName'),
    spec('serviceAccountName'),
    spec('nodeName'),
    spec('signerName'),
    states[states.length - 1] ?? 'Pending',
    labelsText(at(object, 'spec.unverifiedUserAnnotations') as Record<string, string> | undefined),
  ];
}

export const counted =
  (path: string): Cells =>
  (object, now) => [nameOf(object), listOf(at(object, path)).length, age(object, now)];

export function policy(path: string): Cells {
  return (object, now) => {
    const kind = at(object, 'spec.paramKind');
    const shown = kind
      ? `${textOf(at(kind, 'apiVersion'))}/${textOf(at(kind, 'kind'))}`
      : '<unset>';
    return [nameOf(object), listOf(at(object, path)).length, shown, age(object, now)];
  };
}

export function policyBinding(object: KubeObject, now: number): Cell[] {
  const ref = at(object, 'spec.paramRef');
  const name = textOf(at(ref, 'name'));
  return [
    nameOf(object),
    textOf(at(object, 'spec.policyName')),
    name ? `${textOf(at(ref, 'namespace')) || '*'}/${name}` : '<unset>',
    age(object, now),
  ];
}

export function flowSchema(object: KubeObject, now: number): Cell[] {
  const dangling = listOf(at(object, 'status.conditions'))
    .map(dictOf)
    .find((c) => c['type'] === 'Dangling');
  return [
    nameOf(object),
    textOf(at(object, 'spec.priorityLevelConfiguration.name')),
    numberOf(at(object, 'spec.matchingPrecedence')),
    textOf(at(object, 'spec.distinguisherMethod.type')) || '<none>',
    age(object, now),
    dangling ? textOf(dangling['status']) : '?',
  ];
}

export function priorityLevel(object: KubeObject, now: number): Cell[] {
  const limited = at(object, 'spec.limited');
  const queuing = at(limited, 'limitResponse.queuing');
  const number = (value: unknown, holder: unknown): Cell => (holder ? numberOf(value) : '<none>');
  return [
    nameOf(object),
    textOf(at(object, 'spec.type')),
    number(at(limited, 'nominalConcurrencyShares'), limited),
    number(at(queuing, 'queues'), queuing),
    number(at(queuing, 'handSize'), queuing),
    number(at(queuing, 'queueLengthLimit'), queuing),
    age(object, now),
  ];
}

export function storageVersion(object: KubeObject, now: number): Cell[] {
  const versions = listOf(at(object, 'status.storageVersions')).map(
    (v) => `${textOf(at(v, 'apiServerID'))}=${textOf(at(v, 'encodingVersion'))}`,
  );
  return [
    nameOf(object),
    textOf(at(object, 'status.commonEncodingVersion')) || '<unset>',
    withMore(versions),
    age(object, now),
  ];
}

export function apiService(object: KubeObject, now: number): Cell[] {
  const service = at(object, 'spec.service');
  const available = listOf(at(object, 'status.conditions'))
    .map(dictOf)
    .find((c) => c['type'] === 'Available');
  const status = available ? textOf(available['status']) : 'Unknown';
  const reason = available ? textOf(available['reason']) : '';
  return [
    nameOf(object),
    service ? `${textOf(at(service, 'namespace'))}/${textOf(at(service, 'name'))}` : 'Local',
    status !== 'True' && reason ? `${status} (${reason})` : status,
    age(object, now),
  ];
}

export function status(object: KubeObject): Cell[] {
  return [
    textOf(fieldsOf(object)['status']),
    textOf(fieldsOf(object)['reason']),
    textOf(fieldsOf(object)['message']),
  ];
}
