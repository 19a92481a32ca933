import { ConfigError } from '../../../base/errors.ts';
import {
  apiServerVersions,
  readConfigurationFile,
  type Fields,
} from '../../../api/codec/configuration-file.ts';

/**
 * apiserver.config.k8s.io AuthenticationConfiguration (KEP-3331), its fields by their own names.
 */
export interface AuthenticationConfiguration {
  jwt: JwtIssuer[];
  anonymous?: { enabled: boolean; conditions?: { path: string }[] };
}

export interface JwtIssuer {
  issuer: {
    url: string;
    discoveryURL?: string;
    certificateAuthority?: string;
    audiences: string[];
    audienceMatchPolicy?: string;
    egressSelectorType?: string;
  };
  claimValidationRules?: {
    claim?: string;
    requiredValue?: string;
    expression?: string;
    message?: string;
  }[];
  claimMappings: {
    username: Prefixed;
    groups?: Prefixed;
    uid?: Claim;
    extra?: { key: string; valueExpression: string }[];
  };
  userValidationRules?: { expression: string; message?: string }[];
  /** Signature algorithms; absent = all that are known. Only the flag sets it. */
  algorithms?: string[];
}

export interface Claim {
  claim?: string;
  expression?: string;
}

export interface Prefixed extends Claim {
  prefix?: string;
}

/** What was read and not yet found right: anything may be missing. */
type Unchecked<T> = T extends (infer E)[]
  ? Unchecked<E>[]
  : T extends object
    ? { [K in keyof T]?: Unchecked<T[K]> }
    : T;

const prefixed: Fields = { claim: 'string', prefix: 'string', expression: 'string' };
const shape: Fields = {
  apiVersion: 'string',
  kind: 'string',
  jwt: [
    {
      issuer: {
        url: 'string',
        discoveryURL: 'string',
        certificateAuthority: 'string',
        audiences: ['string'],
        audienceMatchPolicy: 'string',
        egressSelectorType: 'string',
      },
      claimValidationRules: [
        { claim: 'string', requiredValue: 'string', expression: 'string', message: 'string' },
      ],
      claimMappings: {
        username: prefixed,
        groups: prefixed,
        uid: { claim: 'string', expression: 'string' },
        extra: [{ key: 'string', valueExpression: 'string' }],
      },
      userValidationRules: [{ expression: 'string', message: 'string' }],
    },
  ],
  anonymous: { enabled: 'boolean', conditions: [{ path: 'string' }] },
};

/** Reads the file that --authentication-config names. Throws a ConfigError with every complaint. */
export function readConfiguration(
  text: string,
  ownIssuers: readonly string[],
): AuthenticationConfiguration {
  const op = 'authentication-config';
  const file = readConfigurationFile(text, {
    kind: 'AuthenticationConfiguration',
    versions: apiServerVersions,
    fields: shape,
    op,
  });
  const { complaints } = file;
  const read = file.read as Unchecked<AuthenticationConfiguration>;
  if (complaints.length === 0) complaints.push(...faultsOf(read, ownIssuers));
  if (complaints.length > 0) throw new ConfigError(complaints.join('; '), { op });
  const { jwt = [], anonymous } = read as Partial<AuthenticationConfiguration>;
  return {
    jwt,
    ...(anonymous && { anonymous: { ...anonymous, enabled: Boolean(anonymous.enabled) } }),
  };
}

type Complain = (field: string, what: string) => void;
const maxIssuers = 64;

/**
 * apiserver/pkg/apis/apiserver/validation, but for the expressions: those are found wrong when they
 * are compiled.
 */
function faultsOf(
  { jwt = [], anonymous }: Unchecked<AuthenticationConfiguration>,
  ownIssuers: readonly string[],
): string[] {
  const faults: string[] = [];
  const complain: Complain = (field, what) => void faults.push(`${field}: ${what}`);
  if (jwt.length > maxIssuers) complain('jwt', `must have at most ${maxIssuers} items`);
  const [urls, discoveries] = [new Set<string>(), new Set<string>()];
  jwt.forEach((one, i) => {
    const at = `jwt[${i}]`;
    checkIssuer(one, `${at}.issuer`, { urls, discoveries, ownIssuers, complain });
    checkMappings(one, at, complain);
  });
  if (anonymous && !anonymous.enabled && (anonymous.conditions?.length ?? 0) > 0)
    complain('anonymous.conditions', 'enabled should be set to true when conditions are defined');
  return faults;
}

interface Seen {
  urls: Set<string>;
  discoveries: Set<string>;
  ownIssuers: readonly string[];
  complain: Complain;
}

