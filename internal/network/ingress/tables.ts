import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { own } from '../../base/own.ts';
import type { Route } from '../../api/ingress/routes.ts';

/** A map of HAProxy: what is asked for, and where it leads. */
export type Table = ReadonlyMap<string, string>;

/** The two maps of routes: whole paths, and beginnings of paths that end at an element. */
export interface Tables {
  exact: Table;
  prefix: Table;
}

/**
 * Lines of maps out of parsed values only: hosts and paths were checked letter by letter, targets
 * are addresses and ports. A key is host and path without anything between.
 */
export function tablesOf(routes: readonly Route[]): Tables {
  const exact = new Map<string, string>();
  const prefix = new Map<string, string>();
  for (const route of routes) {
    const value = valueOf(route);
    if (route.exact) exact.set(route.host + route.path, value);
    else prefix.set(`${route.host}${route.path.replace(/\/+$/, '')}/`, value);
  }
  return { exact, prefix };
}

/** `address|port|protocol|flag`; `-` where nobody is. */
function valueOf({ target, redirect }: Route): string {
  if (!target) return '-|-|-|-';
  return [target.ip, target.port, target.protocol, redirect ? 'r' : '-'].join('|');
}

/** Longer chains do not fit into one of HAProxy's buffers. */
const longestPem = 24 * 1024;
const certificateText = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * Key and certificates of a Secret as HAProxy takes them, each written anew from what was parsed.
 * Throws with what is wrong in words.
 */
export function pemOf({ data }: Secret): string {
  const text = (name: string): string => Buffer.from(own(data, name) ?? '', 'base64').toString();
  const chain = (text('tls.crt').match(certificateText) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
  const [leaf] = chain;
  if (!leaf) throw new Error('tls.crt holds no certificate');
  const key = createPrivateKey(text('tls.key'));
  if (!leaf.checkPrivateKey(key)) throw new Error('tls.key is not the key of tls.crt');
  const parts = [key.export({ type: 'pkcs8', format: 'pem' }), ...chain.map(String)];
  const pem = parts.map((part) => `${String(part).trim()}\n`).join('');
  if (pem.length > longestPem) throw new Error('the chain of certificates is too long');
  return pem;
}
