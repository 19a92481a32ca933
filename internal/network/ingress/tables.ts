import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import type { Policy } from '../../api/ingress/annotations.ts';
import { elementsOf, type Pool, type Route } from '../../api/ingress/routes.ts';
import { baseOf, bitsOf, bytesOf, type Ipv4, type Ipv4Cidr } from '../../base/addresses.ts';
import type { Port } from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import type { MapName } from './config.ts';

/** A map of HAProxy: what is asked for, and where it leads. */
export type Table = ReadonlyMap<string, string>;
export type Tables = Record<MapName, Table>;

export interface TableView {
  routes: readonly Route[];
  /** The endpoints that are ready, in an order that stays. */
  endpoints(pool: Pool): readonly { ip: Ipv4; port: Port }[];
  /** A Secret of a user; undefined when it is not there. */
  secret(namespace: string, name: string): Secret | undefined;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);
const none = '-';

/**
 * Lines of maps out of parsed values only: hosts and paths were checked letter by letter, targets
 * are addresses and ports, names are hashed. The key of a route is host and path without anything
 * between.
 */
export function tablesOf(view: TableView): Tables {
  const tables = {
    policies: new Map<string, string>(),
    allow: new Map<string, string>(),
    users: new Map<string, string>(),
    pools: new Map<string, string>(),
    exact: new Map<string, string>(),
    prefix: new Map<string, string>(),
  };
  for (const route of view.routes) {
    const policy = policyOf(route, view, tables);
    const value = [...targetOf(route, policy, view, tables.pools), ...placeOf(route)].join('|');
    if (route.exact) tables.exact.set(route.host + route.path, value);
    else tables.prefix.set(`${route.host}${route.path.replace(/\/+$/, '')}/`, value);
  }
  return tables;
}

/** `address|port|protocol|policy|pool`; `-` where nobody is. */
function targetOf(
  { target }: Route,
  policy: string,
  view: TableView,
  pools: Map<string, string>,
): (string | number)[] {
  if (!target) return [none, none, none, policy, none];
  if (!('pool' in target)) return [target.ip, target.port, target.protocol, policy, none];
  const { pool } = target;
  const id = hash(`${pool.namespace}/${pool.service}/${pool.port.name ?? ''}`);
  const endpoints = view.endpoints(pool);
  if (endpoints.length > 0) pools.set(`${id}/n`, String(endpoints.length));
  endpoints.forEach(({ ip, port }, i) => {
    const name = hash(`${id} ${ip}:${port}`);
    const value = `${ip}|${port}|${name}`;
    pools.set(`${id}/i${i}`, value).set(`${id}/e${name}`, value);
  });
  return [none, none, target.protocol, policy, id];
}

/** `elements|path`: how much a rewrite takes away, and where a cookie counts. */
const placeOf = ({ path }: Route): (string | number)[] => [
  elementsOf(path),
  /[;,]/.test(path) ? '/' : path,
];

const isPlain = (policy: Policy): boolean =>
  Object.values(policy).every((value) => value === undefined || value === false);

/** Puts what a route asks of its clients into the tables, and gives the name of that; `-`: nothing. */
function policyOf(
  { policy, owner }: Route,
  view: TableView,
  tables: Record<'policies' | 'allow' | 'users', Map<string, string>>,
): string {
  if (isPlain(policy)) return none;
  const id = hash(`${owner} ${JSON.stringify(policy)}`);
  if (tables.policies.has(id)) return id;
  for (const cidr of policy.allow ?? [])
    for (const beginning of beginningsOf(cidr)) tables.allow.set(`${id}/${beginning}`, '1');
  const namespace = owner.slice(0, owner.indexOf('/'));
  for (const name of policy.users ?? []) {
    const credentials = credentialsOf(view.secret(namespace, name));
    if (credentials !== undefined) tables.users.set(`${id}/${credentials}`, '1');
  }
  const { hstsSeconds, timeoutMs, bodyBytes, allow, users, rewrite, perSecond, sticky } = policy;
  const fields = [
    policy.redirect ? 'r' : none,
    hstsSeconds ?? none,
    timeoutMs ?? none,
    bodyBytes ?? none,
    allow ? 'a' : none,
    users ? 'u' : none,
    rewrite ?? none,
    perSecond ?? none,
    sticky ? 's' : none,
  ];
  tables.policies.set(id, fields.join('|'));
  return id;
}

/** The addresses of a range as beginnings of eight hexadecimal digits. */
function beginningsOf(cidr: Ipv4Cidr): string[] {
  const hex = Buffer.from(bytesOf(baseOf(cidr)))
    .toString('hex')
    .toUpperCase();
  const bits = bitsOf(cidr);
  const whole = hex.slice(0, Math.floor(bits / 4));
  if (bits % 4 === 0) return [whole];
  const first = Number.parseInt(hex[whole.length] ?? '0', 16);
  return Array.from({ length: 2 ** (4 - (bits % 4)) }, (_, i) =>
    `${whole}${(first + i).toString(16)}`.toUpperCase(),
  );
}

/** What a client sends for the user of a Secret, hashed: HAProxy need not know passwords. */
function credentialsOf(secret: Secret | undefined): string | undefined {
  const text = (name: string): string =>
    Buffer.from(own(secret?.data, name) ?? '', 'base64').toString('latin1');
  const [name, password] = [text('username'), text('password')];
  if (secret?.type !== 'kubernetes.io/basic-auth' || name === '' || password === '')
    return undefined;
  const sent = Buffer.from(`${name}:${password}`, 'latin1').toString('base64');
  return createHash('sha256').update(sent).digest('hex').toUpperCase();
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
