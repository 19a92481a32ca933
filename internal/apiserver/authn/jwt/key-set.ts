import { isAddress } from '../../../base/addresses.ts';
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { messageOf } from '../../../base/errors.ts';
import type { Clock } from '../../../io/clock.ts';
import type { Dial } from '../../../io/dial.ts';

/** Limits on an issuer's documents: few bytes, little time. */
const bounds = { bytes: 1 << 20, waitMs: 10_000, keys: 256 };
/**
 * An issuer is not asked again before this, whatever tokens come, and again at the latest after the
 * other.
 */
const ages = { leastMs: 10_000, mostMs: 3600_000 };

export interface KeySetOptions {
  dial: Dial;
  clock: Clock;
  url: string;
  discoveryUrl?: string;
  /** Authorities to trust in the place of the machine's, in PEM. */
  ca?: string;
}

/** The keys of one issuer, found through its discovery document (OpenID Connect Discovery 1.0). */
export class KeySet {
  readonly #options: KeySetOptions;
  #keys: JWTVerifyGetKey | undefined;
  #askedMs = -Infinity;
  #asking: Promise<void> | undefined;
  /** Why the issuer's keys are not known. */
  fault = 'oidc: authenticator not initialized';

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /**
   * The keys as they are known; with `fresh`, as the issuer says now, unless it was asked a moment
   * ago.
   */
  async keys(fresh: boolean): Promise<JWTVerifyGetKey | undefined> {
    const age = this.#options.clock.monotonicMs() - this.#askedMs;
    const wanted = this.#keys === undefined || fresh || age > ages.mostMs;
    if (wanted && (this.#asking !== undefined || age > ages.leastMs)) {
      this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
      await this.#asking;
    }
    return this.#keys;
  }

  async #ask(): Promise<void> {
    this.#askedMs = this.#options.clock.monotonicMs();
    try {
      const { url, discoveryUrl } = this.#options;
      const found = await this.#get(
        discoveryUrl || `${url.replace(/\/$/, '')}/.well-known/openid-configuration`,
      );
      if (found['issuer'] !== url)
        throw new Error(
          'oidc: issuer did not match the issuer returned by provider, expected ' +
            `${JSON.stringify(url)} got ${JSON.stringify(found['issuer'])}`,
        );
      const set = (await this.#get(String(found['jwks_uri']))) as { keys?: JSONWebKeySet['keys'] };
      if (!Array.isArray(set.keys) || set.keys.length > bounds.keys)
        throw new Error('oidc: the key set is none, or too large');
      // Secrets are not keys of an issuer: a token signed with what everybody can read proves
      // nothing.
      this.#keys = createLocalJWKSet({
        keys: set.keys.filter((key) => key.kty === 'RSA' || key.kty === 'EC' || key.kty === 'OKP'),
      });
    } catch (error) {
      this.fault = messageOf(error);
    }
  }

  async #get(address: string): Promise<Record<string, unknown>> {
    const url = URL.parse(address);
    if (url?.protocol !== 'https:')
      throw new Error(`oidc: ${JSON.stringify(address)} is not an https URL`);
    const { dial, ca } = this.#options;
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const signal = AbortSignal.timeout(bounds.waitMs);
    const done = await dial.request(
      'oidc',
      {
        host,
        port: Number(url.port || 443),
        tls: { ...(ca && { ca }), ...(!isAddress(host) && { servername: host }) },
      },
      {
        method: 'GET',
        path: `${url.pathname}${url.search}`,
        headers: { host: url.host, accept: 'application/json' },
        signal,
      },
    );
    if (done.kind === 'upgrade') done.socket.destroy();
    const { message } = done;
    try {
      if (message.statusCode !== 200)
        throw new Error(`oidc: ${address}: status ${message.statusCode}`);
      const parts: Buffer[] = [];
      let size = 0;
      for await (const part of message) {
        parts.push(part as Buffer);
        size += (part as Buffer).length;
        if (size > bounds.bytes) throw new Error(`oidc: ${address}: the answer is too large`);
      }
      const value: unknown = JSON.parse(Buffer.concat(parts).toString());
      if (typeof value !== 'object' || value === null)
        throw new Error(`oidc: ${address}: no object`);
      return value as Record<string, unknown>;
    } finally {
      message.destroy();
    }
  }
}
