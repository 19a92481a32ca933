import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { ConfigError } from '../base/errors.ts';
import type { Random } from '../io/random.ts';

/**
 * A join token as k3s writes it: `K10<sha256 of the server CA file>::<user>:<password>`, the same
 * with a bootstrap token (`<id>.<secret>`) in the place of user and password, or a password alone,
 * which cannot tell one server from another.
 */
export interface Token {
  /** Hex SHA-256 of the server CA's PEM file; empty in the short form. */
  caHash: string;
  user: string;
  password: string;
  /** `id.secret`, instead of user and password. */
  bootstrap?: string;
}

const prefix = 'K10';
const bootstrapPattern = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

export function caHashOf(caPem: string): string {
  return createHash('sha256').update(caPem).digest('hex');
}

export function formatToken(token: Token): string {
  const secret = token.bootstrap ?? `${token.user}:${token.password}`;
  return token.caHash ? `${prefix}${token.caHash}::${secret}` : secret.replace(/^:/, '');
}

export function parseToken(text: string): Token {
  const trimmed = text.trim();
  if (trimmed === '')
    throw new ConfigError('the token is empty', {
      op: 'token',
      hint: 'take it from server/node-token on the server',
    });
  if (!trimmed.startsWith(prefix)) {
    return bootstrapPattern.test(trimmed)
      ? { caHash: '', user: '', password: '', bootstrap: trimmed }
      : { caHash: '', user: '', password: trimmed };
  }
  const [hash = '', ...rest] = trimmed.slice(prefix.length).split('::');
  const secret = rest.join('::');
  if (!/^[0-9a-f]{64}$/.test(hash))
    throw new ConfigError('the token is damaged: its CA hash is not 64 hexadecimal digits', {
      op: 'token',
      hint: 'copy it again from server/node-token',
    });
  if (bootstrapPattern.test(secret))
    return { caHash: hash, user: '', password: '', bootstrap: secret };
  const colon = secret.indexOf(':');
  if (colon < 0)
    throw new ConfigError('the token is damaged: it has no user and password', {
      op: 'token',
      hint: 'copy it again from server/node-token',
    });
  return { caHash: hash, user: secret.slice(0, colon), password: secret.slice(colon + 1) };
}

/** 128 bits in hexadecimal, as k3s makes its passwords. */
export function newPassword(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex');
}

/**
 * A bootstrap token `id.secret`
 * (https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/).
 */
export function newBootstrapToken(random: Random): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  const text = (length: number): string =>
    Array.from({ length }, () => alphabet[random.int(alphabet.length)]).join('');
  return `${text(6)}.${text(16)}`;
}

/** Compares secrets without telling by time where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
