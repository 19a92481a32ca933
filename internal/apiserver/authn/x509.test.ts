import type { KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  explicit,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  utf8,
  type Der,
} from '../../pki/der.ts';
import {
  attribute,
  authority,
  extension,
  handMadeCertificate,
  hosts,
  newPair,
  relative,
  simpleName,
  string,
  types,
  usages,
  type HandMade,
} from '../../pki/testing/hand-made.ts';
import { CertificateAuthenticator, type Shown } from './x509.ts';

const caKeys = newPair();
const holder = newPair();
const caName = simpleName('ca');
const own = { issuer: caName, signer: caKeys.privateKey };
const client = usages('1.3.6.1.5.5.7.3.2');
const pemOf = (der: Der): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`;
const ca = handMadeCertificate({
  ...own,
  subject: caName,
  key: caKeys.publicKey,
  extensions: [authority()],
});
const judge = (chain: Der[], roots = [ca]): Shown =>
  new CertificateAuthenticator(roots.map(pemOf).join(''), Date.now).verify(chain);
const leaf = (more: Partial<HandMade> = {}): Der =>
  handMadeCertificate({
    ...own,
    subject: simpleName('jane', 'crew'),
    key: holder.publicKey,
    extensions: [client],
    ...more,
  });
const nameOf = (subject: Der): string | undefined => {
  const shown = judge([leaf({ subject })]);
  return 'user' in shown
    ? shown.user && `${shown.user.name}|${shown.user.groups.join()}|${shown.user.uid ?? ''}`
    : shown.error;
};

test('a common name is a user, organizations are groups', () => {
  expect(judge([leaf()])).toMatchObject({
    user: { name: 'jane', groups: ['crew', 'system:authenticated'] },
  });
  expect(judge([leaf({ subject: sequence(relative(attribute(types.o, 'crew'))) })])).toEqual({
    user: undefined,
  });
});

describe('names', () => {
  const cn = relative(attribute(types.cn, 'jane'));
  test.each<[string, Der, string]>([
    [
      'several attributes in one relative name',
      sequence(
        relative(attribute(types.cn, 'jane'), attribute(types.o, 'a'), attribute(types.o, 'b')),
      ),
      'jane|a,b,system:authenticated|',
    ],
    [
      'a group that looks like two',
      sequence(relative(attribute(types.o, 'a + O=system:masters')), cn),
      'jane|a + O=system:masters,system:authenticated|',
    ],
    [
      'a BMPString',
      sequence(relative(attribute(types.o, string.bmp('crew'))), cn),
      'jane|crew,system:authenticated|',
    ],
    [
      'the last of two common names',
      sequence(cn, relative(attribute(types.cn, 'kim'))),
      'kim|system:authenticated|',
    ],
    ['a UID', sequence(cn, relative(attribute(types.uid, '42'))), 'jane|system:authenticated|42'],
    ['somebody called anonymous', simpleName('system:anonymous'), 'system:anonymous||'],
    [
      'a line break in a name',
      simpleName('jane\nO=system:masters'),
      'the name of the certificate holds control characters',
    ],
    [
      'a line break in a group',
      simpleName('jane', 'crew\nO=system:masters'),
      'the name of the certificate holds control characters',
    ],
    [
      'a zero in a name',
      simpleName('jane\0.evil'),
      'the name of the certificate holds control characters',
    ],
    [
      'two UIDs',
      sequence(cn, relative(attribute(types.uid, '1')), relative(attribute(types.uid, '2'))),
      'unable to parse the UID of the certificate',
    ],
    [
      'an empty UID',
      sequence(cn, relative(attribute(types.uid, ''))),
      'unable to parse the UID of the certificate',
    ],
    [
      'a kind of string that nobody reads',
      sequence(relative(attribute(types.cn, string.universal('jane')))),
      'x509: invalid RDNSequence: unsupported string type: 28',
    ],
  ])('%s', (_what, subject, expected) => expect(nameOf(subject)).toBe(expected));
});

describe('certificates that are no good', () => {
  const other = newPair();
  const sha1: HandMade['algorithm'] = { id: sequence(oid('1.2.840.10045.4.1')), digest: 'sha1' };
  test.each<[string, Der, RegExp]>([
    [
      'unknown and critical',
      leaf({ extensions: [client, extension('1.2.3.4', octets(Buffer.alloc(0)), true)] }),
      /unhandled critical extension/,
    ],
    [
      'names of an unknown kind, critical',
      leaf({
        extensions: [client, extension('2.5.29.17', sequence(implicit(8, Buffer.from([1]))), true)],
      }),
      /unhandled critical extension/,
    ],
    ['expired', leaf({ to: Date.now() - 1000 }), /expired/],
    ['not yet valid', leaf({ from: Date.now() + 60_000 }), /not yet valid/],
    ['for serving', leaf({ extensions: [usages('1.3.6.1.5.5.7.3.1')] }), /incompatible key usage/],
    ['of another authority', leaf({ issuer: simpleName('other') }), /unknown authority/],
    ['signed by another key', leaf({ signer: other.privateKey }), /unknown authority/],
    ['with a broken digest', leaf({ algorithm: sha1 }), /unknown authority/],
    ['an extension twice', leaf({ extensions: [client, client] }), /duplicate extensions/],
    ['cut short', leaf().subarray(0, 100), /truncated/],
    ['with something behind it', Buffer.concat([leaf(), Buffer.from([0])]), /trailing/],
    ['nothing but nesting', Buffer.alloc(20_000, Buffer.from([0x30, 0x80])), /asn1/],
  ])('%s', (_what, der, why) =>
    expect(judge([der])).toEqual({ error: expect.stringMatching(why) as string }),
  );

  test('unknown and not critical is passed over', () => {
    expect(judge([leaf({ extensions: [client, extension('1.2.3.4', utf8('x'))] })])).toHaveProperty(
      'user.name',
      'jane',
    );
    expect(judge([leaf({ extensions: [] })])).toHaveProperty('user.name', 'jane');
  });

  test('no byte can be changed', () => {
    const good = leaf();
    for (let i = 0; i < good.length; i++) {
      const bad = Buffer.from(good);
      bad[i] = (bad[i] ?? 0) ^ (1 << (i % 8));
      expect(judge([bad]), `byte ${i}`).toHaveProperty('error');
    }
  });
});

describe('chains', () => {
  const middle = newPair();
  const middleName = simpleName('middle');
  const between = (extensions: Der[], key: KeyObject = middle.publicKey): Der =>
    handMadeCertificate({ ...own, subject: middleName, key, extensions });
  const below = (more: Partial<HandMade> = {}): Der =>
    leaf({ issuer: middleName, signer: middle.privateKey, ...more });
  const noCa = handMadeCertificate({
    ...own,
    subject: caName,
    key: caKeys.publicKey,
    extensions: [authority(0)],
  });
  const constraints = (kind: 0 | 1, base: Der): Der =>
    extension('2.5.29.30', sequence(explicit(kind, sequence(base))), true);
  const dns = (text: string): Der => implicit(2, Buffer.from(text));

  test('by an authority in between', () => {
    expect(judge([below(), between([authority()])])).toHaveProperty('user.name', 'jane');
    expect(judge([below()])).toHaveProperty('error');
  });

  test.each<[string, Der[], Der[], RegExp]>([
    [
      'another holder is no authority',
      [below(), between([client])],
      [ca],
      /not authorized to sign/,
    ],
    [
      'an authority that may not sign',
      [below(), between([authority(), extension('2.5.29.15', Buffer.from([3, 2, 7, 0x80]), true)])],
      [ca],
      /unknown authority/,
    ],
    ['too long a path', [below(), between([authority()])], [noCa], /too many intermediates/],
    [
      'an authority for servers alone',
      [below(), between([authority(), usages('1.3.6.1.5.5.7.3.1')])],
      [ca],
      /incompatible key usage/,
    ],
    [
      'a name outside what is permitted',
      [
        below({ extensions: [client, hosts('a.example')] }),
        between([authority(), constraints(0, dns('b.example'))]),
      ],
      [ca],
      /not permitted/,
    ],
    [
      'a name that is excluded',
      [
        below({ extensions: [client, hosts('x.a.example')] }),
        between([authority(), constraints(1, dns('a.example'))]),
      ],
      [ca],
      /not permitted/,
    ],
    [
      'constraints of a kind that is not read',
      [below(), between([authority(), constraints(0, sequence())])],
      [ca],
      /unhandled critical extension/,
    ],
    [
      'an authority with an unknown critical extension',
      [below(), between([authority(), extension('1.2.3', integer(Buffer.from([1])), true)])],
      [ca],
      /unhandled critical extension/,
    ],
  ])('%s', (_what, chain, roots, why) =>
    expect(judge(chain, roots)).toEqual({ error: expect.stringMatching(why) as string }),
  );

  test('a name within what is permitted', () => {
    expect(
      judge([
        below({ extensions: [client, hosts('x.b.example')] }),
        between([authority(), constraints(0, dns('b.example'))]),
      ]),
    ).toHaveProperty('user.name', 'jane');
  });

  test('many authorities of one name cost no more than a bound', () => {
    const many = Array.from({ length: 9 }, () =>
      handMadeCertificate({
        subject: middleName,
        issuer: middleName,
        signer: newPair().privateKey,
        key: newPair().publicKey,
        extensions: [authority()],
      }),
    );
    expect(judge([below(), ...many])).toHaveProperty('error');
  });
});
