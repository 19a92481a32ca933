import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { refs } from '../../client/refs.ts';
import { timeOf } from '../../api/times.ts';
import { handMadeCertificate, newPair, pem, simpleName } from '../../pki/testing/hand-made.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { dueAt, startCertificateRequestCleaner } from './cleaner.ts';

const hour = 3_600_000;
const now = Date.UTC(2026, 0, 1);

function certificate(endsMs: number): string {
  const pair = newPair();
  const name = simpleName('x');
  return Buffer.from(
    pem(
      'CERTIFICATE',
      handMadeCertificate({
        subject: name,
        issuer: name,
        key: pair.publicKey,
        signer: pair.privateKey,
        to: endsMs,
      }),
    ),
  ).toString('base64');
}

const request = (name: string, conditions: object[], issued?: string): object => ({
  metadata: { name, creationTimestamp: timeOf(now) },
  spec: { signerName: 'example.com/x', request: 'eA==' },
  status: { conditions, ...(issued && { certificate: issued }) },
});
const condition = (type: string, ageMs = 0): object => ({
  type,
  status: 'True',
  lastUpdateTime: timeOf(now - ageMs),
});

describe('when a request is to go (pkg/controller/certificates/cleaner)', () => {
  test.each<[string, object[], string | undefined, number | undefined]>([
    ['pending', [], undefined, 24 * hour],
    ['denied', [condition('Denied')], undefined, hour],
    ['failed', [condition('Failed', hour / 2)], undefined, hour / 2],
    ['approved and failed', [condition('Approved', hour), condition('Failed')], undefined, hour],
    ['approved without a certificate', [condition('Approved')], undefined, 24 * hour],
    ['approved with one', [condition('Approved')], certificate(now + 240 * hour), hour],
    [
      'approved with one that ends soon',
      [condition('Approved')],
      certificate(now + 60_000),
      60_000,
    ],
    [
      'approved with one, nobody knows when',
      [{ type: 'Approved', status: 'True' }],
      certificate(now + 2 * hour),
      2 * hour,
    ],
    [
      'approved with what is not a certificate',
      [{ type: 'Approved', status: 'True' }],
      'eA==',
      undefined,
    ],
    ['something else', [condition('Example')], undefined, undefined],
  ])('%s', (_what, conditions, issued, after) => {
    const due = dueAt(request('r', conditions, issued) as CertificateSigningRequest);
    expect(due === undefined ? undefined : due - now).toBe(after);
  });
});

test('each goes when it is due, one timer runs, and a decision sets a new time', async () => {
  const c: TestCluster = await testCluster([startCertificateRequestCleaner], async ({ client }) => {
    await client.create(refs.certificateSigningRequests, request('pending', []));
    await client.create(refs.certificateSigningRequests, request('denied', [condition('Denied')]));
    await client.create(
      refs.certificateSigningRequests,
      request('forever', [condition('Example')]),
    );
  });
  const left = (): string[] =>
    c.client
      .all<CertificateSigningRequest>(refs.certificateSigningRequests)
      .map((one) => one.metadata.name!)
      .toSorted();
  expect(c.clock.timers).toBe(2);
  await c.clock.advance(hour - 60_000);
  expect(left()).toEqual(['denied', 'forever', 'pending']);
  await c.clock.advance(120_000);
  expect(left()).toEqual(['forever', 'pending']);
  await c.client.patch(
    refs.certificateSigningRequests,
    { name: 'pending', subresource: 'status' },
    {
      type: 'merge',
      body: {
        status: {
          conditions: [{ type: 'Denied', status: 'True', lastUpdateTime: timeOf(c.clock.now()) }],
        },
      },
    },
  );
  await c.settle();
  expect(c.clock.timers).toBe(1);
  await c.clock.advance(hour + 1000);
  await c.settle();
  expect(left()).toEqual(['forever']);
  expect(c.clock.timers).toBe(0);
  c.stop();
});
