import { decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { messageOf } from '../../../base/errors.ts';
import type { Clock } from '../../../io/clock.ts';
import type { Dial } from '../../../io/dial.ts';
import type { Log } from '../../../io/log.ts';
import type { UserInfo } from '../user.ts';
import { compileClaims, type ClaimRules } from './claims.ts';
import type { AuthenticationConfiguration } from './configuration.ts';
import { KeySet } from './key-set.ts';

/** What go-oidc takes: signatures alone, never a shared secret. */
export const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
];

/** How far an issuer's clock may be ahead of ours, for the time from which a token counts. */
const aheadSeconds = 300;

interface Issuer {
  keys: KeySet;
  audiences: string[];
  rules: ClaimRules;
  algorithms: string[];
}

interface IssuerDoors {
  dial: Dial;
  clock: Clock;
  log: Log;
}

/**
 * The issuers that a configuration names, each with its keys and rules
 * (apiserver/plugin/pkg/authenticator/token/oidc).
 */
export class JwtIssuers {
  readonly #issuers = new Map<string, Issuer>();
  readonly #doors: IssuerDoors;

  /** Throws a ConfigError for an expression that is wrong. */
  constructor(configuration: AuthenticationConfiguration, doors: IssuerDoors) {
    this.#doors = doors;
    configuration.jwt.forEach((one, i) => {
      const { url, discoveryURL, certificateAuthority, audiences } = one.issuer;
      const keys = new KeySet({
        ...doors,
        url,
        ...(discoveryURL && { discoveryUrl: discoveryURL }),
        ...(certificateAuthority && { ca: certificateAuthority }),
      });
      this.#issuers.set(url, {
        keys,
        audiences,
        rules: compileClaims(one, `jwt[${i}]`),
        algorithms: one.algorithms ?? algorithms,
      });
    });
  }

  /** The user of a token, or undefined when no issuer made it, or its issuer's rules refuse it. */
  async userOf(token: string): Promise<UserInfo | undefined> {
    const issuer = this.#issuers.get(claimedIssuer(token) ?? '');
    if (!issuer) return undefined;
    try {
      const claims = await this.#verified(token, issuer);
      if ((claims.exp ?? 0) * 1000 <= this.#doors.clock.now())
        throw new Error('oidc: token is expired');
      return issuer.rules.userOf(claims);
    } catch (error) {
      this.#doors.log.debug('token refused', { error: messageOf(error).slice(0, 300) });
      return undefined;
    }
  }

  async #verified(token: string, issuer: Issuer): Promise<JWTPayload> {
    const known = await issuer.keys.keys(false);
    if (!known) throw new Error(issuer.keys.fault);
    try {
      return await this.#check(token, known, issuer);
    } catch (error) {
      // A key that is not known may be a new one.
      const stranger =
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWSSignatureVerificationFailed;
      const fresh = stranger ? await issuer.keys.keys(true) : undefined;
      if (!fresh || fresh === known) throw error;
      return await this.#check(token, fresh, issuer);
    }
  }

  async #check(
    token: string,
    keys: JWTVerifyGetKey,
    { audiences, algorithms: allowed }: Issuer,
  ): Promise<JWTPayload> {
    const options = {
      audience: audiences,
      algorithms: allowed,
      requiredClaims: ['exp', 'iss'],
      clockTolerance: aheadSeconds,
      currentDate: new Date(this.#doors.clock.now()),
    };
    try {
      return (await jwtVerify(token, keys, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // Without a key id, each key that might be it is tried.
      for await (const key of error) {
        const done = await jwtVerify(token, key, options).catch(() => undefined);
        if (done) return done.payload;
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  }
}

function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
