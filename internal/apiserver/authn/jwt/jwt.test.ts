import { request as httpsRequest } from 'node:https';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { realClock } from '../../../io/clock.ts';
import type { ConfigFile } from '../../../io/config-file.ts';
import type { Dial } from '../../../io/dial.ts';
import { silentLog } from '../../../io/log.ts';
import { startDevServer } from '../../dev.ts';
import {
  readConfiguration,
  type AuthenticationConfiguration,
  type JwtIssuer,
} from './configuration.ts';
import { JwtIssuers } from './issuers.ts';
import { configurationOfFlags } from './oidc-flags.ts';
import { FakeDial } from '../../../io/dial.fake.ts';

const url = 'https://issuer.example/tenant';
let keys: { name: string; privateKey: CryptoKey; jwk: JWK }[];
beforeAll(async () => {
  keys = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const pair = await generateKeyPair('RS256', { extractable: true });
      return {
        name,
        privateKey: pair.privateKey,
        jwk: { ...(await exportJWK(pair.publicKey)), kid: name, alg: 'RS256' },
      };
    }),
  );
});

/** An issuer that says these things at these paths, and counts how often it was asked. */
function issuerSaying(said: () => Record<string, unknown>): { dial: Dial; asked: string[] } {
  const asked: string[] = [];
  const dial = new FakeDial(({ target, path }) => {
    asked.push(`${target.host}${path}`);
    const body = said()[path];
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
    return { status: body === undefined ? 404 : 200, body: text };
  });
  return { dial, asked };
}

const discovery = '/tenant/.well-known/openid-configuration';
const ordinary =
  (shown = [0]) =>
  () => ({
    [discovery]: { issuer: url, jwks_uri: 'https://issuer.example/keys' },
    '/keys': { keys: shown.map((i) => keys[i]?.jwk) },
  });
const mapped = (more: Partial<JwtIssuer> = {}): AuthenticationConfiguration => ({
  jwt: [
    {
      issuer: { url, audiences: ['me'] },
      claimMappings: { username: { claim: 'sub', prefix: '' } },
      ...more,
    },
  ],
});

function token(claims: object, key = 0, header: object = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: url, aud: 'me', sub: 'jane', exp: now + 600, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: keys[key]?.name ?? '', ...header } as never)
    .sign(keys[key]!.privateKey);
}
const issuers = (
  configuration: AuthenticationConfiguration,
  dial = issuerSaying(ordinary()).dial,
): JwtIssuers => new JwtIssuers(configuration, { dial, clock: realClock, log: silentLog });
const whoIs = async (
  configuration: AuthenticationConfiguration,
  claims: object,
): Promise<unknown> => issuers(configuration).userOf(await token(claims));

