import { X509Certificate } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { attributes, commonNameOf, valuesOf } from '../base/x509/name.ts';
import { readRequest } from '../base/x509/request.ts';
import { realRandom } from '../io/random.ts';
import { issueCa } from './certificate.ts';
import { sequence } from './der.ts';
import { signRequest, type Signing } from './sign-request.ts';
import {
  attribute,
  handMadeRequest,
  hosts,
  pem,
  relative,
  simpleName,
  string,
  types,
} from './testing/hand-made.ts';

const issuing = { nowMs: Math.floor(Date.now() / 1000) * 1000, random: realRandom };
const ca = issueCa({ ...issuing, cn: 'ca' });
const hour = 3600_000;

/** A request as an ordinary tool makes it. */
function request(key: string[]): string {
  const done = spawnSync(
    'openssl',
    [
      'req',
      '-new',
      '-nodes',
      '-newkey',
      ...key,
      '-keyout',
      '/dev/null',
      '-subj',
      '/O=system:nodes/O=extra/CN=system:node:boat',
      '-addext',
      'subjectAltName=DNS:boat.example,IP:192.0.2.7',
    ],
    { encoding: 'utf8' },
  );
  return done.stdout;
}

const signedAs = (csrPem: string, more: Partial<Signing> = {}): X509Certificate =>
  new X509Certificate(
    signRequest({
      ...issuing,
      request: readRequest(csrPem),
      ca,
      usages: ['client auth', 'digital signature'],
      expirationSeconds: undefined,
      ...more,
    }),
  );

