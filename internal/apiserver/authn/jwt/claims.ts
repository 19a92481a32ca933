import { compile, environment, wrongResult, type Program } from '../../../api/cel/compile.ts';
import { Meter } from '../../../api/cel/evaluate.ts';
import { dyn, listOf, mapOf, string, type CelType } from '../../../api/cel/types.ts';
import { fromJson, toJson } from '../../../api/cel/values.ts';
import { ConfigError, messageOf } from '../../../base/errors.ts';
import { hasControlCharacter } from '../../../base/x509/name.ts';
import type { UserInfo } from '../user.ts';
import type { Claim, JwtIssuer, Prefixed } from './configuration.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** The cost budget of all expressions of one issuer for one token. */
const costPerToken = 1_000_000;

const claimsType = mapOf(string, dyn);
const userType: CelType = {
  kind: 'object',
  name: 'kubernetes.UserInfo',
  fields: new Map([
    ['username', string],
    ['uid', string],
    ['groups', listOf(string)],
    ['extra', mapOf(string, listOf(string))],
  ]),
};

/** Who a token with these claims is: compiled once, from one issuer of the configuration. */
export interface ClaimRules {
  /** Throws a ClaimError when the claims are refused. */
  userOf(claims: Claims): UserInfo;
}

/** Claims that a rule refuses, or that do not say who somebody is. */
class ClaimError extends Error {}

type Read = (claims: Claims, meter: Meter) => unknown;
type Check = (claims: Claims, meter: Meter) => void;

/** Compiles an issuer's mappings and rules. Throws a ConfigError that names the field. */
export function compileClaims(issuer: JwtIssuer, at: string): ClaimRules {
  const { username, groups, uid, extra = [] } = issuer.claimMappings;
  const maps = `${at}.claimMappings`;
  const rules = (issuer.claimValidationRules ?? []).map((rule, i) =>
    claimRule(rule, `${at}.claimValidationRules[${i}]`),
  );
  const name = usernameReader(username, `${maps}.username`);
  const groupNames =
    groups && prefixedReader(groups, `${maps}.groups`, ['string', 'list', 'null_type']);
  const uidOf =
    uid && (uid.claim || uid.expression) ? reader(uid, `${maps}.uid`, ['string']) : undefined;
  const extras = extra.map(({ key, valueExpression }, i) => ({
    key,
    read: reader({ expression: valueExpression }, `${maps}.extra[${i}].valueExpression`, [
      'string',
      'list',
      'null_type',
    ]),
  }));
  const userRules = (issuer.userValidationRules ?? []).map((rule, i) =>
    userRule(rule, `${at}.userValidationRules[${i}].expression`),
  );
  return {
    userOf(claims) {
      const meter = new Meter(costPerToken);
      const user = guarded(() => {
        for (const rule of rules) rule(claims, meter);
        const more = extras
          .map(
            ({ key, read }) =>
              [key, texts(read(claims, meter), `extra "${key}"`).filter(Boolean)] as const,
          )
          .filter(([, values]) => values.length > 0);
        const credential =
          typeof claims['jti'] === 'string' && claims['jti']
            ? [['authentication.kubernetes.io/credential-id', [`JTI=${claims['jti']}`]] as const]
            : [];
        const uidText = uidOf ? text(uidOf(claims, meter), 'uid') : '';
        return {
          name: name(claims, meter),
          ...(uidText && { uid: uidText }),
          groups: groupNames ? texts(groupNames(claims, meter), 'groups').filter(Boolean) : [],
          extra: Object.fromEntries([...more, ...credential]),
        };
      });
      if (!user.name) throw new ClaimError('username claim value is empty');
      if ([user.name, ...user.groups].some(hasControlCharacter))
        throw new ClaimError('a name holds control characters');
      for (const rule of userRules) guarded(() => rule(user, meter));
      return user;
    },
  };
}

/** Whatever goes wrong with a token's claims is the token's fault. */
function guarded<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof ClaimError ? error : new ClaimError(messageOf(error));
  }
}

