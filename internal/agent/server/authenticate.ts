import type { TLSSocket } from 'node:tls';
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { readCertificate } from '../../base/x509/certificate.ts';
import { attributes, commonNameOf, hasControlCharacter, valuesOf } from '../../base/x509/name.ts';
import type { ServerRequest } from '../../io/https-server.ts';
import type { Clock } from '../../io/clock.ts';
import type { Client } from '../../client/client.ts';
import type { TokenReview } from '../../api/generated/types/authentication-v1.ts';

export interface User {
  name: string;
  groups: string[];
}

const tokenReviews = {
  group: 'authentication.k8s.io',
  version: 'v1',
  resource: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
};

/** As the kubelet's authentication.webhook.cacheTTL. */
const keepMs = 120_000;
const mostTokens = 256;

/**
 * Who is asking: a certificate signed by the cluster's client CA, or a bearer token. Undefined =
 * nobody we know.
 */
export function makeAuthenticator(options: {
  client: Client;
  clock: Clock;
}): (request: ServerRequest) => Promise<User | undefined> {
  const known = new LRUCache<string, User>({
    max: mostTokens,
    ttl: keepMs,
    perf: { now: () => options.clock.monotonicMs() },
  });
  return async (request) => {
    const byCertificate = certificateUser(request.socket as TLSSocket);
    if (byCertificate) return byCertificate;
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (!token) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    const kept = known.get(key);
    if (kept) return kept;
    const review = await options.client.create<TokenReview>(tokenReviews, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec: { token },
    });
    if (!review.status?.authenticated) return undefined;
    const user = {
      name: review.status.user?.username ?? '',
      groups: review.status.user?.groups ?? [],
    };
    known.set(key, user);
    return user;
  };
}

function certificateUser(socket: TLSSocket): User | undefined {
  if (!socket.authorized) return undefined;
  const shown = socket.getPeerX509Certificate();
  if (!shown) return undefined;
  const { subject } = readCertificate(shown.raw);
  const name = commonNameOf(subject);
  const groups = valuesOf(subject, attributes.organization);
  return !name || [name, ...groups].some(hasControlCharacter)
    ? undefined
    : { name, groups: [...groups, 'system:authenticated'] };
}
