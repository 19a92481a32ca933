import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../generated/types/certificates-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { readCertificate } from '../../base/x509/certificate.ts';
import { pemBlocks } from '../../base/x509/pem.ts';
import { readRequest } from '../../base/x509/request.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Label, dns1123Subdomain, maxSubdomainLength } from '../names.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { goDiff } from './pod-diff.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { repeats } from './repeats.ts';

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const decisions = ['Approved', 'Denied'] as const;
const lasting = [...decisions, 'Failed'] as const;
const shortest = 600;
const maxSigner = 571;

function checkSigner(problems: Problems, signer: string, field: string): void {
  if (!signer) return problems.required(field);
  const segments = signer.split('/');
  if (segments.length !== 2)
    return problems.invalid(
      field,
      signer,
      "must be a fully qualified domain and path of the form 'example.com/signer-name'",
    );
  const [domain = '', path = ''] = segments;
  if (domain.length > maxSubdomainLength) problems.tooLong(field, maxSubdomainLength);
  const labels = domain.split('.');
  firstWrong(problems, labels, dns1123Label, domain, field);
  if (labels.length < 2)
    problems.invalid(
      field,
      domain,
      'should be a domain with at least two segments separated by dots',
    );
  firstWrong(problems, path.split('.'), dns1123Subdomain, path, field);
  if (signer.length > maxSigner) problems.tooLong(field, maxSigner);
}

function firstWrong(
  problems: Problems,
  labels: readonly string[],
  check: (label: string) => string[],
  shown: string,
  field: string,
): void {
  const label = labels.find((one) => check(one).length > 0);
  if (label !== undefined)
    for (const m of check(label))
      problems.invalid(field, shown, `validating label ${JSON.stringify(label)}: ${m}`);
}

function checkConditions(
  problems: Problems,
  conditions: readonly CertificateSigningRequestCondition[],
  old: CertificateSigningRequest | undefined,
): void {
  const before = old?.status?.conditions ?? [];
  const path = 'status.conditions';
  const [types, had, now] = [before.map((c) => c.type), new Set<string>(), new Set<string>()];
  for (const type of types) had.add(type);
  const mayRepeat = had.size < types.length;
  conditions.forEach(({ type, status }, i) => {
    if (!type && !had.has('')) problems.required(`${path}[${i}].type`);
    const allowed = (lasting as readonly string[]).includes(type)
      ? ['True']
      : ['False', 'True', 'Unknown'];
    problems.oneOf(`${path}[${i}].status`, status, allowed);
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined;
    if (other && !(had.has('Approved') && had.has('Denied')) && now.has(other))
      problems.invalid(path, type, 'Approved and Denied conditions are mutually exclusive');
    if (now.has(type) && !mayRepeat) problems.duplicate(`${path}[${i}].type`, type);
    now.add(type);
  });
}

function certificateError(base64: string): string | undefined {
  const blocks = pemBlocks(Buffer.from(base64, 'base64').toString('latin1'));
  for (const { type, headers, bytes } of blocks) {
    if (type !== 'CERTIFICATE')
      return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`;
    if (headers) return 'no PEM block headers are permitted';
    const wrong = failureOf(() => readCertificate(bytes));
    if (wrong) return wrong;
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

function failureOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

function checkRequest(
  problems: Problems,
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest | undefined,
): void {
  checkMetadata(problems, csr.metadata ?? {}, { namespaced: false, name: () => [] });
  const {
    request = '',
    usages: given = [],
    signerName = '',
    expirationSeconds: seconds,
  } = csr.spec ?? {};
  // The spec never changes: what was read once is not read again with every update.
  const unreadable =
    request === old?.spec?.request
      ? undefined
      : failureOf(() => readRequest(Buffer.from(request, 'base64').toString('latin1')));
  if (unreadable) problems.invalid('spec.request', request, unreadable);
  if (given.length === 0) problems.required('spec.usages');
  const before = old?.spec?.usages ?? [];
  if (!before.some((usage) => !usages.includes(usage)))
    given.forEach(
      (usage, i) =>
        !usages.includes(usage) && problems.notSupported(`spec.usages[${i}]`, usage, usages),
    );
  const again = repeats(given);
  if (new Set(before).size === before.length)
    given.forEach((usage, i) => again[i] && problems.duplicate(`spec.usages[${i}]`, usage));
  const legacy = 'kubernetes.io/legacy-unknown';
  if (signerName === legacy && old?.spec?.signerName !== legacy)
    problems.invalid(
      'spec.signerName',
      signerName,
      'the legacy signerName is not allowed via this API version',
    );
  else checkSigner(problems, signerName, 'spec.signerName');
  if (seconds !== undefined && seconds < shortest)
    problems.invalid(
      'spec.expirationSeconds',
      seconds,
      'may not specify a duration less than 600 seconds (10 minutes)',
    );
  checkConditions(problems, csr.status?.conditions ?? [], old);
  const certificate = csr.status?.certificate;
  const wrong =
    certificate && certificate !== old?.status?.certificate
      ? certificateError(certificate)
      : undefined;
  if (wrong) problems.invalid('status.certificate', '<certificate data>', wrong);
}

type Allowed = 'conditions' | 'certificate' | 'nothing';

function updateRequest(
  problems: Problems,
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
  allowed: Allowed,
): void {
  checkRequest(problems, csr, old);
  const of = (
    from: CertificateSigningRequest,
    type: string,
  ): CertificateSigningRequestCondition[] =>
    (from.status?.conditions ?? []).filter((c) => c.type === type);
  const refuse = (detail: string): void => problems.forbidden('status.conditions', detail);
  for (const type of lasting)
    if (of(csr, type).length < of(old, type).length)
      refuse(`updates may not remove a condition of type "${type}"`);
  for (const type of allowed === 'conditions' ? [] : decisions) {
    const [now, before] = [of(csr, type), of(old, type)];
    if (now.length > before.length) refuse(`updates may not add a condition of type "${type}"`);
    else if (now.length === before.length && !semanticEqual(now, before))
      refuse(
        `updates may not modify a condition of type "${type}"\n` +
          `${goDiff(before.map(shown), now.map(shown))}`,
      );
  }
  const [now, before] = [csr.status?.certificate ?? '', old.status?.certificate ?? ''];
  if (now !== before) {
    if (allowed !== 'certificate')
      problems.forbidden('status.certificate', 'updates may not set certificate content');
    else if (before)
      problems.forbidden(
        'status.certificate',
        'updates may not modify existing certificate content',
      );
  }
  checkMetadataUpdate(problems, csr.metadata ?? {}, old.metadata ?? {});
}

const shown = (c: CertificateSigningRequestCondition): unknown => ({
  Type: c.type,
  Status: c.status,
  Reason: c.reason ?? '',
  Message: c.message ?? '',
  LastUpdateTime: c.lastUpdateTime ?? null,
  LastTransitionTime: c.lastTransitionTime ?? null,
});

export const certificateSigningRequest: Rule<CertificateSigningRequest> = {
  name: () => [],
  create: (problems, object) => checkRequest(problems, object, undefined),
  update: (problems, object, old) => updateRequest(problems, object, old, 'nothing'),
  subresources: {
    status: (problems, object, old) => updateRequest(problems, object, old, 'certificate'),
    approval: (problems, object, old) => updateRequest(problems, object, old, 'conditions'),
  },
};
