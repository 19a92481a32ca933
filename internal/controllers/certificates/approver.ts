import { Buffer } from 'node:buffer';
import type { SubjectAccessReview } from '../../api/generated/types/authorization-v1.ts';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { DerError } from '../../base/x509/der.ts';
import { commonNameOf } from '../../base/x509/name.ts';
import { readRequest, type CertificateRequest } from '../../base/x509/request.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';
import { signerFault } from './signer-rules.ts';

const name = 'certificate-controller';
const kubeletSigner = 'kubernetes.io/kube-apiserver-client-kubelet';

/** Who may have such a request approved: by the subresource he may create. */
const rules = [
  {
    subresource: 'selfnodeclient',
    recognizes: ({ username }: Spec, { subject }: CertificateRequest) =>
      username === commonNameOf(subject),
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  },
  {
    subresource: 'nodeclient',
    recognizes: () => true,
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  },
];

type Spec = CertificateSigningRequest['spec'];

/**
 * Approves the client certificates of kubelets, for those who may ask for them
 * (pkg/controller/certificates/approver).
 */
export function startCertificateApprover(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const requests = ctx.mirrors.of<CertificateSigningRequest>(refs.certificateSigningRequests);

  const mayCreate = async (
    { username = '', uid, groups, extra }: Spec,
    subresource: string,
  ): Promise<boolean> => {
    const resourceAttributes = {
      group: 'certificates.k8s.io',
      resource: 'certificatesigningrequests',
      verb: 'create',
      subresource,
      version: '*',
    };
    const review = await client.create<SubjectAccessReview>(refs.subjectAccessReviews, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: username, uid, groups, extra, resourceAttributes },
    });
    return review.status?.allowed === true;
  };

  const reconcile = async (key: string): Promise<void> => {
    const request = requests.get(key);
    if (!request || request.status?.certificate || request.spec.signerName !== kubeletSigner)
      return;
    if (
      (request.status?.conditions ?? []).some(
        ({ type }) => type === 'Approved' || type === 'Denied',
      )
    )
      return;
    const asked = read(request.spec);
    if (!asked || signerFault(kubeletSigner, asked, request.spec.usages ?? [])) return;
    for (const { subresource, recognizes, message } of rules) {
      if (!recognizes(request.spec, asked) || !(await mayCreate(request.spec, subresource)))
        continue;
      const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
      const status = {
        ...request.status,
        conditions: [...(request.status?.conditions ?? []), approved],
      };
      return void (await client
        .update(
          refs.certificateSigningRequests,
          { ...request, status },
          { subresource: 'approval' },
        )
        .catch((error: unknown) => {
          if (!isApiError(error, 'NotFound')) throw error;
        }));
    }
  };
  return startLoop(
    ctx,
    { name: 'certificatesigningrequest-approving', reconcile, mirrors: [requests] },
    (queue) => {
      requests.onChange(({ type, key }) => {
        if (type !== 'DELETED') queue.add(key);
      });
    },
  );
}

/** What cannot be read is nobody's to approve. */
function read({ request }: Spec): CertificateRequest | undefined {
  try {
    return readRequest(Buffer.from(request as string, 'base64').toString('latin1'));
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}
