import { LRUCache } from 'lru-cache';
import type { SubjectAccessReview } from '../../api/generated/types/authorization-v1.ts';
import type { Client } from '../../client/client.ts';
import type { Clock } from '../../io/clock.ts';
import type { User } from './authenticate.ts';

const reviews = {
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
};

/** As the kubelet's authorization.webhook.cacheAuthorizedTTL and cacheUnauthorizedTTL. */
const keepYesMs = 300_000;
const keepNoMs = 30_000;
const mostAnswers = 512;

/** Asks the API server whether a user may do this to this node, and remembers the answer. */
export function makeAuthorizer(options: {
  client: Client;
  clock: Clock;
  nodeName: string;
}): (user: User, rights: { verb: string; subresources: readonly string[] }) => Promise<boolean> {
  const known = new LRUCache<string, { allowed: boolean }>({
    max: mostAnswers,
    perf: { now: () => options.clock.monotonicMs() },
  });
  const ask = async (user: User, verb: string, subresource: string): Promise<boolean> => {
    const key = JSON.stringify([user.name, user.groups, verb, subresource]);
    const kept = known.get(key);
    if (kept) return kept.allowed;
    const spec = {
      user: user.name,
      groups: user.groups,
      resourceAttributes: {
        verb,
        version: 'v1',
        resource: 'nodes',
        subresource,
        name: options.nodeName,
      },
    };
    const review = await options.client.create<SubjectAccessReview>(reviews, {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec,
    });
    const allowed = review.status.allowed;
    known.set(key, { allowed }, { ttl: allowed ? keepYesMs : keepNoMs });
    return allowed;
  };
  return async (user, { verb, subresources }) => {
    // What RBAC would say too, but here it must hold when the API server is away.
    if (user.groups.includes('system:masters')) return true;
    for (const subresource of subresources) {
      if (await ask(user, verb, subresource)) return true;
    }
    return false;
  };
}