describe('tokens of an issuer', () => {
  test('a good one is a user', async () => {
    expect(await whoIs(mapped(), { jti: '7' })).toEqual({
      name: 'jane',
      groups: [],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=7'] },
    });
  });

  test.each<[string, object]>([
    ['over', { exp: 1 }],
    ['without an end', { exp: undefined }],
    ['from the future', { nbf: 9e9 }],
    ['for somebody else', { aud: 'you' }],
    ['for nobody', { aud: undefined }],
    ['of another issuer', { iss: 'https://other.example' }],
    ['without a name', { sub: '' }],
    ['with a number as a name', { sub: 5 }],
    ['with a line break in its name', { sub: 'a\nb' }],
  ])('%s: nobody', async (_what, claims) => expect(await whoIs(mapped(), claims)).toBeUndefined());

  test('signed with a secret, or with nothing: nobody', async () => {
    const [head = '', body = ''] = (await token({})).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const symmetric = await new SignJWT({ iss: url, aud: 'me', sub: 'jane', exp: 9e9 })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(Buffer.from(JSON.stringify(keys[0]?.jwk)));
    const withSecret = issuers(
      mapped(),
      issuerSaying(() => ({
        ...ordinary()(),
        '/keys': {
          keys: [
            {
              kty: 'oct',
              k: Buffer.from('secret').toString('base64url'),
              kid: 'one',
              alg: 'HS256',
            },
          ],
        },
      })).dial,
    );
    for (const one of [`${none}.${body}.`, `${head}.${body}.`, symmetric]) {
      expect(await issuers(mapped()).userOf(one)).toBeUndefined();
      expect(await withSecret.userOf(one)).toBeUndefined();
    }
  });

  test('keys are asked for once, and again for a new one, but not for every stranger', async () => {
    let shown = [0];
    const { dial, asked } = issuerSaying(() => ordinary(shown)());
    let monotonic = 0;
    const known = new JwtIssuers(mapped(), {
      dial,
      clock: { ...realClock, monotonicMs: () => monotonic },
      log: silentLog,
    });
    expect(await known.userOf(await token({}))).toBeDefined();
    expect(await known.userOf(await token({}))).toBeDefined();
    expect(asked).toEqual([`issuer.example${discovery}`, 'issuer.example/keys']);
    for (let i = 0; i < 5; i++) expect(await known.userOf(await token({}, 1))).toBeUndefined();
    expect(asked.length).toBe(2);
    shown = [0, 1];
    monotonic += 11_000;
    expect(await known.userOf(await token({}, 1))).toBeDefined();
    expect(asked.length).toBe(4);
  });

  test.each<[string, Record<string, unknown>]>([
    ['nothing', {}],
    [
      'that it is another',
      { [discovery]: { issuer: 'https://other.example', jwks_uri: 'https://issuer.example/keys' } },
    ],
    ['an address inside', { [discovery]: { issuer: url, jwks_uri: 'http://127.0.0.1/keys' } }],
    [
      'no keys',
      { [discovery]: { issuer: url, jwks_uri: 'https://issuer.example/keys' }, '/keys': {} },
    ],
    ['far too much', { [discovery]: `"${'x'.repeat(2 << 20)}"` }],
    ['no JSON', { [discovery]: '<html>' }],
  ])('an issuer that says %s vouches for nobody', async (_what, said) =>
    expect(
      await issuers(mapped(), issuerSaying(() => said).dial).userOf(await token({})),
    ).toBeUndefined(),
  );

  test('another address for discovery', async () => {
    const { dial, asked } = issuerSaying(() => ({
      '/found': { issuer: url, jwks_uri: 'https://issuer.example/keys' },
      '/keys': { keys: [keys[0]?.jwk] },
    }));
    expect(
      await issuers(
        mapped({
          issuer: { url, audiences: ['me'], discoveryURL: 'https://inside.example/found' },
        }),
        dial,
      ).userOf(await token({})),
    ).toBeDefined();
    expect(asked[0]).toBe('inside.example/found');
  });
});

