import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';
import { readRequest } from '../../base/x509/request.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import type { Plan } from '../kit/write.ts';
import { signerFault, signers } from './signer-rules.ts';

const name = 'certificate-controller';

/** Signs approved certificate requests of the signers that are Kubernetes' own. */
export function startCertificateSigner(ctx: ControllerContext): Controller {
  const { signCertificate } = ctx;
  const ref = refs.certificateSigningRequests;
  const requests = ctx.mirrors.of<CertificateSigningRequest>(ref);
  return startPlanned<SignerView>(
    ctx,
    {
      name,
      mirrors: [{ ref, mirror: requests }],
      view: (key, { nowMs }) => {
        const request = requests.get(key);
        if (!request || !signCertificate || !awaitsSignature(request)) return undefined;
        return { request, nowMs, ...signed(request, signCertificate) };
      },
      plan: planSigning,
    },
    (queue) => {
      requests.onChange(({ type, key }) => {
        if (type !== 'DELETED') queue.add(key);
      });
    },
  );
}

interface SignerView {
  request: CertificateSigningRequest;
  nowMs: number;
  /** PEM; undefined: it is not signed. */
  certificate?: string;
  /** Why not. */
  fault?: string;
}

function planSigning({ request, nowMs, certificate, fault = '' }: SignerView): Plan {
  const status = { ...request.status };
  if (certificate !== undefined)
    status.certificate = Buffer.from(certificate).toString('base64') as typeof status.certificate;
  else {
    const now = timeOf(nowMs);
    const failed = {
      ...{ type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: fault },
      ...{ lastUpdateTime: now, lastTransitionTime: now },
    };
    status.conditions = [...(status.conditions ?? []), failed];
  }
  const ref = refs.certificateSigningRequests;
  const object = { ...request, status };
  return { steps: [{ verb: 'update', ref, object, subresource: 'status' }] };
}

function awaitsSignature({ spec, status }: CertificateSigningRequest): boolean {
  const has = (type: string): boolean =>
    (status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
  return (
    signers.has(spec.signerName) &&
    !status?.certificate &&
    has('Approved') &&
    !has('Denied') &&
    !has('Failed')
  );
}

function signed(
  { spec }: CertificateSigningRequest,
  sign: NonNullable<ControllerContext['signCertificate']>,
): { certificate: string } | { fault: string } {
  const { usages = [], signerName, expirationSeconds } = spec;
  try {
    const request = readRequest(Buffer.from(spec.request, 'base64').toString('latin1'));
    const fault = signerFault(signerName, request, usages);
    if (fault) throw new ConfigError(fault, { op: 'csr' });
    return { certificate: sign({ request, usages, signerName, expirationSeconds }) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}