test.each([
  ['P-256', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
  ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ['RSA', ['rsa:2048']],
  ['Ed25519', ['ed25519']],
])('a request with a key of kind %s is read and signed', (_kind, key) => {
  const csrPem = request(key);
  if (csrPem === '') return; // no openssl on this machine
  const asked = readRequest(csrPem);
  expect([commonNameOf(asked.subject), valuesOf(asked.subject, attributes.organization)]).toEqual([
    'system:node:boat',
    ['system:nodes', 'extra'],
  ]);
  expect(asked).toMatchObject({
    dns: ['boat.example'],
    addresses: ['192.0.2.7'],
    emails: [],
    uris: [],
  });
  const cert = signedAs(csrPem);
  expect(cert.verify(new X509Certificate(ca.cert).publicKey)).toBe(true);
  expect(cert.checkIssued(new X509Certificate(ca.cert))).toBe(true);
  expect(cert.subject).toBe('O=system:nodes\nO=extra\nCN=system:node:boat');
  expect(cert.subjectAltName).toBe('DNS:boat.example, IP Address:192.0.2.7');
  expect(cert.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(cert.ca).toBe(false);
});

describe('how long a certificate lives', () => {
  const csrPem = handMadeRequest(simpleName('jane'));
  const life = (expirationSeconds: number | undefined): [number, number] => {
    const cert = signedAs(csrPem, { expirationSeconds });
    return [issuing.nowMs - Date.parse(cert.validFrom), Date.parse(cert.validTo) - issuing.nowMs];
  };
  const five = 5 * 60_000;
  test.each<[string, number | undefined, number]>([
    ['an hour', 3600, hour],
    ['less than the least', 60, 10 * 60_000],
    ['longer than eight hours: the beginning is taken off', 24 * 3600, 24 * hour - five],
    ['ten years: the signer says a year', 10 * 365 * 24 * 3600, 365 * 24 * hour - five],
    ['nothing', undefined, 365 * 24 * hour - five],
  ])('%s', (_what, seconds, afterMs) => expect(life(seconds)).toEqual([five, afterMs]));

  test('never longer than its authority', () => {
    const short = issueCa({ ...issuing, cn: 'short', lifeMs: hour });
    expect(
      Date.parse(signedAs(csrPem, { ca: short, expirationSeconds: 2 * 3600 }).validTo),
    ).toBeLessThanOrEqual(issuing.nowMs + hour);
  });
});

describe('what a request says', () => {
  const organizations = (subject: Buffer): string[] =>
    valuesOf(readRequest(handMadeRequest(subject)).subject, attributes.organization);
  const cn = relative(attribute(types.cn, 'jane'));
  test.each([
    ['a BMPString', sequence(relative(attribute(types.o, string.bmp('system:masters'))), cn)],
    [
      'a PrintableString',
      sequence(relative(attribute(types.o, string.printable('system:masters'))), cn),
    ],
    ['an IA5String', sequence(relative(attribute(types.o, string.ia5('system:masters'))), cn)],
    ['a T61String', sequence(relative(attribute(types.o, string.t61('system:masters'))), cn)],
    [
      'beside the common name in one relative name',
      sequence(relative(attribute(types.cn, 'jane'), attribute(types.o, 'system:masters'))),
    ],
  ])('system:masters as %s is system:masters', (_how, subject) =>
    expect(organizations(subject)).toEqual(['system:masters']),
  );

  test('of several common names the last counts, and all organizations do', () => {
    const { subject } = readRequest(
      handMadeRequest(
        sequence(
          relative(attribute(types.cn, 'first')),
          relative(attribute(types.o, 'a'), attribute(types.o, 'b')),
          relative(attribute(types.o, 'a')),
          relative(attribute(types.cn, 'last')),
        ),
      ),
    );
    expect([commonNameOf(subject), valuesOf(subject, attributes.organization)]).toEqual([
      'last',
      ['a', 'b', 'a'],
    ]);
  });

  test.each([
    [
      'a UniversalString',
      sequence(relative(attribute(types.o, string.universal('system:masters'))), cn),
      /unsupported string type/,
    ],
    [
      'a PrintableString with other characters',
      sequence(relative(attribute(types.o, string.printable('a_b'))), cn),
      /PrintableString/,
    ],
    [
      'UTF-8 that is none',
      sequence(relative(attribute(types.o, Buffer.from([0x0c, 2, 0xc3, 0x28]))), cn),
      /UTF-8/,
    ],
    [
      'half a BMP character',
      sequence(relative(attribute(types.o, Buffer.from([0x1e, 1, 0x41]))), cn),
      /BMPString/,
    ],
  ])('%s is refused', (_what, subject, why) =>
    expect(() => readRequest(handMadeRequest(subject))).toThrow(why),
  );

  test('a UID and other attributes that nobody looked at are left out', () => {
    const cert = signedAs(
      handMadeRequest(
        sequence(relative(attribute(types.cn, 'jane')), relative(attribute(types.uid, '42'))),
      ),
    );
    expect(cert.subject).toBe('CN=jane');
  });

  test('control characters are not signed', () => {
    for (const name of ['jane\nO=system:masters', 'jane\0', 'a\u0085b'])
      expect(() => signedAs(handMadeRequest(simpleName(name)))).toThrow(/control characters/);
  });

  test('a host name that looks like an address stays a host name', () => {
    expect(signedAs(handMadeRequest(simpleName('x'), [hosts('10.43.0.1')])).subjectAltName).toBe(
      'DNS:10.43.0.1',
    );
  });

  test('an extension that is asked for twice is refused', () => {
    expect(() => readRequest(handMadeRequest(simpleName('x'), [hosts('a'), hosts('b')]))).toThrow(
      /duplicate/,
    );
  });

  test('a request that was tampered with is refused', () => {
    const der = Buffer.from(
      handMadeRequest(simpleName('boat')).replace(/-----[^-]+-----|\s/g, ''),
      'base64',
    );
    der[der.indexOf('boat')] = 'g'.charCodeAt(0);
    expect(() => readRequest(pem('CERTIFICATE REQUEST', der))).toThrow(/signature/);
  });

  test(
    'no byte changed, added or left out goes unnoticed, or makes another error than one of ' +
      'reading',
    () => {
      const der = Buffer.from(
        handMadeRequest(simpleName('boat', 'crew'), [hosts('a.example')]).replace(
          /-----[^-]+-----|\s/g,
          '',
        ),
        'base64',
      );
      for (let i = 0; i < der.length; i++) {
        const changed = Buffer.from(der);
        changed[i] = (changed[i] ?? 0) ^ (1 << (i % 8));
        expect(() => readRequest(pem('CERTIFICATE REQUEST', changed)), `byte ${i}`).toThrow(
          /x509|asn1/,
        );
        expect(() => readRequest(pem('CERTIFICATE REQUEST', der.subarray(0, i)))).toThrow(
          /x509|asn1|PEM/,
        );
      }
    },
  );
});

test('usages become the bits and identifiers that they name, and unknown ones are refused', () => {
  const csrPem = handMadeRequest(simpleName('x'));
  expect(
    signedAs(csrPem, { usages: ['server auth', 'client auth', 'netscape sgc', 'key encipherment'] })
      .keyUsage,
  ).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', '2.16.840.1.113730.4.1']);
  expect(() => signedAs(csrPem, { usages: ['constructor'] })).toThrow(
    'unrecognized usage values: constructor',
  );
});