describe('claims', () => {
  const username = { claim: 'sub', prefix: '' };
  test('prefixes, groups, uid and extra', async () => {
    const configuration = mapped({
      claimMappings: {
        username: { claim: 'sub', prefix: 'oidc:' },
        groups: { claim: 'roles', prefix: 'r:' },
        uid: { claim: 'oid' },
        extra: [
          { key: 'example.com/tenant', valueExpression: 'claims.tenant' },
          { key: 'example.com/none', valueExpression: '""' },
        ],
      },
    });
    expect(await whoIs(configuration, { roles: ['a', 'b'], oid: '42', tenant: 't' })).toEqual({
      name: 'oidc:jane',
      uid: '42',
      groups: ['r:a', 'r:b'],
      extra: { 'example.com/tenant': ['t'] },
    });
    expect(await whoIs(configuration, { roles: 'a', tenant: ['x', 'y'] })).toMatchObject({
      groups: ['r:a'],
      extra: { 'example.com/tenant': ['x', 'y'] },
    });
    expect(await whoIs(configuration, { roles: [1], tenant: 't' })).toBeUndefined();
    expect(await whoIs(configuration, { roles: ['a'] })).toBeUndefined();
  });

  test('expressions', async () => {
    const configuration = mapped({
      claimMappings: {
        username: { expression: '"ext:" + claims.sub' },
        groups: { expression: 'claims.roles.split(",")' },
      },
    });
    expect(await whoIs(configuration, { roles: 'a,b' })).toMatchObject({
      name: 'ext:jane',
      groups: ['a', 'b'],
    });
    expect(await whoIs(configuration, {})).toBeUndefined();
    expect(
      await whoIs(
        mapped({ claimMappings: { username: { expression: 'claims.constructor' } } }),
        {},
      ),
    ).toBeUndefined();
  });

  test('rules on claims', async () => {
    const equals = mapped({
      claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }],
    });
    expect(await whoIs(equals, { hd: 'example.com' })).toBeDefined();
    for (const claims of [{}, { hd: 'evil.com' }, { hd: ['example.com'] }])
      expect(await whoIs(equals, claims)).toBeUndefined();
    const short = mapped({
      claimValidationRules: [
        { expression: 'claims.exp - claims.nbf <= 86400', message: 'too long' },
      ],
    });
    const now = Math.floor(Date.now() / 1000);
    expect(await whoIs(short, { nbf: now })).toBeDefined();
    expect(await whoIs(short, { nbf: now, exp: now + 90_000 })).toBeUndefined();
    expect(await whoIs(short, {})).toBeUndefined();
  });

  test('rules on users', async () => {
    const configuration = mapped({
      claimMappings: { username, groups: { claim: 'roles', prefix: '' } },
      userValidationRules: [
        { expression: '!user.username.startsWith("system:")' },
        { expression: 'user.groups.all(g, !g.startsWith("system:"))' },
      ],
    });
    expect(await whoIs(configuration, { roles: ['a'] })).toBeDefined();
    expect(await whoIs(configuration, { sub: 'system:admin' })).toBeUndefined();
    expect(await whoIs(configuration, { roles: ['system:masters'] })).toBeUndefined();
  });

  test('an address must have been checked', async () => {
    const configuration = mapped({ claimMappings: { username: { claim: 'email', prefix: '' } } });
    expect(await whoIs(configuration, { email: 'a@b.c', email_verified: true })).toMatchObject({
      name: 'a@b.c',
    });
    for (const verified of [false, 'true', 1, null])
      expect(
        await whoIs(configuration, { email: 'a@b.c', email_verified: verified }),
      ).toBeUndefined();
  });

  test('an expression that costs too much is refused', async () => {
    const list = Array.from({ length: 300 }, (_, i) => i);
    expect(
      await whoIs(
        mapped({
          claimValidationRules: [
            { expression: 'claims.l.all(a, claims.l.all(b, claims.l.all(c, a + b + c >= 0)))' },
          ],
        }),
        { l: list },
      ),
    ).toBeUndefined();
  });
});

test('the flags are one issuer of these', async () => {
  const flags = { issuerUrl: url, clientId: 'me' };
  expect(await whoIs(configurationOfFlags(flags), {})).toMatchObject({ name: `${url}#jane` });
  expect(
    await whoIs(
      configurationOfFlags({
        ...flags,
        usernamePrefix: '-',
        groupsClaim: 'g',
        groupsPrefix: 'x:',
        requiredClaims: { hd: 'h' },
      }),
      { g: 'a', hd: 'h' },
    ),
  ).toMatchObject({ name: 'jane', groups: ['x:a'] });
  expect(
    await whoIs(configurationOfFlags({ ...flags, signingAlgs: ['ES256'] }), {}),
  ).toBeUndefined();
  expect(() => configurationOfFlags({ ...flags, signingAlgs: ['HS256'] })).toThrow(
    /unsupported signing alg/,
  );
  expect(() => configurationOfFlags({ ...flags, issuerUrl: 'http://a' })).toThrow(/https/);
});

