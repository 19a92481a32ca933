import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { attributes as attributeIds, valuesOf } from '../../base/x509/name.ts';
import { readRequest } from '../../base/x509/request.ts';
import type { Authorize } from '../authz/authorizer.ts';
import type { UserInfo } from '../authn/user.ts';
import type { AdmissionPlugin, Attributes } from './chain.ts';
import { refusal } from './refusal.ts';

const isCsr = ({ call }: Attributes): boolean =>
  call.resource.group === 'certificates.k8s.io' &&
  call.resource.resource === 'certificatesigningrequests';

async function mayUseSigner(
  authorize: Authorize,
  user: UserInfo,
  verb: string,
  signer: string,
): Promise<boolean> {
  const ask = async (name: string): Promise<boolean> =>
    (
      await authorize({
        user,
        verb,
        group: 'certificates.k8s.io',
        version: '*',
        resource: 'signers',
        name,
        namespace: '',
      })
    ).allowed;
  return (await ask(signer)) || ask(`${signer.split('/')[0]}/*`);
}

function signerGuard(
  name: string,
  authorize: Authorize,
  subresource: string,
  verb: string,
): AdmissionPlugin {
  return {
    name,
    handles: (attributes) =>
      isCsr(attributes) &&
      attributes.operation === 'UPDATE' &&
      attributes.call.subresource === subresource,
    async validate(attributes) {
      const { call } = attributes;
      const now = attributes.object as CertificateSigningRequest;
      const before = attributes.old as CertificateSigningRequest;
      if (
        verb === 'sign' &&
        now.status?.certificate === before.status?.certificate &&
        failures(now) === failures(before)
      )
        return;
      if (!(await mayUseSigner(authorize, call.user, verb, before.spec.signerName))) {
        throw refusal(
          attributes,
          `user not permitted to ${verb} requests with signerName ` +
            `${JSON.stringify(before.spec.signerName)}`,
        );
      }
    },
  };
}

const failures = (request: CertificateSigningRequest): string =>
  JSON.stringify((request.status?.conditions ?? []).filter((one) => one.type === 'Failed'));

/**
 * Who approves or signs for a signer must hold that verb on the signer (plugins
 * CertificateApproval, CertificateSigning).
 */
export function certificateGuards(authorize: Authorize): AdmissionPlugin[] {
  return [
    signerGuard('CertificateApproval', authorize, 'approval', 'approve'),
    signerGuard('CertificateSigning', authorize, 'status', 'sign'),
    subjectRestriction,
  ];
}

/** Nobody asks for a certificate in system:masters (plugin CertificateSubjectRestriction). */
const subjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (attributes) =>
    isCsr(attributes) && attributes.operation === 'CREATE' && attributes.call.subresource === '',
  validate(attributes) {
    const request = attributes.object as CertificateSigningRequest;
    if (request.spec.signerName !== 'kubernetes.io/kube-apiserver-client') return;
    const refuse = (why: string): Error => refusal(attributes, why);
    let organizations: string[];
    try {
      organizations = valuesOf(
        readRequest(Buffer.from(request.spec.request, 'base64').toString('latin1')).subject,
        attributeIds.organization,
      );
    } catch (error) {
      throw refuse(`failed to parse CSR: ${messageOf(error)}`);
    }
    if (organizations.includes('system:masters'))
      throw refuse(
        'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not ' +
          'allowed',
      );
  },
};
