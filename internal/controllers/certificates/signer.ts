import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import { readRequest } from '../../base/x509/request.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';
import { signerFault, signers } from './signer-rules.ts';

const name = 'certificate-controller';

/** Signs approved certificate requests of the signers that are Kubernetes' own. */
export function startCertificateSigner(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const requests = ctx.mirrors.of<CertificateSigningRequest>(refs.certificateSigningRequests);
  const reconcile = async (key: string): Promise<void> => {
    const request = requests.get(key);
    const has = (type: string): boolean =>
      (request?.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
    if (
      !request ||
      !ctx.signCertificate ||
      !signers.has(request.spec.signerName) ||
      request.status?.certificate ||
      !has('Approved') ||
      has('Denied') ||
      has('Failed')
    )
      return;
    const { usages = [], signerName, expirationSeconds } = request.spec;
    const status = { ...request.status };
    try {
      const asked = readRequest(Buffer.from(request.spec.request, 'base64').toString('latin1'));
      const fault = signerFault(signerName, asked, usages);
      if (fault) throw new ConfigError(fault, { op: 'csr' });
      const certificate = ctx.signCertificate({
        request: asked,
        usages,
        signerName,
        expirationSeconds,
      });
      status.certificate = Buffer.from(certificate).toString('base64') as typeof status.certificate;
    } catch (error) {
      const now = timeOf(ctx.clock.now());
      const failed = {
        type: 'Failed',
        status: 'True',
        reason: 'SignerValidationFailure',
        message: messageOf(error),
        lastUpdateTime: now,
        lastTransitionTime: now,
      };
      status.conditions = [...(status.conditions ?? []), failed];
    }
    await client
      .update(refs.certificateSigningRequests, { ...request, status }, { subresource: 'status' })
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };
  return startLoop(ctx, { name, reconcile, mirrors: [requests] }, (queue) => {
    requests.onChange(({ type, key }) => {
      if (type !== 'DELETED') queue.add(key);
    });
  });
}
