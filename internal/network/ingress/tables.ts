import { createHash } from 'node:crypto';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import type { BackendTls } from '../../api/gateway/backend-tls.ts';
import type { Entry, Stream } from '../../api/gateway/plan.ts';
import type { Policy } from '../../api/ingress/annotations.ts';
import { elementsOf, type Route } from '../../api/ingress/routes.ts';
import type { Pool, Target } from '../../api/ingress/targets.ts';
import {
  baseOf,
  bitsOf,
  bytesOf,
  familyOf,
  type Cidr,
  type Ip,
  type Port,
} from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import { checked, nobody, withPolicy, type MapName } from './config.ts';
import { gatewayTables } from './gateway-tables.ts';
import { hash, type Table } from './table.ts';

/** What is to be checked of who answers, by the name of what is to check it. */
export type CheckedServers = ReadonlyMap<string, BackendTls & { h2: boolean }>;

export type Tables = Record<MapName, Table> & { servers: CheckedServers };

export interface TableView {
  routes: readonly Route[];
  /** Of Gateways. */
  entries: readonly Entry[];
  streams: readonly Stream[];
  /** Proxies that name the original client. */
  proxies: readonly Cidr[];
  /** The endpoints that are ready, in an order that stays. */
  endpoints(pool: Pool): readonly { ip: Ip; port: Port }[];
  /** A Secret of a user; undefined when it is not there. */
  secret(namespace: string, name: string): Secret | undefined;
}

const none = '-';

/**
 * Lines of maps out of parsed values only: hosts and paths were checked letter by letter, targets
 * are addresses and ports, names are hashed. The key of a route is host and path without anything
 * between.
 */
export function tablesOf(view: TableView): Tables {
  const tables = {
    proxies: new Map(view.proxies.map((cidr) => [cidr, '1'])),
    policies: new Map<string, string>(),
    allow: new Map<string, string>(),
    users: new Map<string, string>(),
    origins: new Map<string, string>(),
    pools: new Map<string, string>(),
    exact: new Map<string, string>(),
    prefix: new Map<string, string>(),
  };
  for (const route of view.routes) {
    const policy = policyOf(route, view, tables);
    const target = targetOf(route.target, policy, view, tables.pools);
    const value = [...target, ...placeOf(route)].join('|');
    if (route.exact) tables.exact.set(route.host + route.path, value);
    else tables.prefix.set(`${route.host}${route.path.replace(/\/+$/, '')}/`, value);
  }
  const servers = new Map<string, BackendTls & { h2: boolean }>();
  const places = gatewayTables(view, ({ target }) => {
    if (!target) return undefined;
    const fields = targetOf(target, none, view, tables.pools);
    if (!target.tls) return [...fields, ...noPlace, none].join('|');
    const server = { ...target.tls, h2: target.protocol === 'h2c' };
    const name = hash(JSON.stringify(server));
    servers.set(name, server);
    return [...fields.with(2, checked), ...noPlace, name].join('|');
  });
  return { ...tables, ...places, servers };
}

/** `address|port|protocol|policy|pool`; `-` where there are no endpoints. */
function targetOf(
  target: Target | undefined,
  policy: string,
  view: TableView,
  pools: Map<string, string>,
): (string | number)[] {
  const full = policy === none ? '' : withPolicy;
  if (!target) return [none, none, nobody + full, policy, none];
  if (!('pool' in target)) return [target.ip, target.port, target.protocol + full, policy, none];
  const { pool } = target;
  const id = hash(`${pool.namespace}/${pool.service}/${pool.port.name ?? ''}`);
  const endpoints = view.endpoints(pool);
  if (endpoints.length > 0) pools.set(`${id}/n`, String(endpoints.length));
  endpoints.forEach(({ ip, port }, i) => {
    const name = hash(`${id} ${ip}:${port}`);
    const value = `${ip}|${port}|${name}`;
    pools.set(`${id}/i${i}`, value).set(`${id}/e${name}`, value);
  });
  return [none, none, target.protocol + withPolicy, policy, id];
}

/** `elements|path`: how much a rewrite takes away, and where a cookie counts. */
const placeOf = ({ path }: Route): (string | number)[] => [
  elementsOf(path),
  /[;,]/.test(path) ? '/' : path,
];

/** The rewrites of Gateways are not these, and they have no cookies. */
const noPlace = [0, '/'];

const isPlain = (policy: Policy): boolean =>
  Object.values(policy).every((value) => value === undefined || value === false);

/**
 * Puts what a route asks of its clients into the tables, and gives the name of that; `-`: nothing.
 */
function policyOf(
  { policy, owner }: Route,
  view: TableView,
  tables: Record<'policies' | 'allow' | 'users' | 'origins', Map<string, string>>,
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
  for (const origin of policy.cors?.origins ?? []) tables.origins.set(`${id}/${origin}`, '1');
  const { hstsSeconds, timeoutMs, bodyBytes, allow, users, rewrite, perSecond, sticky } = policy;
  const { cors } = policy;
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
    ...(cors
      ? ['c', cors.methods.join(', '), cors.headers.join(', '), cors.seconds]
      : [none, none, none, none]),
    cors?.credentials ? 'y' : none,
  ];
  tables.policies.set(id, fields.join('|'));
  return id;
}

/** The addresses of a range as beginnings of hexadecimal digits, those of IPv6 after a 6. */
function beginningsOf(cidr: Cidr): string[] {
  const family = familyOf(cidr) === 6 ? '6' : '';
  const hex = Buffer.from(bytesOf(baseOf(cidr)))
    .toString('hex')
    .toUpperCase();
  const bits = bitsOf(cidr);
  const whole = hex.slice(0, Math.floor(bits / 4));
  if (bits % 4 === 0) return [family + whole];
  const first = Number.parseInt(hex[whole.length] ?? '0', 16);
  return Array.from({ length: 2 ** (4 - (bits % 4)) }, (_, i) =>
    `${family}${whole}${(first + i).toString(16)}`.toUpperCase(),
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
