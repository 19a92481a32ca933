import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '../../api/generated/types/authorization-v1.ts';
import { qualifiedName, validLabelValue } from '../../api/names.ts';
import { invalid, type FieldError } from '../../api/status.ts';
import type { AccessRequest, Authorize } from '../authz/authorizer.ts';
import { fieldsOf, labelsOf } from '../authz/selectors.ts';
import type { UserInfo } from '../authn/user.ts';

const group = 'authorization.k8s.io';

export interface AccessQuestion {
  review: SubjectAccessReview;
  /** The user in question. */
  user: UserInfo;
  /** A LocalSubjectAccessReview asks within this namespace. */
  namespace?: string;
  self?: boolean;
}

/** Answers the three kinds of access review. Throws Invalid for a question that is none. */
export async function accessReview(
  authorize: Authorize,
  question: AccessQuestion,
): Promise<object> {
  const { review, user } = question;
  const faults = faultsOf(question);
  if (faults.length) throw invalid({ group, kind: '' }, '', faults);
  const { resourceAttributes: at, nonResourceAttributes: path } = review.spec;
  const [fields, labels] = [fieldsOf(at?.fieldSelector), labelsOf(at?.labelSelector)];
  const request: AccessRequest = at
    ? {
        user,
        ...attributes(at),
        ...(fields.terms && { fields: fields.terms }),
        ...(labels.terms && { labels: labels.terms }),
      }
    : { user, verb: path?.verb ?? '', path: path?.path ?? '' };
  const { allowed, denied, reason, error } = await authorize(request);
  const errors = [error, ignored('fieldSelector', fields), ignored('labelSelector', labels)].filter(
    (one) => one !== undefined,
  );
  return {
    ...review,
    status: {
      allowed,
      ...(denied && { denied }),
      ...(reason && { reason }),
      ...(errors.length > 0 && { evaluationError: errors.join('; ') }),
    },
  };
}

function attributes({
  verb = '',
  group: of = '',
  version = '',
  resource = '',
  subresource = '',
  namespace = '',
  name = '',
}: ResourceAttributes): Omit<AccessRequest, 'user'> {
  return { verb, group: of, version: version || '*', resource, subresource, namespace, name };
}

function ignored(
  what: string,
  { terms, wrong }: { terms: readonly unknown[] | undefined; wrong?: string },
): string | undefined {
  return wrong === undefined
    ? undefined
    : `spec.resourceAttributes.${what} ${terms ? 'partially ' : ''}ignored due to parse error`;
}

/** pkg/apis/authorization/validation. */
function faultsOf({ review, namespace, self }: AccessQuestion): FieldError[] {
  const faults: FieldError[] = [];
  const fault = (field: string, value: unknown, detail: string): unknown =>
    faults.push({ type: 'FieldValueInvalid', field, value, detail });
  const {
    resourceAttributes: at,
    nonResourceAttributes: path,
    user,
    groups,
  } = (review.spec ?? {}) as Partial<SubjectAccessReviewSpec>;
  if (at && path)
    fault(
      'spec.nonResourceAttributes',
      asGo(path),
      'cannot be specified in combination with resourceAttributes',
    );
  if (!at && !path)
    fault(
      'spec.resourceAttributes',
      null,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    );
  if (!self && !user && !groups?.length)
    fault('spec.user', '', 'at least one of user or group must be specified');
  if (at)
    faults.push(
      ...selectorFaults(at.fieldSelector, 'fieldSelector'),
      ...selectorFaults(at.labelSelector, 'labelSelector'),
    );
  const meta = Object.fromEntries(
    Object.entries(review.metadata ?? {}).filter(
      ([key, value]) =>
        value !== '' &&
        value !== null &&
        key !== 'managedFields' &&
        (key !== 'namespace' || namespace === undefined),
    ),
  );
  if (Object.keys(meta).length > 0)
    fault(
      'metadata',
      meta,
      namespace === undefined ? 'must be empty' : 'must be empty except for namespace',
    );
  if (namespace === undefined) return faults;
  if (at && at.namespace !== namespace)
    fault('spec.resourceAttributes.namespace', at.namespace ?? '', 'must match metadata.namespace');
  if (path) fault('spec.nonResourceAttributes', asGo(path), 'disallowed on this kind of request');
  return faults;
}

/** kube-apiserver shows its own names of these fields. */
const asGo = ({ path = '', verb = '' }: NonResourceAttributes): object => ({
  Path: path,
  Verb: verb,
});

function selectorFaults(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  what: 'fieldSelector' | 'labelSelector',
): FieldError[] {
  if (!selector) return [];
  const at = `spec.resourceAttributes.${what}`;
  const faults: FieldError[] = [];
  const { rawSelector = '', requirements = [] } = selector;
  if (rawSelector && requirements.length)
    faults.push({
      type: 'FieldValueInvalid',
      field: `${at}.rawSelector`,
      value: rawSelector,
      detail: 'may not specified at the same time as requirements',
    });
  if (!rawSelector && !requirements.length)
    faults.push({
      type: 'FieldValueRequired',
      field: `${at}.requirements`,
      detail: `when ${at} is specified, requirements or rawSelector is required`,
    });
  requirements.forEach(({ key, operator, values = [] }, i) => {
    const field = `${at}.requirements[${i}]`;
    if (what === 'fieldSelector' && !key)
      faults.push({
        type: 'FieldValueRequired',
        field: `${field}.key`,
        detail: 'must be specified',
      });
    if ((operator === 'In' || operator === 'NotIn') && !values.length)
      faults.push({
        type: 'FieldValueRequired',
        field: `${field}.values`,
        detail: "must be specified when `operator` is 'In' or 'NotIn'",
      });
    if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length)
      faults.push({
        type: 'FieldValueForbidden',
        field: `${field}.values`,
        detail: "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      });
    if (what === 'fieldSelector') return;
    for (const detail of qualifiedName(key))
      faults.push({ type: 'FieldValueInvalid', field: `${field}.key`, value: key, detail });
    values.forEach((value, at) => {
      for (const detail of validLabelValue(value))
        faults.push({ type: 'FieldValueInvalid', field: `${field}.values[${at}]`, value, detail });
    });
  });
  return faults;
}
