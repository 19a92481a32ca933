import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newKeyPem } from '../../pki/certificate.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';

const signingKey = newKeyPem();
let nowMs = Date.UTC(2030, 0, 1);
const issuer = 'https://kubernetes.default.svc';
const tokens = new ServiceAccountTokens({ signingKey, issuer, now: () => nowMs });
const subject = { namespace: 'ns', name: 'robot', uid: 'u1' };
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const seconds = (): number => Math.floor(nowMs / 1000);
const bound = (more: object = {}): object => ({
  iss: issuer,
  sub: 'system:serviceaccount:ns:robot',
  aud: [issuer],
  iat: seconds(),
  nbf: seconds(),
  exp: seconds() + 3600,
  'kubernetes.io': { namespace: 'ns', serviceaccount: { name: 'robot', uid: 'u1' } },
  ...more,
});
/** A token with this content and a valid signature. */
function signed(
  payload: object,
  header: object = { alg: 'ES256' },
  key: string | KeyObject = signingKey,
): string {
  const text = `${part(header)}.${part(payload)}`;
  const by = { key: key as KeyObject, dsaEncoding: 'ieee-p1363' as const };
  return `${text}.${sign('sha256', Buffer.from(text), by).toString('base64url')}`;
}

test('what is issued is read', async () => {
  const { token, expiresAtMs } = await tokens.issue(
    { ...subject, pod: { name: 'p', uid: 'u2' } },
    { audiences: ['a', issuer], seconds: 600, jti: 'j' },
  );
  expect(await tokens.verify(token)).toEqual({
    subject: { ...subject, pod: { name: 'p', uid: 'u2' }, secret: undefined, node: undefined },
    audiences: ['a', issuer],
    expiresAtMs,
    beginsAtMs: nowMs,
    id: 'j',
  });
});

test('a token ends when it ends, whether it was seen before or not', async () => {
  const [seen, unseen] = [signed(bound()), signed(bound({ jti: 'other' }))];
  expect(await tokens.verify(seen)).toBeDefined();
  nowMs += 3600_000 + 61_000;
  expect(await tokens.verify(seen)).toBeUndefined();
  expect(await tokens.verify(unseen)).toBeUndefined();
});

describe('tokens that are no good', () => {
  const publicPem = createPublicKey(signingKey).export({ type: 'spki', format: 'pem' }).toString();
  const hmac = (secret: string | Buffer): string => {
    const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(bound())}`;
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
  };
  const [head = '', body = '', signature = ''] = signed(bound()).split('.');
  test.each<[string, string]>([
    ['no algorithm', `${part({ alg: 'none' })}.${body}.`],
    ['no algorithm, written otherwise', `${part({ alg: 'NoNe' })}.${body}.${signature}`],
    ['the public key as a secret', hmac(publicPem)],
    [
      'the public key as a secret, as DER',
      hmac(createPublicKey(signingKey).export({ type: 'spki', format: 'der' })),
    ],
    ['another algorithm', `${part({ alg: 'RS256' })}.${body}.${signature}`],
    [
      'another content',
      `${head}.${part(bound({ sub: 'system:serviceaccount:ns:admin' }))}.${signature}`,
    ],
    [
      'another key',
      signed(
        bound(),
        { alg: 'ES256' },
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      ),
    ],
    [
      'a key that it brings along',
      signed(
        bound(),
        { alg: 'ES256', jwk: {}, jku: 'https://evil.example', x5u: 'https://evil.example' },
        generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
      ),
    ],
    ['a critical header', signed(bound(), { alg: 'ES256', crit: ['exp'], exp: 1 })],
    ['no signature', `${head}.${body}.`],
    ['two parts', `${head}.${body}`],
    ['another issuer', signed(bound({ iss: 'https://other.example' }))],
    ['no issuer', signed(bound({ iss: undefined }))],
    ['no end', signed(bound({ exp: undefined }))],
    ['an end that is not a number', signed(bound({ exp: '99999999999' }))],
    ['from the future', signed(bound({ nbf: seconds() + 7200 }))],
    ['issued in the future', signed(bound({ iat: seconds() + 7200 }))],
    ['over', signed(bound({ exp: seconds() - 61 }))],
    ['another subject', signed(bound({ sub: 'system:serviceaccount:ns:admin' }))],
    ['no account', signed(bound({ 'kubernetes.io': { namespace: 'ns' } }))],
    [
      'an account that is not a text',
      signed(
        bound({
          'kubernetes.io': { namespace: 'ns', serviceaccount: { name: ['robot'], uid: 'u1' } },
        }),
      ),
    ],
    [
      'a Secret that is not named',
      signed({
        iss: 'kubernetes/serviceaccount',
        sub: 'system:serviceaccount:ns:robot',
        'kubernetes.io/serviceaccount/namespace': 'ns',
        'kubernetes.io/serviceaccount/service-account.name': 'robot',
        'kubernetes.io/serviceaccount/service-account.uid': 'u1',
      }),
    ],
  ])('%s', async (_what, token) => expect(await tokens.verify(token)).toBeUndefined());

  test('an unknown key id is no matter: every key is tried', async () => {
    expect(
      await tokens.verify(signed(bound(), { alg: 'ES256', kid: 'constructor' })),
    ).toBeDefined();
  });
});

test('a token kept in a Secret has no end, and names the Secret', async () => {
  const legacy = {
    iss: 'kubernetes/serviceaccount',
    sub: 'system:serviceaccount:ns:robot',
    'kubernetes.io/serviceaccount/namespace': 'ns',
    'kubernetes.io/serviceaccount/secret.name': 's',
    'kubernetes.io/serviceaccount/service-account.name': 'robot',
    'kubernetes.io/serviceaccount/service-account.uid': 'u1',
  };
  expect(await tokens.verify(signed(legacy))).toMatchObject({
    subject,
    audiences: [issuer],
    secretName: 's',
  });
  expect(
    await tokens.verify(signed({ ...legacy, sub: 'system:serviceaccount:ns:admin' })),
  ).toBeUndefined();
});
