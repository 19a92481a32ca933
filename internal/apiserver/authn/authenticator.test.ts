import { request as httpsRequest } from 'node:https';
import { connect } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realRandom } from '../../io/random.ts';
import { issueCa, issueCert, type Identity } from '../../pki/certificate.ts';
import {
  pem,
  authority,
  extension,
  handMadeCertificate,
  newPair,
  simpleName,
} from '../../pki/testing/hand-made.ts';
import type { Der } from '../../pki/der.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import { createPrivateKey } from 'node:crypto';
import { readCertificate } from '../../base/x509/certificate.ts';
import { pemBlocks } from '../../base/x509/pem.ts';

let dev: DevServer;
beforeAll(async () => {
  dev = await startDevServer();
});
afterAll(() => dev.api.close());

const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });

/** The user that the server sees: name and UID, or the status of the refusal. */
function who(
  identity: Partial<Identity> = {},
  headers: Record<string, string> = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const out = httpsRequest(
      `${dev.url}${path}`,
      {
        method: 'POST',
        ca: dev.ca.cert,
        ...identity,
        agent: false,
        headers: { 'content-type': 'application/json', ...headers },
      },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => {
          const info = (
            JSON.parse(text) as { status?: { userInfo?: { username: string; uid?: string } } }
          ).status?.userInfo;
          resolve(
            info ? [info.username, info.uid].filter(Boolean).join(' ') : String(answer.statusCode),
          );
        });
      },
    );
    out.on('error', reject);
    out.end(body);
  });
}

const issuing = { nowMs: Date.now(), random: realRandom };
const holder = newPair();
const caOf = (): { issuer: Der; signer: ReturnType<typeof createPrivateKey> } => ({
  issuer: readCertificate(pemBlocks(dev.ca.cert)[0]?.bytes ?? Buffer.alloc(0)).rawSubject,
  signer: createPrivateKey(dev.ca.key),
});
const key = holder.privateKey.export({ type: 'sec1', format: 'pem' }).toString();
const shown = (...chain: Der[]): Identity => ({
  cert: chain.map((der) => pem('CERTIFICATE', der)).join(''),
  key,
});
const critical = (): Identity =>
  shown(
    handMadeCertificate({
      ...caOf(),
      subject: simpleName('jane'),
      key: holder.publicKey,
      extensions: [extension('1.2.3.4', Buffer.from([5, 0]), true)],
    }),
  );

test('a good certificate is a user, none is nobody', async () => {
  expect(await who(dev.admin)).toBe('admin');
  expect(await who()).toBe('403');
});

test('a certificate that is no good is refused, and not taken for nobody', async () => {
  const other = issueCa({ ...issuing, cn: 'other' });
  expect(await who(issueCert({ ...issuing, ca: other, cn: 'jane', usages: ['client'] }))).toBe(
    '401',
  );
  expect(await who(issueCert({ ...issuing, ca: dev.ca, cn: 'jane', usages: ['server'] }))).toBe(
    '401',
  );
  expect(await who(critical())).toBe('401');
});

test('a good token beside it counts, a bad one does not help', async () => {
  expect(await who(critical(), { authorization: 'Bearer oracle' })).toBe('oracle');
  expect(await who(critical(), { authorization: 'Bearer no' })).toBe('401');
  expect(await who(dev.admin, { authorization: 'Bearer no' })).toBe('admin');
  expect(await who({}, { authorization: 'Bearer no' })).toBe('401');
  expect(await who({}, { authorization: 'Bearer oracle more' })).toBe('oracle');
  expect(await who({}, { authorization: 'Bearer constructor' })).toBe('401');
  expect(await who({}, { authorization: `Bearer ${'e'.repeat(60_000)}` })).toBe('401');
});

test('certificates that a holder sends along lead to the authority', async () => {
  const middle = newPair();
  const between = handMadeCertificate({
    ...caOf(),
    subject: simpleName('middle'),
    key: middle.publicKey,
    extensions: [authority()],
  });
  const leaf = handMadeCertificate({
    issuer: simpleName('middle'),
    signer: middle.privateKey,
    subject: simpleName('kim'),
    key: holder.publicKey,
  });
  expect(await who(shown(leaf, between))).toBe('kim');
  expect(await who(shown(leaf))).toBe('401');
});

test('the front proxy names users and uids; a wrongly escaped key is taken as it is', async () => {
  const proxy = issueCert({ ...issuing, ca: dev.ca, cn: 'front-proxy', usages: ['client'] });
  expect(
    await who(proxy, {
      'x-remote-user': 'jane',
      'x-remote-uid': '7',
      'x-remote-group': 'system:masters',
      'x-remote-extra-%zz': 'x',
      'x-remote-extra-__proto__': 'y',
    }),
  ).toBe('jane 7');
  expect(await who(dev.admin, { 'x-remote-user': 'jane' })).toBe('admin');
});

test('a wrongly escaped key of an impersonated user is taken as it stands too', async () => {
  for (const key of ['%zz', '%', '__proto__', '%e0%a4%a'])
    expect(
      await who(dev.admin, { 'impersonate-user': 'jane', [`impersonate-extra-${key}`]: 'x' }),
    ).toBe('jane');
});

test('requests of one HTTP/2 connection have one identity', async () => {
  const session = connect(dev.url, { ca: dev.ca.cert, ...critical() });
  const status = await new Promise((resolve, reject) => {
    session.on('error', reject);
    session
      .request({ ':path': '/version' })
      .on('response', (headers) => resolve(headers[':status']))
      .resume();
  });
  session.destroy();
  expect(status).toBe(401);
});
