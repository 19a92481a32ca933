import { createPrivateKey, createPublicKey, createHash, type KeyObject } from 'node:crypto';
import { compactVerify, decodeJwt, exportJWK, SignJWT, type JWK, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import type { UserInfo } from './user.ts';

/** What a service-account token is bound to. */
export interface TokenSubject {
  namespace: string;
  name: string;
  uid: string;
  pod?: { name: string; uid: string };
  secret?: { name: string; uid: string };
  node?: { name: string; uid: string };
}

interface KubernetesClaims {
  namespace: string;
  serviceaccount: { name: string; uid: string };
  pod?: { name: string; uid: string };
  secret?: { name: string; uid: string };
  node?: { name: string; uid: string };
  warnafter?: number;
}

export interface VerifiedToken {
  subject: TokenSubject;
  audiences: string[];
  expiresAtMs: number;
  /** Not valid before this time. */
  beginsAtMs: number;
  id: string | undefined;
  /** The Secret that a token without an end is kept in, and must still be. */
  secretName?: string;
}

/** Verified signatures are remembered: a pod's token comes with every request. */
const maxRemembered = { tokens: 2000, bytes: 8 << 20 };
/** Clocks of servers may differ by so much (go-jose's DefaultLeeway). */
export const leewayMs = 60_000;
/** The issuer in tokens of Secrets, on every server. */
const legacyIssuer = 'kubernetes/serviceaccount';

/**
 * Issues and reads service-account tokens (KEP-1205). Whether the account still lives is for the
 * caller to ask.
 */
export class ServiceAccountTokens {
  readonly issuer: string;
  readonly audiences: string[];
  readonly #signing: KeyObject;
  readonly #algorithm: string;
  readonly #keys: { id: string; key: KeyObject; algorithm: string }[];
  readonly #now: () => number;
  readonly #seen = new LRUCache<string, VerifiedToken>({
    max: maxRemembered.tokens,
    maxSize: maxRemembered.bytes,
    sizeCalculation: (_token, key) => key.length * 2,
  });

  constructor(options: {
    signingKey: string;
    publicKeys?: string[];
    issuer: string;
    audiences?: string[];
    now: () => number;
  }) {
    this.issuer = options.issuer;
    this.audiences = options.audiences?.length ? options.audiences : [options.issuer];
    this.#signing = createPrivateKey(options.signingKey);
    this.#algorithm = algorithmOf(this.#signing);
    this.#now = options.now;
    const publics = [
      createPublicKey(this.#signing),
      ...(options.publicKeys ?? []).map((pem) => createPublicKey(pem)),
    ];
    this.#keys = publics.map((key) => ({ id: keyId(key), key, algorithm: algorithmOf(key) }));
  }

  async issue(
    subject: TokenSubject,
    options: { audiences: string[]; seconds: number; jti: string; warnAfterSeconds?: number },
  ): Promise<{ token: string; expiresAtMs: number }> {
    const now = Math.floor(this.#now() / 1000);
    const claims: KubernetesClaims = {
      namespace: subject.namespace,
      serviceaccount: { name: subject.name, uid: subject.uid },
    };
    if (subject.node) claims.node = subject.node;
    if (subject.pod) claims.pod = subject.pod;
    if (subject.secret) claims.secret = subject.secret;
    if (options.warnAfterSeconds) claims.warnafter = now + options.warnAfterSeconds;
    const token = await new SignJWT({ 'kubernetes.io': claims })
      .setProtectedHeader({ alg: this.#algorithm, kid: this.#keys[0]?.id ?? '' })
      .setIssuer(this.issuer)
      .setSubject(`system:serviceaccount:${subject.namespace}:${subject.name}`)
      .setAudience(options.audiences)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + options.seconds)
      .setJti(options.jti)
      .sign(this.#signing);
    return { token, expiresAtMs: (now + options.seconds) * 1000 };
  }

  /** The token's content, or undefined when it is not one of ours or no longer good. */
  async verify(token: string): Promise<VerifiedToken | undefined> {
    const known = this.#seen.get(token);
    if (known) return this.#isCurrent(known) ? known : undefined;
    // Whose it says it is decides who looks at it: signatures cost time.
    const claimed = issuerOf(token);
    if (claimed !== this.issuer && claimed !== legacyIssuer) return undefined;
    for (const { key, algorithm } of this.#keys) {
      const signed = await compactVerify(token, key, { algorithms: [algorithm] }).catch(
        () => undefined,
      );
      if (!signed) continue; // another key may have signed it
      const payload = decodeJwt(token);
      const verified =
        payload.iss === this.issuer
          ? boundToken(payload)
          : payload.iss === legacyIssuer
            ? this.#legacyToken(payload)
            : undefined;
      if (!verified || !this.#isCurrent(verified)) return undefined;
      this.#seen.set(token, verified);
      return verified;
    }
    return undefined;
  }

  now(): number {
    return this.#now();
  }

  #isCurrent({ expiresAtMs, beginsAtMs }: VerifiedToken): boolean {
    return expiresAtMs + leewayMs > this.#now() && beginsAtMs - leewayMs <= this.#now();
  }

  /**
   * Tokens as they were kept in Secrets: no end, no audience, no object that they are bound to but
   * the Secret itself.
   */
  #legacyToken(payload: JWTPayload): VerifiedToken | undefined {
    const said = (key: string): string =>
      typeof payload[`kubernetes.io/serviceaccount/${key}`] === 'string'
        ? String(payload[`kubernetes.io/serviceaccount/${key}`])
        : '';
    const [namespace, name, uid, secretName] = [
      said('namespace'),
      said('service-account.name'),
      said('service-account.uid'),
      said('secret.name'),
    ];
    if (
      !namespace ||
      !name ||
      !uid ||
      !secretName ||
      payload.sub !== `system:serviceaccount:${namespace}:${name}`
    )
      return undefined;
    return {
      subject: { namespace, name, uid },
      audiences: this.audiences,
      expiresAtMs: Infinity,
      beginsAtMs: 0,
      id: undefined,
      secretName,
    };
  }

  /** /.well-known/openid-configuration */
  discovery(jwksUri: string): object {
    return {
      issuer: this.issuer,
      jwks_uri: jwksUri,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(this.#keys.map((key) => key.algorithm))],
    };
  }

  /** /openid/v1/jwks */
  async jwks(): Promise<{ keys: JWK[] }> {
    const keys = this.#keys.map(async ({ id, key, algorithm }) => ({
      use: 'sig',
      ...(await exportJWK(key)),
      kid: id,
      alg: algorithm,
    }));
    return { keys: await Promise.all(keys) };
  }
}