function compiled(
  expression: string,
  at: string,
  variables: Record<string, CelType>,
  kinds: CelType['kind'][],
): Program {
  let program: Program;
  try {
    program = compile(expression, environment(variables));
  } catch (error) {
    throw new ConfigError(`${at}: compilation failed: ${messageOf(error)}`, {
      op: 'authentication-config',
    });
  }
  const wrong = wrongResult(program, ...kinds);
  if (wrong) throw new ConfigError(`${at}: ${wrong}`, { op: 'authentication-config' });
  return program;
}

function reader({ claim, expression }: Claim, at: string, kinds: CelType['kind'][]): Read {
  if (!expression)
    return (claims) => (claim && Object.hasOwn(claims, claim) ? claims[claim] : undefined);
  // Claims are of any type: that a mapping gives text is seen when it runs (authentication/cel
  // compile.go: AnyType).
  const program = compiled(expression, at, { claims: claimsType }, ['dyn', ...kinds]);
  return (claims, meter) =>
    toJson(program.evaluate((name) => (name === 'claims' ? fromJson(claims) : undefined), meter));
}

function prefixedReader(mapping: Prefixed, at: string, kinds: CelType['kind'][]): Read {
  const read = reader(mapping, at, kinds);
  const { prefix = '' } = mapping;
  return (claims, meter) => texts(read(claims, meter), 'groups').map((one) => prefix + one);
}

function usernameReader(mapping: Prefixed, at: string): (claims: Claims, meter: Meter) => string {
  const read = reader(mapping, at, ['string']);
  return (claims, meter) => {
    const value = read(claims, meter);
    if (typeof value !== 'string')
      throw new ClaimError(
        `oidc: parse username claims ${JSON.stringify(mapping.claim ?? mapping.expression)}: ` +
          'it is not a string',
      );
    // An address that nobody has checked may be anybody's.
    if (
      mapping.claim === 'email' &&
      Object.hasOwn(claims, 'email_verified') &&
      claims['email_verified'] !== true
    )
      throw new ClaimError('oidc: email not verified');
    return value && (mapping.prefix ?? '') + value;
  };
}

function claimRule(
  {
    claim,
    requiredValue = '',
    expression,
    message,
  }: NonNullable<JwtIssuer['claimValidationRules']>[number],
  at: string,
): Check {
  if (!expression) {
    return (claims) => {
      const value = claim && Object.hasOwn(claims, claim) ? claims[claim] : undefined;
      if (value !== requiredValue)
        throw new ClaimError(`oidc: required claim ${claim} does not have the required value`);
    };
  }
  const program = compiled(expression, `${at}.expression`, { claims: claimsType }, ['bool']);
  return (claims, meter) => {
    if (
      program.evaluate((name) => (name === 'claims' ? fromJson(claims) : undefined), meter) !== true
    )
      throw new ClaimError(
        `oidc: validation expression '${expression}' failed: ${message || 'it is not true'}`,
      );
  };
}

function userRule(
  { expression, message }: { expression: string; message?: string },
  at: string,
): (user: UserInfo, meter: Meter) => void {
  const program = compiled(expression, at, { user: userType }, ['bool']);
  return ({ name, uid = '', groups, extra = {} }, meter) => {
    const shown = fromJson({ username: name, uid, groups, extra }, userType);
    if (program.evaluate((variable) => (variable === 'user' ? shown : undefined), meter) !== true)
      throw new ClaimError(
        `oidc: validation expression '${expression}' failed: ${message || 'it is not true'}`,
      );
  };
}

function text(value: unknown, what: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new ClaimError(`oidc: ${what} is not a string`);
  return value;
}

/** One text or a list of them. */
function texts(value: unknown, what: string): string[] {
  if (value === undefined || value === null) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (!list.every((one) => typeof one === 'string'))
    throw new ClaimError(`oidc: ${what} is neither a text nor a list of texts`);
  return list as string[];
}
