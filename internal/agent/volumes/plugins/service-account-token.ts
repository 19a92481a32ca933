import type { TokenRequest } from '../../../api/generated/types/authentication-v1.ts';
import type { Pod, ServiceAccountTokenProjection } from '../../../api/generated/types/core-v1.ts';
import { timeOf } from '../../../api/times.ts';
import { messageOf } from '../../../base/errors.ts';
import type { Client } from '../../../client/client.ts';
import { refs } from '../../../client/refs.ts';
import type { Clock } from '../../../io/clock.ts';
import type { Payload } from '../atomic-writer.ts';

const tokenMode = 0o600;

/** The token of a projected source, as the file that the pod sees. */
export async function serviceAccountTokenFiles(
  projection: ServiceAccountTokenProjection,
  { pod, tokens, mode }: { pod: Pod; tokens: Pick<TokenSource, 'token'>; mode: number },
): Promise<Payload> {
  const data = Buffer.from(await tokens.token(pod, projection));
  return new Map([[projection.path, { data, ...tokenFile(pod, mode) }]]);
}

interface Token {
  text: string;
  expiresMs: number;
  renewMs: number;
}

/** No token is used longer than this, however long it would be good. */
const longestUseMs = 24 * 3600_000;
const shareBeforeRenewal = 0.8;
const defaultExpirationSeconds = 3600;

/**
 * The bound tokens of one pod: asked for when first needed, and again when four fifths of their
 * life are over.
 */
export class TokenSource {
  readonly #tokens = new Map<string, Token>();
  readonly #client: Client;
  readonly #clock: Clock;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    return (await this.#known(pod, projection)).text;
  }

  /** As a TokenRequest's status has it. */
  async status(
    pod: Pod,
    projection: ServiceAccountTokenProjection,
  ): Promise<{ token: string; expirationTimestamp: string }> {
    const { text, expiresMs } = await this.#known(pod, projection);
    return { token: text, expirationTimestamp: timeOf(expiresMs) };
  }

  async #known(pod: Pod, projection: ServiceAccountTokenProjection): Promise<Token> {
    const key = `${projection.audience ?? ''}|${projection.expirationSeconds ?? ''}`;
    const now = this.#clock.now();
    const known = this.#tokens.get(key);
    if (known && now < known.renewMs) return known;
    try {
      const fresh = await this.#request(pod, projection, now);
      this.#tokens.set(key, fresh);
      return fresh;
    } catch (error) {
      // An old token that still opens doors is better than none.
      if (known && now < known.expiresMs) return known;
      throw new Error(`failed to fetch token: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * The clock was set: how old a token is, and whether it is good, nobody knows. The next question
   * is for new ones.
   */
  forget(): void {
    this.#tokens.clear();
  }

  /** When the next token wants to be renewed; undefined without tokens. */
  nextRenewalMs(): number | undefined {
    const times = [...this.#tokens.values()].map((token) => token.renewMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async #request(pod: Pod, projection: ServiceAccountTokenProjection, now: number): Promise<Token> {
    const { name, namespace, uid } = pod.metadata;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: projection.audience ? [projection.audience] : [],
        expirationSeconds: projection.expirationSeconds ?? defaultExpirationSeconds,
        boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
      },
    };
    const account = pod.spec.serviceAccountName || 'default';
    const answer = await this.#client.create<TokenRequest>(refs.serviceAccounts, body, {
      namespace,
      name: account,
      subresource: 'token',
    });
    const expiresMs = Date.parse(answer.status.expirationTimestamp);
    const life = Math.max(0, expiresMs - now);
    return {
      text: answer.status.token,
      expiresMs,
      renewMs: now + Math.min(longestUseMs, life * shareBeforeRenewal),
    };
  }
}

/**
 * A token is for the one user of the pod, where there is one, or for the pod's group; then nobody
 * else reads it.
 */
function tokenFile(pod: Pod, mode: number): { mode: number; uid?: number } {
  const uid = commonUser(pod);
  if (uid !== undefined) return { mode: tokenMode, uid };
  return { mode: pod.spec.securityContext?.fsGroup === undefined ? mode : tokenMode };
}

/** The user that every container of the pod runs as, when they all name the same. */
function commonUser(pod: Pod): number | undefined {
  const all = [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
    ...(pod.spec.ephemeralContainers ?? []),
  ];
  const users = new Set(
    all.map(
      (container) => container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser,
    ),
  );
  return users.size === 1 ? [...users][0] : undefined;
}
