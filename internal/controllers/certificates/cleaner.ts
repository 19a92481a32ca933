import { Buffer } from 'node:buffer';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { readCertificate } from '../../base/x509/certificate.ts';
import { pemBlocks } from '../../base/x509/pem.ts';
import { refs } from '../../client/refs.ts';
import { msOf } from '../../api/times.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { makeQueue, run } from '../run.ts';

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
  const client = ctx.clientFor(name);
  const requests = ctx.mirrors.of<CertificateSigningRequest>(refs.certificateSigningRequests);
  const reconcile = async (key: string): Promise<void> => {
    const request = requests.get(key);
    const due = request && dueAt(request);
    if (!request || due === undefined) return;
    const waitMs = due - ctx.clock.now();
    if (waitMs > 0) return queue.addAfter(key, waitMs);
    const { uid, resourceVersion } = request.metadata;
    // A request that has changed since is looked at again.
    await client
      .delete(
        refs.certificateSigningRequests,
        { name: key },
        { preconditions: { uid, resourceVersion } },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      });
  };
  const queue = makeQueue(ctx, { name: title, reconcile });
  requests.onChange(({ type, key }) => {
    queue.unschedule(key);
    if (type !== 'DELETED') queue.add(key);
  });
  return run(queue, { name: title, mirrors: [requests] });
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
