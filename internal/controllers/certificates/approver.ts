import { Buffer } from 'node:buffer';
import type { SubjectAccessReview } from '../../api/generated/types/authorization-v1.ts';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { DerError } from '../../base/x509/der.ts';
import { commonNameOf } from '../../base/x509/name.ts';
import { readRequest, type CertificateRequest } from '../../base/x509/request.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import type { Plan } from '../kit/write.ts';
import { signerFault } from './signer-rules.ts';

const name = 'certificate-controller';
const kubeletSigner = 'kubernetes.io/kube-apiserver-client-kubelet';

/** A user may have such a request approved if they may create this subresource. */
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
  const ref = refs.certificateSigningRequests;
  const requests = ctx.mirrors.of<CertificateSigningRequest>(ref);
  return startPlanned<ApproverView>(
    ctx,
    {
      name,
      title: 'certificatesigningrequest-approving',
      mirrors: [{ ref, mirror: requests }],
      view: async (key, { client }) => {
        const request = requests.get(key);
        const asked = request && isOpen(request) ? read(request.spec) : undefined;
        if (!request || !asked || signerFault(kubeletSigner, asked, request.spec.usages ?? []))
          return undefined;
        for (const { subresource, recognizes, message } of rules)
          if (
            recognizes(request.spec, asked) &&
            (await mayCreate(client, request.spec, subresource))
          )
            return { request, message };
        return undefined;
      },
      plan: planApproval,
    },
    (queue) => {
      requests.onChange(({ type, key }) => {
        if (type !== 'DELETED') queue.add(key);
      });
    },
  );
}

interface ApproverView {
  request: CertificateSigningRequest;
  /** Why it may be approved. */
  message: string;
}

function planApproval({ request, message }: ApproverView): Plan {
  const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message };
  const conditions = [...(request.status?.conditions ?? []), approved];
  const object = { ...request, status: { ...request.status, conditions } };
  const ref = refs.certificateSigningRequests;
  return { steps: [{ verb: 'update', ref, object, subresource: 'approval' }] };
}

/** Nobody has decided, and it is of the one signer whose requests are approved here. */
const isOpen = ({ spec, status }: CertificateSigningRequest): boolean =>
  spec.signerName === kubeletSigner &&
  !status?.certificate &&
  !(status?.conditions ?? []).some(({ type }) => type === 'Approved' || type === 'Denied');

async function mayCreate(client: Client, asks: Spec, subresource: string): Promise<boolean> {
  const { username = '', uid, groups, extra } = asks;
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
}

/** A request that cannot be read is not approved. */
function read({ request }: Spec): CertificateRequest | undefined {
  try {
    return readRequest(Buffer.from(request as string, 'base64').toString('latin1'));
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}
