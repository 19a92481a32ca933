import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { messageOf } from '../../base/errors.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../client/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';

const name = 'certificate-controller';
const signers = new Set(['kubernetes.io/kube-apiserver-client', 'kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving', 'kubernetes.io/legacy-unknown']);

/** Signs approved certificate requests of the signers that are Kubernetes' own. */
export function startCertificateSigner(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const requests = ctx.mirrors.of<CertificateSigningRequest>(refs.certificateSigningRequests);
  const reconcile = async (key: string): Promise<void> => {
    const request = requests.get(key);
    const has = (type: string): boolean => (request?.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
    if (!request || !ctx.signCertificate || !signers.has(request.spec.signerName) || request.status?.certificate || !has('Approved') || has('Denied') || has('Failed')) return;
    const csrPem = Buffer.from(String(request.spec.request), 'base64').toString();
    const { usages = [], signerName, expirationSeconds } = request.spec;
    const status = { ...request.status };
    try {
      const certificate = await ctx.signCertificate({ csrPem, usages, signerName, expirationSeconds });
      status.certificate = Buffer.from(certificate).toString('base64') as typeof status.certificate;
    } catch (error) {
      const now = timeOf(ctx.clock.now());
      const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: messageOf(error), lastUpdateTime: now, lastTransitionTime: now };
      status.conditions = [...(status.conditions ?? []), failed];
    }
    await client.update(refs.certificateSigningRequests, { ...request, status }, { subresource: 'status' }).catch((error: unknown) => {
      if (!isApiError(error, 'NotFound')) throw error;
    });
  };
  return startLoop(ctx, { name, reconcile, mirrors: [requests] }, (queue) => {
    requests.onChange(({ type, key }) => {
      if (type !== 'DELETED') queue.add(key);
    });
  });
}
