import fc from 'fast-check';
import { expect, it } from 'vitest';
import { realRandom } from '../io/random.ts';
import { issueCa } from '../pki/certificate.ts';
import { endOfCertificate, secretText } from './page/certificate.ts';

const dayMs = 86_400_000;

it.each([2026, 2049, 2050, 2120])('says when a certificate of %i ends', (year) => {
  const nowMs = Date.UTC(year, 0, 1);
  const { cert } = issueCa({ nowMs, random: realRandom, cn: 'x', lifeMs: 30 * dayMs });
  expect(endOfCertificate(cert)).toBe(nowMs + 30 * dayMs);
});

it('says nothing of what it cannot read', () => {
  const { cert } = issueCa({ nowMs: 0, random: realRandom, cn: 'x', lifeMs: dayMs });
  for (const text of ['', 'x', cert.replace('-----BEGIN', ''), cert.replace(/[A-Za-z0-9]{9}/, '*')])
    expect(endOfCertificate(text)).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      const end = endOfCertificate(
        `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`,
      );
      expect(end === undefined || Number.isFinite(end)).toBe(true);
    }),
  );
  expect(secretText('%')).toBe('');
});
