import type {
  SelfSubjectReview,
  TokenReview,
} from '../../api/generated/types/authentication-v1.ts';
import type {
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SelfSubjectRulesReview,
} from '../../api/generated/types/authorization-v1.ts';
import { fieldsOf, asObject } from '../../api/object.ts';
import { badRequest } from '../../api/status.ts';
import type { PolicyRule } from '../authz/authorizer.ts';
import { callFor } from '../http/resource-handler.ts';
import type { Exchange } from '../http/exchange.ts';
import type { UserInfo } from '../options.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { accessReview } from './access-review.ts';
import { readSpoken, sendObject } from './answer.ts';

const authz = 'authorization.k8s.io';
const authn = 'authentication.k8s.io';

/** Kinds that are a question: asked by POST, answered in the status, never stored. */
export function addReviews(server: Server): void {
  const add = (
    group: string,
    name: string,
    answer: (exchange: Exchange, resource: ServedResource) => Promise<object>,
  ): void => {
    server.virtual.set(`${group}/${name}`, async (_s, exchange, resource) => {
      sendObject(
        server,
        exchange,
        201,
        tracked(server, exchange, resource, await answer(exchange, resource)),
      );
    });
  };
  add(authn, 'tokenreviews', (exchange, resource) => tokenReview(server, exchange, resource));
  add(authn, 'selfsubjectreviews', async (exchange, resource) => {
    const review = await readSpoken<SelfSubjectReview>(server, exchange, resource);
    return {
      ...review,
      metadata: { ...review.metadata, creationTimestamp: now(server) },
      status: { userInfo: shown(exchange.user) },
    };
  });
  add(authz, 'subjectaccessreviews', async (exchange, resource) => {
    const review = await readSpoken<SubjectAccessReview>(server, exchange, resource);
    return accessReview(server, { review, user: userOf(review.spec) });
  });
  add(authz, 'localsubjectaccessreviews', async (exchange, resource) => {
    const review = await readSpoken<SubjectAccessReview>(server, exchange, resource);
    return accessReview(server, {
      review,
      user: userOf(review.spec),
      namespace: exchange.info.namespace,
    });
  });
  add(authz, 'selfsubjectaccessreviews', async (exchange, resource) => {
    const review = await readSpoken<SubjectAccessReview>(server, exchange, resource);
    return accessReview(server, { review, user: exchange.user, self: true });
  });
  add(authz, 'selfsubjectrulesreviews', async (exchange, resource) => {
    const review = await readSpoken<SelfSubjectRulesReview>(server, exchange, resource);
    if (!review.spec?.namespace) throw badRequest('no namespace on request');
    return rulesReview(server, review, exchange.user);
  });
}

/** Questions too note who wrote their fields. */
function tracked(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
  review: object,
): object {
  const { track } = resource.engine;
  const { status, ...question } = fieldsOf(review);
  if (!track || resource.resource === 'selfsubjectreviews') return review;
  const call = callFor(server, exchange, resource);
  return {
    ...track(undefined, asObject(question), {
      manager: call.fieldManager,
      subresource: '',
      now: now(server),
    }),
    status,
  };
}

const now = (server: Server): string =>
  new Date(server.core.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');

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

function rulesReview(server: Server, review: SelfSubjectRulesReview, user: UserInfo): object {
  const { rules, incomplete, error } = server.authorization.rulesFor(
    user,
    review.spec.namespace ?? '',
  );
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
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
): Promise<object> {
  const review = await readSpoken<TokenReview>(server, exchange, resource);
  const token = review.spec?.token;
  if (!token) throw badRequest('token is required for TokenReview in authentication');
  const known = await server.authenticator.userOf(token, review.spec.audiences);
  const audiences = review.spec.audiences?.length ? known?.audiences : undefined;
  const status = known
    ? {
        authenticated: true,
        user: shown(known.user),
        ...(audiences ? { audiences } : { audiences: [...server.tokens.audiences] }),
      }
    : { user: {}, error: 'invalid bearer token' };
  return { ...review, status };
}
