import { parseCidr, type Cidr } from '../../base/addresses.ts';
import { own, table } from '../../base/own.ts';
import type { Ingress } from '../generated/types/networking-v1.ts';
import { parseQuantity } from '../quantity.ts';

const prefix = 'ingress.skiff/';

/** What the annotations of an Ingress ask for on the way to its backends. */
export interface Policy {
  /** Requests without TLS are redirected to https. */
  redirect: boolean;
  /** How long browsers use only TLS (HSTS). */
  hstsSeconds: number | undefined;
  /** How long a backend may be silent. */
  timeoutMs: number | undefined;
  /** Larger requests are refused, and those that do not say how large they are. */
  bodyBytes: number | undefined;
  /** Requests from elsewhere are refused; undefined: none are. */
  allow: Cidr[] | undefined;
  /** Secrets of type kubernetes.io/basic-auth in the namespace; undefined: anybody may come. */
  users: string[] | undefined;
  /** What stands in the place of the path that the rule matched; undefined: it stays. */
  rewrite: string | undefined;
  /** Requests in a second that one client address has on a node. */
  perSecond: number | undefined;
  /** A client goes to the same endpoint again, by a cookie. */
  sticky: boolean;
  /** Pages of other origins whose scripts may read answers; undefined: the backend says. */
  cors: Cors | undefined;
}

export interface Cors {
  /** `*` alone is any. */
  origins: string[];
  methods: string[];
  headers: string[];
  /** How long a browser need not ask again. */
  seconds: number;
  credentials: boolean;
}

const most = {
  corsSeconds: 86_400,
  seconds: 10 * 365 * 86_400,
  bytes: 2 ** 31 - 1,
  perSecond: 1_000_000,
  list: 64,
};
const originText = /^(\*|https?:\/\/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?)$/;
const methodText = /^[A-Z]{1,20}$/;
const headerText = /^[A-Za-z0-9-]{1,64}$/;
const usualMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const usualHeaders = ['Accept', 'Authorization', 'Content-Type', 'X-Requested-With'];
const secretName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const rewritten = /^\/[A-Za-z0-9\-._~!$&'()*+,;=:@/]{0,255}$/;
const units = table<number>({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 });

/** Undefined where the text does not say such a thing. */
type Reader<T> = (text: string) => T | undefined;
/** An annotation by its name; `guards`: nobody is let in when it cannot be read. */
type Read = <T>(name: string, reader: Reader<T>, guards?: boolean) => T | undefined;

const flag: Reader<boolean> = (text) =>
  text === 'true' ? true : text === 'false' ? false : undefined;

const whole =
  (max: number): Reader<number> =>
  (text) =>
    /^[1-9][0-9]{0,11}$/.test(text) && Number(text) <= max ? Number(text) : undefined;

const duration: Reader<number> = (text) => {
  const [, count, unit = ''] = /^([1-9][0-9]{0,8})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(count) * (units[unit] ?? NaN);
  return ms <= 86_400_000 ? ms : undefined;
};

const size: Reader<number> = (text) => {
  if (!/^[1-9][0-9]{0,11}(k|M|G|Ki|Mi|Gi)?$/.test(text)) return undefined;
  const bytes = Number(parseQuantity(text).value());
  return bytes <= most.bytes ? bytes : undefined;
};

const oneOf =
  (pattern: RegExp): Reader<string> =>
  (text) =>
    pattern.test(text) ? text : undefined;

const listOf =
  <T>(one: Reader<T>): Reader<T[]> =>
  (text) => {
    const found = text.split(',').map((part) => one(part.trim()));
    const all = found.filter((value) => value !== undefined);
    return all.length === found.length && all.length <= most.list ? all : undefined;
  };

/**
 * The policy of an Ingress. `closed`: something that keeps clients out could not be read, and then
 * nobody is let in.
 */
export function policyOf(ingress: Ingress, complaints: string[]): Policy & { closed: boolean } {
  let closed = false;
  const read: Read = (name, reader, guards = false) => {
    const text = own(ingress.metadata.annotations, prefix + name);
    if (text === undefined) return undefined;
    const value = reader(text.trim());
    if (value !== undefined) return value;
    complaints.push(
      `annotation ${prefix}${name}: ${JSON.stringify(text).slice(0, 80)} is not a valid value`,
    );
    closed ||= guards;
    return undefined;
  };
  const policy: Policy = {
    redirect: read('redirect-https', flag, true) ?? false,
    hstsSeconds: read('hsts-seconds', whole(most.seconds)),
    timeoutMs: read('timeout', duration),
    bodyBytes: read('max-body', size, true),
    allow: read(
      'allow-from',
      listOf((text) => parseCidr(wide(text))),
      true,
    ),
    users: read('basic-auth-secrets', listOf(oneOf(secretName)), true),
    rewrite: read('rewrite', oneOf(rewritten)),
    perSecond: read('requests-per-second', whole(most.perSecond), true),
    sticky: read('sticky', flag) ?? false,
    cors: corsOf(read, complaints),
  };
  return { ...policy, closed };
}

/** An origin that cannot be read is nobody's: nothing is opened by it. */
function corsOf(read: Read, complaints: string[]): Cors | undefined {
  const origins = read('cors-origins', listOf(oneOf(originText)));
  const methods = read('cors-methods', listOf(oneOf(methodText))) ?? usualMethods;
  const headers = read('cors-headers', listOf(oneOf(headerText))) ?? usualHeaders;
  const seconds = read('cors-max-age', whole(most.corsSeconds)) ?? 600;
  const credentials = read('cors-credentials', flag) ?? false;
  if (!origins) return undefined;
  if (credentials && origins.includes('*')) {
    complaints.push(`annotation ${prefix}cors-credentials: not with any origin (*)`);
    return undefined;
  }
  return { origins, methods, headers, seconds, credentials };
}

const wide = (text: string): string =>
  text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`;

/** The Secrets that carrying out an Ingress needs, of its own namespace. */
export function secretsOf(ingress: Ingress): string[] {
  const certificates = (ingress.spec.tls ?? []).flatMap(({ secretName: name }) => name || []);
  return [...certificates, ...(policyOf(ingress, []).users ?? [])];
}
