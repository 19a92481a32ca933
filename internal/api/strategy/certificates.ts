import type {
  CertificateSigningRequestCondition,
  CertificateSigningRequestStatus,
} from '../generated/types/certificates-v1.ts';
import type { Dict } from '../loose.ts';
import { fieldsOf, type KubeObject } from '../object.ts';
import { keepSpec } from './keep.ts';
import type { StrategyContext } from './row.ts';

/** Who asks is what the server knows, not what the request says. */
export function csrCreate(object: KubeObject, context: StrategyContext): void {
  const spec: Dict = { ...(fieldsOf(object)['spec'] as Dict | undefined) };
  for (const field of ['username', 'uid', 'groups', 'extra']) delete spec[field];
  const { user } = context;
  if (user?.name) spec['username'] = user.name;
  if (user?.uid) spec['uid'] = user.uid;
  if (user?.groups?.length) spec['groups'] = [...user.groups];
  if (user?.extra && Object.keys(user.extra).length > 0) spec['extra'] = { ...user.extra };
  fieldsOf(object)['spec'] = spec;
  fieldsOf(object)['status'] = {};
}

const statusOf = (object: KubeObject): CertificateSigningRequestStatus =>
  (fieldsOf(object)['status'] as CertificateSigningRequestStatus | undefined) ?? {};

/** The signer writes the certificate; approvals are not its to give or take. */
export function csrStatus(object: KubeObject, old: KubeObject, context: StrategyContext): void {
  keepSpec(object, old);
  const was = statusOf(old).conditions ?? [];
  const decided = (condition: CertificateSigningRequestCondition): boolean =>
    condition.type === 'Approved' || condition.type === 'Denied';
  const conditions = [
    ...was.filter(decided),
    ...(statusOf(object).conditions ?? []).filter((c) => !decided(c)),
  ];
  fieldsOf(object)['status'] = {
    ...statusOf(object),
    ...(conditions.length > 0 ? { conditions: stamped(conditions, was, context.now) } : {}),
  };
}

export function csrApproval(object: KubeObject, old: KubeObject, context: StrategyContext): void {
  keepSpec(object, old);
  const conditions = statusOf(object).conditions ?? [];
  const status: CertificateSigningRequestStatus = { ...statusOf(old) };
  if (conditions.length > 0)
    status.conditions = stamped(conditions, statusOf(old).conditions ?? [], context.now);
  else delete status.conditions;
  fieldsOf(object)['status'] = status;
}

function stamped(
  conditions: CertificateSigningRequestCondition[],
  was: CertificateSigningRequestCondition[],
  now: string,
): CertificateSigningRequestCondition[] {
  const keyOf = (one: CertificateSigningRequestCondition): string => `${one.status}/${one.type}`;
  const earlier = new Map(was.toReversed().map((one) => [keyOf(one), one]));
  return conditions.map((condition) => {
    const before = earlier.get(keyOf(condition));
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? before?.lastTransitionTime ?? now,
    };
  });
}
