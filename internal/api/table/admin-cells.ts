import { table } from '../../base/own.ts';
import type { CertificateSigningRequest } from '../generated/types/certificates-v1.ts';
import type { RoleBinding } from '../generated/types/rbac-v1.ts';
import { humanDuration } from '../human-duration.ts';
import { at, dictOf, listOf, numberOf, textOf } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { age, labelsText, nameOf, withMore } from './cell.ts';
import type { Cell, Cells } from './cell.ts';

function roleBinding(object: KubeObject, now: number): Cell[] {
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

function signingRequest(object: KubeObject, now: number): Cell[] {
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

function trustBundle(object: KubeObject): Cell[] {
  return [nameOf(object), textOf(at(object, 'spec.signerName')) || '<none>'];
}

function podCertificateRequest(object: KubeObject): Cell[] {
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

const counted =
  (path: string): Cells =>
  (object, now) => [nameOf(object), listOf(at(object, path)).length, age(object, now)];

function policy(path: string): Cells {
  return (object, now) => {
    const kind = at(object, 'spec.paramKind');
    const shown = kind
      ? `${textOf(at(kind, 'apiVersion'))}/${textOf(at(kind, 'kind'))}`
      : '<unset>';
    return [nameOf(object), listOf(at(object, path)).length, shown, age(object, now)];
  };
}

function policyBinding(object: KubeObject, now: number): Cell[] {
  const ref = at(object, 'spec.paramRef');
  const name = textOf(at(ref, 'name'));
  return [
    nameOf(object),
    textOf(at(object, 'spec.policyName')),
    name ? `${textOf(at(ref, 'namespace')) || '*'}/${name}` : '<unset>',
    age(object, now),
  ];
}

function flowSchema(object: KubeObject, now: number): Cell[] {
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

function priorityLevel(object: KubeObject, now: number): Cell[] {
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

function storageVersion(object: KubeObject, now: number): Cell[] {
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

function apiService(object: KubeObject, now: number): Cell[] {
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

function status(object: KubeObject): Cell[] {
  return [
    textOf(fieldsOf(object)['status']),
    textOf(fieldsOf(object)['reason']),
    textOf(fieldsOf(object)['message']),
  ];
}

const registration = 'admissionregistration.k8s.io';

export const adminCells: Readonly<Record<string, Cells>> = table({
  'rbac.authorization.k8s.io/RoleBinding': roleBinding,
  'rbac.authorization.k8s.io/ClusterRoleBinding': roleBinding,
  'certificates.k8s.io/CertificateSigningRequest': signingRequest,
  'certificates.k8s.io/ClusterTrustBundle': trustBundle,
  'certificates.k8s.io/PodCertificateRequest': podCertificateRequest,
  [`${registration}/MutatingWebhookConfiguration`]: counted('webhooks'),
  [`${registration}/ValidatingWebhookConfiguration`]: counted('webhooks'),
  [`${registration}/ValidatingAdmissionPolicy`]: policy('spec.validations'),
  [`${registration}/MutatingAdmissionPolicy`]: policy('spec.mutations'),
  [`${registration}/ValidatingAdmissionPolicyBinding`]: policyBinding,
  [`${registration}/MutatingAdmissionPolicyBinding`]: policyBinding,
  'flowcontrol.apiserver.k8s.io/FlowSchema': flowSchema,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': priorityLevel,
  'internal.apiserver.k8s.io/StorageVersion': storageVersion,
  'apiregistration.k8s.io/APIService': apiService,
  'meta.k8s.io/Status': status,
});
