import type { SubjectAccessReviewSpec } from '../../api/generated/types/authorization-v1.ts';
import type { AccessRequest, Decision } from './authorizer.ts';
import { fieldAttributes, labelAttributes } from './selectors.ts';

export type ReviewVersion = 'v1' | 'v1beta1';

/** What a webhook answered, in the words of SubjectAccessReviewStatus. */
export interface ReviewStatus {
  allowed: boolean;
  denied: boolean;
  reason: string;
}

const kind = 'SubjectAccessReview';
const apiVersion = (version: ReviewVersion): string => `authorization.k8s.io/${version}`;

/** Fields that are empty are left out, as Go's `omitempty` does. */
const filled = <T extends object>(fields: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ''),
  ) as Partial<T>;

/** The attributes that a webhook and its match conditions see. */
export function specOf({
  user,
  path,
  verb,
  group,
  version,
  resource,
  subresource,
  namespace,
  name,
  fields,
  labels,
}: AccessRequest): SubjectAccessReviewSpec {
  const who = filled({
    user: user.name,
    groups: user.groups.length > 0 ? user.groups : undefined,
    extra: user.extra && Object.keys(user.extra).length > 0 ? user.extra : undefined,
    uid: user.uid,
  });
  const about =
    path === undefined
      ? {
          resourceAttributes: filled({
            namespace,
            verb,
            group,
            version,
            resource,
            subresource,
            name,
            fieldSelector: fieldAttributes(fields),
            labelSelector: labelAttributes(labels),
          }),
        }
      : { nonResourceAttributes: filled({ path, verb }) };
  return { ...about, ...who } as SubjectAccessReviewSpec;
}

/** The body of the question. The older version has another name for the groups. */
export function reviewOf(spec: SubjectAccessReviewSpec, version: ReviewVersion): object {
  const { groups, ...rest } = spec;
  const shown = version === 'v1' || !groups ? spec : { ...rest, group: groups };
  return {
    kind,
    apiVersion: apiVersion(version),
    metadata: {},
    spec: shown,
    status: { allowed: false },
  };
}

/** A reason goes into audits, caches and answers: a webhook that has more to say is cut short. */
const maxReason = 4096;

/**
 * Reads an answer of the version that was asked. Throws for one that is none; what is left out is
 * false.
 */
export function statusIn(text: string, version: ReviewVersion): ReviewStatus {
  const answer: unknown = JSON.parse(text);
  if (!isRecord(answer)) throw new Error('the answer must be an object');
  if (
    (answer['kind'] ?? kind) !== kind ||
    (answer['apiVersion'] ?? apiVersion(version)) !== apiVersion(version)
  ) {
    throw new Error(
      `the answer is a ${shortened(answer['kind'])} of ${shortened(answer['apiVersion'])}, ` +
        `not a ${kind} of ${apiVersion(version)}`,
    );
  }
  const status = answer['status'] ?? {};
  if (!isRecord(status)) throw new Error('the status of the answer must be an object');
  const { allowed = false, denied = false, reason = '' } = withoutNull(status);
  if (typeof allowed !== 'boolean' || typeof denied !== 'boolean' || typeof reason !== 'string')
    throw new Error('a field of the status of the answer is of another type');
  return {
    allowed,
    denied,
    reason: reason.length > maxReason ? `${reason.slice(0, maxReason)}...` : reason,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const withoutNull = (status: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(status).filter(([, value]) => value !== null));
const shortened = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80);

/** What a webhook's status decides. */
export function decisionOf({ allowed, denied, reason }: ReviewStatus): Decision {
  if (allowed && denied)
    return {
      allowed: false,
      denied,
      reason,
      error: 'webhook subject access review returned both allow and deny response',
    };
  return { allowed, ...(denied && { denied }), reason };
}
