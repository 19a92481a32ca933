import type { SelfSubjectReview, TokenReview } from '../../api/generated/types/authentication-v1.ts';
import type { SubjectAccessReview, SubjectAccessReviewSpec, SelfSubjectRulesReview } from '../../api/generated/types/authorization-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import { ApiError, badRequest, invalid } from '../../api/status.ts';
import type { PolicyRule } from '../authz/authorizer.ts';
import { callFor } from '../http/resource-handler.ts';
import type { Exchange } from '../http/exchange.ts';
import type { UserInfo } from '../options.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { readSpoken, sendObject } from './answer.ts';

const authz = 'authorization.k8s.io';
const authn = 'authentication.k8s.io';

/** Kinds that are a question: asked by POST, answered in the status, never stored. */
export function addReviews(server: Server): void {
  const add = (group: string, name: string, answer: (exchange: Exchange, resource: ServedResource) => Promise<object>): void => {
    server.virtual.set(`${group}/${name}`, async (_s, exchange, resource) => {
      sendObject(server, exchange, 201, tracked(server, exchange, resource, await answer(exchange, resource)));
    });
  };
  add(authn, 'tokenreviews', (exchange, resource) => tokenReview(server, exchange, resource));
  add(authn, 'selfsubjectreviews', async (exchange, resource) => {
    const review = await readSpoken<SelfSubjectReview>(server, exchange, resource);
    return { ...review, metadata: { ...review.metadata, creationTimestamp: now(server) }, status: { userInfo: shown(exchange.user) } };
  });
  add(authz, 'subjectaccessreviews', async (exchange, resource) => {
    const review = await readSpoken<SubjectAccessReview>(server, exchange, resource);
    return accessReview(server, review, userOf(review.spec), '');
  });
  add(authz, 'localsubjectaccessreviews', async (exchange, resource) => {
    const review = await readSpoken<SubjectAccessReview>(server, exchange, resource);
    if (review.spec.resourceAttributes?.namespace !== exchange.info.namespace) {
      const value = review.spec.resourceAttributes?.namespace ?? '';
      throw invalid({ group: authz, kind: '' }, '', [{ type: 'FieldValueInvalid', field: 'spec.resourceAttributes.namespace', value, detail: 'must match metadata.namespace' }]);
    }
    return accessReview(server, review, userOf(review.spec), exchange.info.namespace);
  });
  add(authz, 'selfsubjectaccessreviews', async (exchange, resource) => {
    const review = await readSpoken<SubjectAccessReview>(server, exchange, resource);
    return accessReview(server, review, exchange.user, '');
  });
  add(authz, 'selfsubjectrulesreviews', async (exchange, resource) => {
    const review = await readSpoken<SelfSubjectRulesReview>(server, exchange, resource);
    if (!review.spec?.namespace) throw badRequest('no namespace on request');
    return rulesReview(server, review, exchange.user);
  });
}

/** Questions too note who wrote their fields. */
function tracked(server: Server, exchange: Exchange, resource: ServedResource, review: object): object {
  const { track } = resource.engine;
  const { status, ...question } = review as KubeObject;
  if (!track || resource.resource === 'selfsubjectreviews') return review;
  const call = callFor(server, exchange, resource);
  return { ...track(undefined, question as KubeObject, { manager: call.fieldManager, subresource: '', now: now(server) }), status };
}

const now = (server: Server): string => new Date(server.core.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');

function shown(user: UserInfo): object {
  return { username: user.name, ...(user.uid ? { uid: user.uid } : {}), groups: user.groups, ...(user.extra && Object.keys(user.extra).length ? { extra: user.extra } : {}) };
}

function userOf(spec: SubjectAccessReviewSpec): UserInfo {
  return { name: spec.user ?? '', groups: spec.groups ?? [], uid: spec.uid, extra: spec.extra as unknown as Record<string, string[]> };
}

function accessReview(server: Server, review: SubjectAccessReview, user: UserInfo, _namespace: string): object {
  const { spec } = review;
  if (!spec) throw badRequest('spec is required');
  const { resourceAttributes: at, nonResourceAttributes: path } = spec;
  const isSelf = review.kind === 'SelfSubjectAccessReview';
  const fault = (field: string, detail: string, type: 'FieldValueInvalid' | 'FieldValueRequired' = 'FieldValueInvalid', value?: unknown): ApiError =>
    invalid({ group: authz, kind: '' }, '', [{ type, field, value, detail }]);
  if (at && path) throw fault('spec.nonResourceAttributes', 'cannot be specified in combination with resourceAttributes', 'FieldValueInvalid', path);
  if (!at && !path) throw fault('spec.resourceAttributes', 'exactly one of nonResourceAttributes or resourceAttributes must be specified', 'FieldValueInvalid', null);
  if (!isSelf && !spec.user && !spec.groups?.length) throw fault('spec.user', 'at least one of user or group must be specified', 'FieldValueInvalid', '');
  const decision = at
    ? server.authorize({
        user, verb: at.verb ?? '', group: at.group ?? '', version: at.version ?? '', resource: at.resource ?? '',
        subresource: at.subresource ?? '', namespace: at.namespace ?? '', name: at.name ?? '',
      })
    : server.authorize({ user, verb: path?.verb ?? '', path: path?.path ?? '' });
  return { ...review, status: { allowed: decision.allowed, ...(decision.reason ? { reason: decision.reason } : {}) } };
}

function rulesReview(server: Server, review: SelfSubjectRulesReview, user: UserInfo): object {
  const rules = server.rbac.rulesFor(user, review.spec.namespace ?? '');
  const clean = (rule: PolicyRule, keys: (keyof PolicyRule)[]): object => Object.fromEntries(keys.filter((key) => rule[key] !== undefined).map((key) => [key, rule[key]]));
  const resourceRules = rules.filter((rule) => rule.resources).map((rule) => clean(rule, ['verbs', 'apiGroups', 'resources', 'resourceNames']));
  const nonResourceRules = rules.filter((rule) => rule.nonResourceURLs).map((rule) => clean(rule, ['verbs', 'nonResourceURLs']));
  return { ...review, status: { resourceRules, nonResourceRules, incomplete: false } };
}

async function tokenReview(server: Server, exchange: Exchange, resource: ServedResource): Promise<object> {
  const review = await readSpoken<TokenReview>(server, exchange, resource);
  const token = review.spec?.token;
  if (!token) throw badRequest('token is required for TokenReview in authentication');
  const known = await server.authenticator.userOf(token, review.spec.audiences);
  const audiences = review.spec.audiences?.length ? known?.audiences : undefined;
  const status = known
    ? { authenticated: true, user: shown(known.user), ...(audiences ? { audiences } : { audiences: [...server.tokens.audiences] }) }
    : { user: {}, error: 'invalid bearer token' };
  return { ...review, status };
}