function checkIssuer(
  { issuer }: Unchecked<JwtIssuer>,
  at: string,
  { urls, discoveries, ownIssuers, complain }: Seen,
): void {
  const {
    url = '',
    discoveryURL,
    audiences = [],
    audienceMatchPolicy = '',
    egressSelectorType,
  } = issuer ?? {};
  checkUrl(url, `${at}.url`, complain);
  if (urls.has(url)) complain(`${at}.url`, 'Duplicate value');
  if (ownIssuers.includes(url))
    complain(`${at}.url`, 'URL must not overlap with disallowed issuers');
  urls.add(url);
  if (discoveryURL) {
    checkUrl(discoveryURL, `${at}.discoveryURL`, complain);
    if (discoveryURL.replace(/\/+$/, '') === url.replace(/\/+$/, ''))
      complain(`${at}.discoveryURL`, 'discoveryURL must be different from URL');
    if (discoveries.has(discoveryURL)) complain(`${at}.discoveryURL`, 'Duplicate value');
    discoveries.add(discoveryURL);
  }
  if (audiences.length === 0)
    complain(`${at}.audiences`, 'at least one jwt.issuer.audiences is required');
  if (audiences.includes('')) complain(`${at}.audiences`, 'audience is required');
  if (new Set(audiences).size < audiences.length) complain(`${at}.audiences`, 'Duplicate value');
  if (audienceMatchPolicy !== 'MatchAny' && (audiences.length > 1 || audienceMatchPolicy !== ''))
    complain(`${at}.audienceMatchPolicy`, 'audienceMatchPolicy must be MatchAny');
  if (egressSelectorType)
    complain(`${at}.egressSelectorType`, 'there are no egress selectors here');
}

function checkUrl(text: string, at: string, complain: Complain): void {
  if (!text) return complain(at, 'URL is required');
  const url = URL.parse(text);
  if (!url) return complain(at, 'must be a URL');
  if (url.protocol !== 'https:') complain(at, 'URL scheme must be https');
  if (url.username || url.password) complain(at, 'URL must not contain a username or password');
  if (url.search) complain(at, 'URL must not contain a query');
  if (url.hash) complain(at, 'URL must not contain a fragment');
}

const extraKey =
  /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\/[a-z0-9\-._~%!$&'()*+,;=:@/]+$/;
const emailClaim = /\bclaims\s*(\.\s*email\b|\[\s*["']email["']\s*\])/;
const verifiedClaim =
  /\bclaims\s*(\.\s*\??\s*email_verified\b|\[\s*\??\s*["']email_verified["']\s*\])/;

function checkMappings(one: Unchecked<JwtIssuer>, at: string, complain: Complain): void {
  const { username, groups, uid, extra = [] } = one.claimMappings ?? {};
  const maps = `${at}.claimMappings`;
  checkPrefixed(username, `${maps}.username`, complain, true);
  checkPrefixed(groups, `${maps}.groups`, complain, false);
  if (uid?.claim && uid.expression)
    complain(`${maps}.uid`, "claim and expression can't both be set");
  const keys = new Set<string>();
  extra.forEach(({ key = '', valueExpression = '' }, i) => {
    const field = `${maps}.extra[${i}]`;
    if (!extraKey.test(key))
      complain(`${field}.key`, 'must be a domain-prefixed path, in lower case');
    else if (/(^|\.)(k8s|kubernetes)\.io\//.test(key))
      complain(`${field}.key`, 'k8s.io and kubernetes.io are reserved for Kubernetes use');
    if (keys.has(key)) complain(`${field}.key`, 'Duplicate value');
    keys.add(key);
    if (!valueExpression) complain(`${field}.valueExpression`, 'valueExpression is required');
  });
  const rules = one.claimValidationRules ?? [];
  rules.forEach((rule, i) => {
    const field = `${at}.claimValidationRules[${i}]`;
    if (rule.claim && rule.expression) complain(field, "claim and expression can't both be set");
    else if (!rule.claim && !rule.expression) complain(field, 'claim or expression is required');
    else if (rule.claim && rule.message)
      complain(`${field}.message`, "message can't be set when claim is set");
    else if (rule.expression && rule.requiredValue)
      complain(`${field}.requiredValue`, "requiredValue can't be set when expression is set");
  });
  (one.userValidationRules ?? []).forEach(
    ({ expression }, i) =>
      expression ||
      complain(`${at}.userValidationRules[${i}].expression`, 'expression is required'),
  );
  if (!emailClaim.test(username?.expression ?? '')) return;
  const texts = [
    username?.expression,
    ...extra.map((each) => each.valueExpression),
    ...rules.map((rule) => rule.expression),
  ];
  if (!texts.some((text) => verifiedClaim.test(text ?? '')))
    complain(
      `${maps}.username.expression`,
      'claims.email_verified must be used in claimMappings.username.expression or ' +
        'claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when ' +
        'claims.email is used in claimMappings.username.expression',
    );
}

function checkPrefixed(
  mapping: Unchecked<Prefixed> | undefined,
  at: string,
  complain: Complain,
  required: boolean,
): void {
  const { claim, prefix, expression } = mapping ?? {};
  if (claim && expression) complain(at, "claim and expression can't both be set");
  if (expression && prefix !== undefined)
    complain(`${at}.prefix`, "prefix can't be set when expression is set");
  if (claim && prefix === undefined)
    complain(
      `${at}.prefix`,
      'prefix is required when claim is set. It can be set to an empty string to disable prefixing',
    );
  if (!claim && !expression && (required || prefix !== undefined))
    complain(at, 'claim or expression is required');
}