/** A bound token ends at some time: one that says none is not of our making. */
function boundToken(payload: JWTPayload): VerifiedToken | undefined {
  const claims = payload['kubernetes.io'] as Partial<KubernetesClaims> | undefined;
  const account = claims?.serviceaccount;
  if (
    typeof claims?.namespace !== 'string' ||
    typeof account?.name !== 'string' ||
    typeof account.uid !== 'string'
  )
    return undefined;
  const { exp, nbf, iat, aud, jti } = payload;
  if (
    typeof exp !== 'number' ||
    payload.sub !== `system:serviceaccount:${claims.namespace}:${account.name}`
  )
    return undefined;
  const audiences = typeof aud === 'string' ? [aud] : (aud ?? []);
  return {
    subject: {
      namespace: claims.namespace,
      name: account.name,
      uid: account.uid,
      pod: claims.pod,
      secret: claims.secret,
      node: claims.node,
    },
    audiences,
    expiresAtMs: exp * 1000,
    beginsAtMs: Math.max(Number(nbf ?? 0), Number(iat ?? 0)) * 1000,
    id: jti,
  };
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

export function userOfToken(token: VerifiedToken): UserInfo {
  const { subject } = token;
  const extra: Record<string, string[]> = {};
  if (token.id) extra['authentication.kubernetes.io/credential-id'] = [`JTI=${token.id}`];
  if (subject.node) {
    extra['authentication.kubernetes.io/node-name'] = [subject.node.name];
    extra['authentication.kubernetes.io/node-uid'] = [subject.node.uid];
  }
  if (subject.pod) {
    extra['authentication.kubernetes.io/pod-name'] = [subject.pod.name];
    extra['authentication.kubernetes.io/pod-uid'] = [subject.pod.uid];
  }
  return {
    name: `system:serviceaccount:${subject.namespace}:${subject.name}`,
    uid: subject.uid,
    groups: [
      'system:serviceaccounts',
      `system:serviceaccounts:${subject.namespace}`,
      'system:authenticated',
    ],
    extra,
  };
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === 'secp384r1' ? 'ES384' : curve === 'secp521r1' ? 'ES512' : 'ES256';
}

/** kid as kube-apiserver makes it: unpadded base64url of the SHA-256 of the key's DER form. */
function keyId(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}
