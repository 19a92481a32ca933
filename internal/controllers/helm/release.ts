import { gunzipSync, gzipSync } from 'node:zlib';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { own } from '../../base/own.ts';
import { hashLabel } from './calls.ts';

/** One revision of a release, as its Secret says (helm.sh/release.v1). */
export interface Revision {
  revision: number;
  /** Helm's word: deployed, failed, superseded, uninstalling, pending-install and others. */
  status: string;
  /** The hash of its source; undefined when we did not make it. */
  hash: string | undefined;
  secret: Secret;
}

export const releaseType = 'helm.sh/release.v1';
/** A release is at most a Secret's megabyte, packed; texts of charts shrink to a tenth. */
const mostBytes = 64 * 1024 * 1024;

/** The revisions of a release, the newest last. */
export function revisionsOf(name: string, secrets: Iterable<Secret>): Revision[] {
  const found: Revision[] = [];
  for (const secret of secrets) {
    const labels = secret.metadata.labels ?? {};
    if (secret.type !== releaseType || own(labels, 'owner') !== 'helm') continue;
    if (own(labels, 'name') !== name) continue;
    found.push({
      revision: Number(own(labels, 'version') ?? 0),
      status: own(labels, 'status') ?? '',
      hash: own(labels, hashLabel),
      secret,
    });
  }
  return found.toSorted((a, b) => a.revision - b.revision);
}

/** Helm began something and did not end it. */
export const isPending = ({ status }: Revision): boolean => status.startsWith('pending-');

/**
 * The Secret of a revision whose making was interrupted, marked as failed: Helm then goes on from
 * there. Throws an Error when it holds no release.
 */
export function markedInterrupted(secret: Secret): Secret {
  const packed = Buffer.from(
    Buffer.from(own(secret.data, 'release') ?? '', 'base64').toString(),
    'base64',
  );
  const release = JSON.parse(
    gunzipSync(packed, { maxOutputLength: mostBytes }).toString(),
  ) as Record<string, unknown>;
  const info = (release['info'] ?? {}) as Record<string, unknown>;
  const text = JSON.stringify({
    ...release,
    info: { ...info, status: 'failed', description: 'Interrupted; gone on with' },
  });
  const data = Buffer.from(gzipSync(text).toString('base64')).toString('base64');
  return {
    ...secret,
    metadata: { ...secret.metadata, labels: { ...secret.metadata.labels, status: 'failed' } },
    data: { ...secret.data, release: data },
  };
}
