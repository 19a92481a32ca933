import { dictOf } from '../../api/loose.ts';
import { timeOf } from '../../api/times.ts';
import type {
  SelfSubjectReview,
  TokenReview,
} from '../../api/generated/types/authentication-v1.ts';
import type {
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SelfSubjectRulesReview,
} from '../../api/generated/types/authorization-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { badRequest } from '../../api/status.ts';
import type { Authenticator } from '../authn/authenticator.ts';
import type { ServiceAccountTokens } from '../authn/service-account-tokens.ts';
import type { Authorization } from '../authz/authorization.ts';
import type { Authorize, PolicyRule } from '../authz/authorizer.ts';
import { unstored, type ApiCall, type Input, type Operations } from '../operations/operation.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Core } from '../registry/core.ts';
import { accessReview } from './access-review.ts';

const authz = 'authorization.k8s.io';
const authn = 'authentication.k8s.io';

export interface ReviewParts {
  authorize: Authorize;
  authorization: Authorization;
  authenticator: Authenticator;
  tokens: ServiceAccountTokens;
}

type Answer = (core: Core, call: ApiCall, input: Input) => Promise<object>;

/** Kinds that are a question: asked by POST, answered in the status, never stored. */
export function addReviews(operations: Operations, parts: ReviewParts): void {
  const add = (group: string, resource: string, answer: Answer): void =>
    operations.add({ group, resource, subresource: '' }, async (core, call, input) =>
      unstored(201, tracked(core, call, await answer(core, call, input))),
    );
  const asked = (call: ApiCall, input: Input): Promise<SubjectAccessReview> =>
    input.unstored<SubjectAccessReview>(call.resource);
  add(authn, 'tokenreviews', (_core, call, input) => tokenReview(parts, call, input));
  add(authn, 'selfsubjectreviews', async (core, call, input) => {
    const review = await input.unstored<SelfSubjectReview>(call.resource);
    return {
      ...review,
      metadata: { ...review.metadata, creationTimestamp: timeOf(core.clock.now()) },
      status: { userInfo: shown(call.user) },
    };
  });
  add(authz, 'subjectaccessreviews', async (_core, call, input) => {
    const review = await asked(call, input);
    return accessReview(parts.authorize, { review, user: userOf(review.spec) });
  });
  add(authz, 'localsubjectaccessreviews', async (_core, call, input) => {
    const review = await asked(call, input);
    const { namespace } = call;
    return accessReview(parts.authorize, { review, user: userOf(review.spec), namespace });
  });
  add(authz, 'selfsubjectaccessreviews', async (_core, call, input) => {
    const review = await asked(call, input);
    return accessReview(parts.authorize, { review, user: call.user, self: true });
  });
  add(authz, 'selfsubjectrulesreviews', async (_core, call, input) => {
    const review = await input.unstored<SelfSubjectRulesReview>(call.resource);
    if (!review.spec?.namespace) throw badRequest('no namespace on request');
    return rulesReview(parts.authorization, review, call.user);
  });
}

/** Questions too note who wrote their fields. */
function tracked(core: Core, { resource, fieldManager }: ApiCall, review: object): object {
  const { track } = resource.engine;
  const { status, ...question } = dictOf(review);
  if (!track || resource.resource === 'selfsubjectreviews') return review;
  return {
    ...track(undefined, question as object as KubeObject, {
      manager: fieldManager,
      subresource: '',
      now: timeOf(core.clock.now()),
    }),
    status,
  };
}

function shown(user: UserInfo): object {
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    groups: user.groups,
    ...(user.extra && Object.keys(user.extra).length ? { extra: user.extra } : {}),
  };
}

function userOf(spec: SubjectAccessReviewSpec | undefined): UserInfo {
  return {
    name: spec?.user ?? '',
    groups: spec?.groups ?? [],
    uid: spec?.uid,
    extra: spec?.extra as Record<string, string[]>,
  };
}

function rulesReview(
  authorization: Authorization,
  review: SelfSubjectRulesReview,
  user: UserInfo,
): object {
  const { rules, incomplete, error } = authorization.rulesFor(user, review.spec.namespace ?? '');
  const clean = (rule: PolicyRule, keys: (keyof PolicyRule)[]): object =>
    Object.fromEntries(
      keys.filter((key) => rule[key] !== undefined).map((key) => [key, rule[key]]),
    );
  const resourceRules = rules
    .filter((rule) => rule.resources)
    .map((rule) => clean(rule, ['verbs', 'apiGroups', 'resources', 'resourceNames']));
  const nonResourceRules = rules
    .filter((rule) => rule.nonResourceURLs)
    .map((rule) => clean(rule, ['verbs', 'nonResourceURLs']));
  return {
    ...review,
    status: {
      resourceRules,
      nonResourceRules,
      incomplete,
      ...(error && { evaluationError: error }),
    },
  };
}

async function tokenReview(
  { authenticator, tokens }: ReviewParts,
  call: ApiCall,
  input: Input,
): Promise<object> {
  const review = await input.unstored<TokenReview>(call.resource);
  const token = review.spec?.token;
  if (!token) throw badRequest('token is required for TokenReview in authentication');
  const known = await authenticator.userOf(token, review.spec.audiences);
  const audiences = review.spec.audiences?.length ? known?.audiences : undefined;
  const status = known
    ? {
        authenticated: true,
        user: shown(known.user),
        ...(audiences ? { audiences } : { audiences: [...tokens.audiences] }),
      }
    : { user: {}, error: 'invalid bearer token' };
  return { ...review, status };
}