describe('the file', () => {
  const file = (jwt: string): string =>
    `apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n${jwt}`;
  const good =
    `- issuer: {url: ${url}, audiences: [me]}\n  claimMappings: {username: {claim: sub, ` +
    'prefix: ""}}\n';
  test('is read', () => {
    expect(
      readConfiguration(
        `${file(good)}anonymous: {enabled: true, conditions: [{path: /livez}]}\n`,
        [],
      ).anonymous,
    ).toEqual({ enabled: true, conditions: [{ path: '/livez' }] });
  });

  test.each<[string, string, RegExp]>([
    ['another kind', 'apiVersion: v1\nkind: Pod\n', /no kind "Pod" is registered/],
    [
      'an unknown field',
      file(good.replace('audiences', 'audience')),
      /unknown field "jwt\[0\].issuer.audience"/,
    ],
    [
      'a field of another kind',
      file(good.replace('[me]', 'me')),
      /jwt\[0\].issuer.audiences: must be a list/,
    ],
    ['http', file(good.replace('https', 'http')), /URL scheme must be https/],
    [
      'a URL with a password',
      file(good.replace('https://', 'https://a:b@')),
      /username or password/,
    ],
    ['the same issuer twice', file(good + good), /jwt\[1\].issuer.url: Duplicate value/],
    ['no audience', file(good.replace('[me]', '[]')), /at least one jwt.issuer.audiences/],
    [
      'several audiences and no policy',
      file(good.replace('[me]', '[me, you]')),
      /must be MatchAny/,
    ],
    ['no prefix', file(good.replace(', prefix: ""', '')), /prefix is required/],
    [
      'claim and expression',
      file(good.replace('claim: sub', 'claim: sub, expression: claims.sub')),
      /can't both be set/,
    ],
    [
      'an address that nobody checks',
      file(good.replace('claim: sub, prefix: ""', 'expression: claims.email')),
      /claims.email_verified must be used/,
    ],
    [
      'a reserved key',
      file(
        `${good.trimEnd().slice(0, -1)}, extra: [{key: a.kubernetes.io/x, valueExpression: ` +
          `"'a'"}]}\n`,
      ),
      /reserved for Kubernetes use/,
    ],
    [
      'conditions without anonymous',
      `${file(good)}anonymous: {enabled: false, conditions: [{path: /a}]}\n`,
      /enabled should be set to true/,
    ],
    ['no YAML', 'a: [', /yaml/],
  ])('%s is refused', (_what, text, why) => expect(() => readConfiguration(text, [])).toThrow(why));

  test("the cluster's own issuer is refused, and so is an expression that does not compile", () => {
    expect(() => readConfiguration(file(good), [url])).toThrow(
      /must not overlap with disallowed issuers/,
    );
    expect(() =>
      issuers(mapped({ userValidationRules: [{ expression: 'user.nothing' }] })),
    ).toThrow(/jwt\[0\].userValidationRules\[0\].expression: compilation failed/);
    expect(() => issuers(mapped({ claimValidationRules: [{ expression: '"a"' }] }))).toThrow(
      /must evaluate to bool/,
    );
  });

  test('a server follows it, and keeps the former one when it is wrong', async () => {
    let text = `${file(good)}anonymous: {enabled: true, conditions: [{path: /livez}]}\n`;
    let changed = (): void => undefined;
    const authenticationConfig: ConfigFile = {
      path: 'f',
      read: () => Promise.resolve(text),
      watch: (fn) => ((changed = fn), () => undefined),
    };
    const dev = await startDevServer({
      more: { authenticationConfig, dial: issuerSaying(ordinary()).dial },
    });
    const statusOf = (path: string, authorization?: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const out = httpsRequest(
          `${dev.url}${path}`,
          {
            ca: dev.ca.cert,
            agent: false,
            headers: authorization ? { authorization: `Bearer ${authorization}` } : {},
          },
          (answer) => resolve(answer.resume().statusCode),
        );
        out.on('error', reject);
        out.end();
      });
    const again = async (next: string): Promise<void> => {
      text = next;
      changed();
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    };
    const jane = await token({});
    expect([
      await statusOf('/livez'),
      await statusOf('/version'),
      await statusOf('/version', jane),
    ]).toEqual([200, 401, 200]);
    await again('nonsense');
    expect([
      await statusOf('/livez'),
      await statusOf('/version'),
      await statusOf('/version', jane),
    ]).toEqual([200, 401, 200]);
    await again(`${file('  []')}\nanonymous: {enabled: false}\n`);
    expect([await statusOf('/livez'), await statusOf('/version', jane)]).toEqual([401, 401]);
    await dev.api.close();
  });
});
