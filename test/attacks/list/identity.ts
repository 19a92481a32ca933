import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { request } from 'node:https';
import { sequence, utf8 } from '../../../internal/pki/der.ts';
import {
  attribute,
  authority,
  extension,
  handMadeCertificate,
  newPair,
  pem,
  relative,
  simpleName,
  types,
  usages,
} from '../../../internal/pki/testing/hand-made.ts';
import { each, type Attack } from '../attack.ts';
import { at, list, type Target } from '../target.ts';

const holder = newPair();
const stranger = newPair();
const strangerName = simpleName('kubernetes');
const client = usages('1.3.6.1.5.5.7.3.2');
/** Signed by an authority of the stranger's own. */
const foreign = (
  subject = simpleName('admin', 'system:masters'),
  extensions = [client],
): Buffer[] => [
  handMadeCertificate({
    subject,
    issuer: strangerName,
    key: holder.publicKey,
    signer: stranger.privateKey,
    extensions,
  }),
  handMadeCertificate({
    subject: strangerName,
    issuer: strangerName,
    key: stranger.publicKey,
    signer: stranger.privateKey,
    extensions: [authority()],
  }),
];

/** The status of a question that everybody may ask, asked with this certificate. */
function shown(target: Target, chain: Buffer[]): Promise<number> {
  const cert = chain.map((der) => pem('CERTIFICATE', der)).join('');
  const key = holder.privateKey.export({ type: 'sec1', format: 'pem' }).toString();
  return new Promise((resolve) => {
    const out = request(
      {
        host: target.server.hostname,
        port: target.server.port,
        ca: target.ca,
        cert,
        key,
        agent: false,
        path: '/readyz',
        timeout: 20_000,
      },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      },
    );
    out.on('timeout', () => out.destroy());
    out.on('error', () => resolve(0)); // refused in the handshake
    out.end();
  });
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const read = (text = ''): Record<string, unknown> =>
  JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;

interface Real {
  head: string;
  body: string;
  signature: string;
  key: KeyObject;
}

async function realToken(target: Target, namespace: string, more: object = {}): Promise<string> {
  const answer = await target.must(
    'POST',
    `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`,
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 3600, ...more },
    },
  );
  return String(at(answer, 'status', 'token'));
}

const statusOf = async (target: Target, token: string): Promise<number> =>
  (await target.call({ path: '/readyz', as: { token } })).status;

/** A server may know a token for some seconds after what it was bound to is gone. */
async function diesWithin(target: Target, token: string): Promise<string | undefined> {
  const end = performance.now() + 90_000;
  for (;;) {
    if ((await statusOf(target, token)) === 401) return undefined;
    if (performance.now() > end) return 'the token is still good';
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const signedBy = (key: KeyObject, header: object, body: string): string => {
  const text = `${part(header)}.${body}`;
  return (
    `${text}.` +
    `${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  );
};
const hmac = (body: string, secret: string | Buffer): string => {
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${body}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

/** Whoever shows something false is refused, and is not taken for somebody else either. */
export const attacks: Attack[] = [
  ...each(
    'bad-certificate',
    {
      'foreign-authority': foreign(),
      'self-signed': [
        handMadeCertificate({
          subject: strangerName,
          issuer: strangerName,
          key: holder.publicKey,
          signer: holder.privateKey,
        }),
      ],
      'unknown-critical': foreign(simpleName('jane'), [
        client,
        extension('1.2.3.4', utf8('x'), true),
      ]),
      'line-break': foreign(simpleName('jane\nO=system:masters')),
      'one-relative-name': foreign(
        sequence(relative(attribute(types.cn, 'admin'), attribute(types.o, 'system:masters'))),
      ),
    },
    async (target, chain) => {
      const status = await shown(target, chain);
      return status === 401 || status === 0
        ? undefined
        : `a certificate that proves nothing is answered with ${status}`;
    },
  ),
  ...each<(real: Real) => string>(
    'forged-token',
    {
      none: ({ body }) => `${part({ alg: 'none' })}.${body}.`,
      'none-with-signature': ({ body, signature }) =>
        `${part({ alg: 'None' })}.${body}.${signature}`,
      'public-key-as-secret': ({ body, key }) =>
        hmac(body, key.export({ type: 'spki', format: 'pem' })),
      'public-key-as-der': ({ body, key }) =>
        hmac(body, key.export({ type: 'spki', format: 'der' })),
      'other-content': ({ head, body, signature }) =>
        `${head}.${part({ ...read(body), sub: 'system:serviceaccount:kube-system:default' })}` +
        `.${signature}`,
      'no-end': ({ body }) =>
        signedBy(otherKey, { alg: 'ES256' }, part({ ...read(body), exp: undefined })),
      'unknown-key': ({ body }) => signedBy(otherKey, { alg: 'ES256', kid: 'constructor' }, body),
      'own-key-in-header': ({ body }) =>
        signedBy(
          otherKey,
          { alg: 'ES256', jwk: createPublicKey(otherKey).export({ format: 'jwk' }) },
          body,
        ),
      'no-signature': ({ head, body }) => `${head}.${body}.`,
      'zero-signature': ({ head, body }) =>
        `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
      huge: ({ head, body, signature }) => `${head}.${body}${'A'.repeat(60_000)}.${signature}`,
    },
    async (target, forge) => {
      const namespace = await target.namespace();
      const [head = '', body = '', signature = ''] = (await realToken(target, namespace)).split(
        '.',
      );
      const [jwk] = list(
        (await target.call({ path: '/openid/v1/jwks', headers: { accept: '*/*' } })).json,
        'keys',
      );
      if (!jwk) throw new Error('the server shows no key');
      const token = forge({
        head,
        body,
        signature,
        key: createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }),
      });
      const status = await statusOf(target, token);
      return status === 401 ? undefined : `answers ${status}`;
    },
  ),
  ...each(
    'stale-token',
    { account: 'serviceaccounts', secret: 'secrets', recreated: 'recreated', audience: 'audience' },
    async (target, kind) => {
      const namespace = await target.namespace();
      const base = `/api/v1/namespaces/${namespace}`;
      if (kind === 'audience')
        return (await statusOf(
          target,
          await realToken(target, namespace, { audiences: ['https://other.example'] }),
        )) === 401
          ? undefined
          : 'a token for somebody else is taken';
      if (kind === 'secrets') {
        await target.must('POST', `${base}/secrets`, {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 's' },
        });
        const token = await realToken(target, namespace, {
          boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: 's' },
        });
        await target.must('DELETE', `${base}/secrets/s`);
        return await diesWithin(target, token);
      }
      const token = await realToken(target, namespace);
      const before = await statusOf(target, token);
      if (before === 401) throw new Error('a true token is refused');
      await target.must('DELETE', `${base}/serviceaccounts/default`);
      if (kind === 'recreated')
        await target.until('the account is there again', async () => {
          const made = await target.call({
            method: 'POST',
            path: `${base}/serviceaccounts`,
            body: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } },
          });
          return made.status === 201 || made.status === 409;
        });
      return await diesWithin(target, token);
    },
  ),
];
