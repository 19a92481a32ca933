import { Buffer } from 'node:buffer';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { readCertificate } from '../../base/x509/certificate.ts';
import { pemBlocks } from '../../base/x509/pem.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';

const name = 'certificate-controller'; // the account whose role allows it, as upstream
const title = 'certificatesigningrequest-cleaner';
const hourMs = 3_600_000;
/** How long a request is kept that is approved and has its certificate, or is denied or failed. */
const doneMs = hourMs;
/** How long one is kept that nobody has decided, or that is approved and has no certificate. */
const pendingMs = 24 * hourMs;

/**
 * Deletes certificate requests that have had their day; upstream looks once an hour, here a timer
 * is set for the next that is due.
 */
export function startCertificateRequestCleaner(ctx: ControllerContext): Controller {
  const ref = refs.certificateSigningRequests;
  const requests = ctx.mirrors.of<CertificateSigningRequest>(ref);
  return startPlanned<CleanerView>(
    ctx,
    {
      ...{ name, title },
      mirrors: [{ ref, mirror: requests }],
      view: (key, { nowMs }) => {
        const request = requests.get(key);
        return request && { request, nowMs };
      },
      plan: planCleaning,
    },
    (queue) => {
      requests.onChange(({ type, key }) => {
        queue.unschedule(key);
        if (type !== 'DELETED') queue.add(key);
      });
    },
  );
}

interface CleanerView {
  request: CertificateSigningRequest;
  nowMs: number;
}

/** It goes when it has had its day, and is looked at again then. */
function planCleaning({ request, nowMs }: CleanerView): Plan {
  const due = dueAt(request);
  if (due === undefined) return nothing;
  if (due > nowMs) return { steps: [], againInMs: due - nowMs };
  const { uid, resourceVersion } = request.metadata;
  // A request that has changed since is looked at again.
  const options = { preconditions: { uid, resourceVersion } };
  const ref = refs.certificateSigningRequests;
  return { steps: [{ verb: 'delete', ref, object: request, options, forgives: ['Conflict'] }] };
}

/**
 * When a request is to go: the first of its reasons; undefined where none will come
 * (pkg/controller/certificates/cleaner).
 */
export function dueAt({ metadata, status }: CertificateSigningRequest): number | undefined {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return after(metadata.creationTimestamp, pendingMs);
  const times: number[] = [];
  for (const { type, lastUpdateTime } of conditions) {
    const issued = Boolean(status?.certificate);
    const approved = type === 'Approved';
    const due = after(lastUpdateTime, approved && !issued ? pendingMs : doneMs);
    if (due !== undefined && (approved || type === 'Denied' || type === 'Failed')) times.push(due);
    const expired =
      approved && status?.certificate ? expiryOf(status.certificate as string) : undefined;
    if (expired !== undefined) times.push(expired);
  }
  return times.length ? Math.min(...times) : undefined;
}

const after = (time: string | undefined, ms: number): number | undefined =>
  msOf(time) > 0 ? msOf(time) + ms : undefined;

/** When a certificate in base64'd PEM ends; undefined when it is none that can be read. */
function expiryOf(certificate: string): number | undefined {
  try {
    const [block] = pemBlocks(Buffer.from(certificate, 'base64').toString('latin1'));
    return block && readCertificate(block.bytes).notAfterMs;
  } catch {
    return undefined;
  }
}
