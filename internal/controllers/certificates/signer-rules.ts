import { attributes, commonNameOf, valuesOf } from '../../base/x509/name.ts';
import type { CertificateRequest } from '../../base/x509/request.ts';

/** What a signer of Kubernetes' own will sign: undefined when it will, else why not. */
type Rule = (request: CertificateRequest, usages: readonly string[]) => string | undefined;

const prefix = 'kubernetes.io/';
const optional = ['digital signature', 'key encipherment'];

/** pkg/controller/certificates/signer and pkg/apis/certificates/helpers.go. */
const rules = new Map<string, Rule>([
  [
    `${prefix}kube-apiserver-client`,
    ({ subject }, usages) => {
      if (valuesOf(subject, attributes.organization).includes('system:masters'))
        return (
          'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not ' +
          'allowed'
        );
      const wrong = usages.find((usage) => usage !== 'client auth' && !optional.includes(usage));
      if (wrong !== undefined) return `invalid usage for client certificate: ${wrong}`;
      return usages.includes('client auth')
        ? undefined
        : 'missing required usage for client certificate: client auth';
    },
  ],
  [
    `${prefix}kube-apiserver-client-kubelet`,
    (request, usages) => {
      const names =
        organizationFault(request) ?? forbidden(request, ['dns', 'emails', 'addresses', 'uris']);
      return names ?? nodeFault(request) ?? usageFault(usages, 'client auth');
    },
  ],
  [
    `${prefix}kubelet-serving`,
    (request, usages) => {
      const organization = organizationFault(request);
      if (organization) return organization;
      if (request.dns.length === 0 && request.addresses.length === 0)
        return 'DNS or IP subjectAltName is required';
      return (
        forbidden(request, ['emails', 'uris']) ??
        usageFault(usages, 'server auth') ??
        nodeFault(request)
      );
    },
  ],
  // It makes no promises, and version 1 of the API takes no requests for it.
  [`${prefix}legacy-unknown`, () => undefined],
]);

export const signers: ReadonlySet<string> = new Set(rules.keys());

/** Why this signer will not sign this request; undefined when it will. */
export function signerFault(
  signerName: string,
  request: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  return rules.get(signerName)?.(request, usages);
}

function organizationFault({ subject }: CertificateRequest): string | undefined {
  const organizations = valuesOf(subject, attributes.organization);
  return organizations.length === 1 && organizations[0] === 'system:nodes'
    ? undefined
    : 'subject organization is not system:nodes';
}

function nodeFault({ subject }: CertificateRequest): string | undefined {
  return commonNameOf(subject).startsWith('system:node:')
    ? undefined
    : 'subject common name does not begin with system:node:';
}

const kinds = { dns: 'DNS', emails: 'Email', addresses: 'IP', uris: 'URI' } as const;

function forbidden(request: CertificateRequest, among: (keyof typeof kinds)[]): string | undefined {
  const found = among.find((kind) => request[kind].length > 0);
  return found && `${kinds[found]} subjectAltNames are not allowed`;
}

/** Exactly these usages; a key that only signs goes without enciphering. */
function usageFault(usages: readonly string[], needed: string): string | undefined {
  const asked = [...new Set(usages)].sort().join();
  const right = [
    [needed, ...optional],
    [needed, 'digital signature'],
  ].some((list) => list.toSorted().join() === asked);
  return right ? undefined : `usages did not match [${[needed, ...optional].sort().join(' ')}]`;
}
