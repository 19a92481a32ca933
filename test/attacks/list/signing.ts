import { X509Certificate } from 'node:crypto';
import {
  addresses,
  attribute,
  handMadeRequest,
  hosts,
  relative,
  simpleName,
  string,
  types,
} from '../../../internal/pki/testing/hand-made.ts';
import { sequence } from '../../../internal/pki/der.ts';
import { each, type Attack } from '../attack.ts';
import { at, list, type Answer, type Target } from '../target.ts';

const path = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const client = ['client auth', 'digital signature'];
const serving = ['server auth', 'digital signature', 'key encipherment'];

interface Asked {
  signer: string;
  pem: string;
  usages: string[];
  seconds?: number;
}

let count = 0;

async function ask(
  target: Target,
  { signer, pem, usages, seconds }: Asked,
): Promise<{ name: string; answer: Answer }> {
  const name = `attack-${process.pid}-${++count}`;
  const spec = {
    signerName: `kubernetes.io/${signer}`,
    request: Buffer.from(pem).toString('base64'),
    usages,
    ...(seconds !== undefined && { expirationSeconds: seconds }),
  };
  target.later(() => target.call({ method: 'DELETE', path: `${path}/${name}` }));
  return {
    name,
    answer: await target.call({
      method: 'POST',
      path,
      body: {
        apiVersion: 'certificates.k8s.io/v1',
        kind: 'CertificateSigningRequest',
        metadata: { name },
        spec,
      },
    }),
  };
}

/**
 * Asks, has it approved by an administrator who does not look, and returns what was signed;
 * undefined when it was refused.
 */
async function signed(target: Target, asked: Asked): Promise<X509Certificate | undefined> {
  const { name, answer } = await ask(target, asked);
  if (answer.status >= 400 && answer.status < 500) return undefined;
  const approved = { type: 'Approved', status: 'True', reason: 'Attack', message: 'approved' };
  await target.must('PUT', `${path}/${name}/approval`, {
    ...answer.json,
    metadata: { name },
    status: { conditions: [approved] },
  });
  let certificate: unknown;
  await target.until(
    'the signer decides',
    async () => {
      const now = await target.must('GET', `${path}/${name}`);
      certificate = at(now, 'status', 'certificate');
      return (
        certificate !== undefined ||
        list(now, 'status', 'conditions').some((one) => one['type'] === 'Failed')
      );
    },
    15_000,
  );
  return certificate === undefined
    ? undefined
    : new X509Certificate(Buffer.from(String(certificate), 'base64'));
}

const what = (certificate: X509Certificate | undefined): string | undefined =>
  certificate &&
  `signed ${certificate.subject.replaceAll('\n', ', ')}, ${certificate.validFrom} to ` +
    `${certificate.validTo}`;

const masters = (value: Buffer | string): Buffer =>
  sequence(relative(attribute(types.o, value)), relative(attribute(types.cn, 'jane')));
const node = simpleName('system:node:boat', 'system:nodes');
const nodeAnd = sequence(
  relative(attribute(types.o, 'system:nodes'), attribute(types.o, 'system:masters')),
  relative(attribute(types.cn, 'system:node:boat')),
);

/**
 * A node asks for a certificate in another's name; only what NodeRestriction says counts, the
 * signer may never see it.
 */
async function asksAsNode(
  target: Target,
  [signer, pem]: [string, string],
): Promise<string | undefined> {
  const spec = {
    signerName: `kubernetes.io/${signer}`,
    request: Buffer.from(pem).toString('base64'),
    usages: signer === 'kubelet-serving' ? serving : client,
  };
  const body = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: `attack-${process.pid}-${++count}` },
    spec,
  };
  target.later(() => target.call({ method: 'DELETE', path: `${path}/${body.metadata.name}` }));
  const answer = await target.call({
    method: 'POST',
    path,
    body,
    as: { user: 'system:node:boat', groups: ['system:nodes', 'system:authenticated'] },
  });
  return answer.status === 403
    ? undefined
    : `a node's request is answered ${answer.status}: ${answer.text.slice(0, 160)}`;
}

const named = (...names: string[]): string =>
  handMadeRequest(sequence(...names.map((name) => relative(attribute(types.cn, name)))));

/** What a signer must not sign, even when somebody approved it. */
export const attacks: Attack[] = [
  ...each<[string, string]>(
    'csr-of-another-node',
    {
      serving: [
        'kubelet-serving',
        handMadeRequest(simpleName('system:node:other', 'system:nodes'), [hosts('other')]),
      ],
      client: [
        'kube-apiserver-client-kubelet',
        handMadeRequest(simpleName('system:node:other', 'system:nodes')),
      ],
      prefix: [
        'kube-apiserver-client-kubelet',
        handMadeRequest(simpleName('system:node:boats', 'system:nodes')),
      ],
      'after-its-own': [
        'kube-apiserver-client-kubelet',
        named('system:node:boat', 'system:node:other'),
      ],
      bmp: [
        'kubelet-serving',
        handMadeRequest(sequence(relative(attribute(types.cn, string.bmp('system:node:other'))))),
      ],
      'no-node': ['kubelet-serving', named('admin')],
      'no-name': ['kubelet-serving', handMadeRequest(sequence())],
      capitals: ['kubelet-serving', named('system:node:BOAT')],
    },
    asksAsNode,
  ),
  ...each(
    'csr-masters',
    {
      utf8: masters('system:masters'),
      bmp: masters(string.bmp('system:masters')),
      printable: masters(string.printable('system:masters')),
      ia5: masters(string.ia5('system:masters')),
      t61: masters(string.t61('system:masters')),
      'one-relative-name': sequence(
        relative(attribute(types.cn, 'jane'), attribute(types.o, string.bmp('system:masters'))),
      ),
      second: sequence(
        relative(attribute(types.o, 'crew')),
        relative(attribute(types.o, string.bmp('system:masters'))),
        relative(attribute(types.cn, 'jane')),
      ),
    },
    async (target, subject) =>
      what(
        await signed(target, {
          signer: 'kube-apiserver-client',
          pem: handMadeRequest(subject),
          usages: client,
        }),
      ),
  ),
  ...each(
    'csr-kubelet-client',
    {
      masters: masters('system:masters'),
      'node-in-masters': simpleName('system:node:boat', 'system:masters'),
      'node-and-masters': nodeAnd,
      'two-organizations': simpleName('system:node:boat', 'system:nodes', 'system:masters'),
      'no-node': simpleName('admin', 'system:nodes'),
      'last-name-counts': sequence(
        relative(attribute(types.o, 'system:nodes')),
        relative(attribute(types.cn, 'system:node:boat')),
        relative(attribute(types.cn, 'admin')),
      ),
    },
    async (target, subject) =>
      what(
        await signed(target, {
          signer: 'kube-apiserver-client-kubelet',
          pem: handMadeRequest(subject),
          usages: client,
        }),
      ),
  ),
  ...each<Asked>(
    'csr-rules',
    {
      'kubelet-client-with-host': {
        signer: 'kube-apiserver-client-kubelet',
        pem: handMadeRequest(node, [hosts('kubernetes.default.svc')]),
        usages: client,
      },
      'kubelet-client-for-serving': {
        signer: 'kube-apiserver-client-kubelet',
        pem: handMadeRequest(node),
        usages: [...client, 'server auth'],
      },
      'client-signs': {
        signer: 'kube-apiserver-client',
        pem: handMadeRequest(simpleName('jane')),
        usages: ['client auth', 'cert sign'],
      },
      'client-serves': {
        signer: 'kube-apiserver-client',
        pem: handMadeRequest(simpleName('jane'), [hosts('kubernetes')]),
        usages: ['client auth', 'server auth'],
      },
      'serving-without-node': {
        signer: 'kubelet-serving',
        pem: handMadeRequest(simpleName('boat', 'system:nodes'), [hosts('boat')]),
        usages: serving,
      },
      'serving-as-client': {
        signer: 'kubelet-serving',
        pem: handMadeRequest(node, [hosts('boat')]),
        usages: client,
      },
      'serving-masters': {
        signer: 'kubelet-serving',
        pem: handMadeRequest(nodeAnd, [addresses([192, 0, 2, 1])]),
        usages: serving,
      },
    },
    async (target, asked) => what(await signed(target, asked)),
  ),
  ...each(
    'csr-unreadable',
    {
      'no-request':
        '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      'not-base64':
        '-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n',
      nested:
        '-----BEGIN CERTIFICATE REQUEST-----\n' +
        `${Buffer.alloc(6000, Buffer.from([0x30, 0x80])).toString('base64')}\n-----END ` +
        'CERTIFICATE REQUEST-----\n',
      'other-signature': handMadeRequest(simpleName('jane')).replace(
        /^(.*\n.{20})(.)/,
        (_all, head: string, char: string) => head + (char === 'A' ? 'B' : 'A'),
      ),
      twice: handMadeRequest(simpleName('jane'), [hosts('a'), hosts('b')]),
    },
    async (target, pem) => {
      const { answer } = await ask(target, {
        signer: 'kube-apiserver-client',
        pem,
        usages: client,
      });
      return answer.status === 422 || answer.status === 400 || answer.status === 403
        ? undefined
        : `answers ${answer.status}`;
    },
  ),
  ...each(
    'csr-years',
    { ten: 10 * 365 * 24 * 3600, 'thirteen-months': 400 * 24 * 3600, most: 2 ** 31 - 1 },
    async (target, seconds) => {
      const certificate = await signed(target, {
        signer: 'kube-apiserver-client',
        pem: handMadeRequest(simpleName('jane')),
        usages: client,
        seconds,
      });
      return certificate && Date.parse(certificate.validTo) - Date.now() > 366 * 24 * 3600_000
        ? what(certificate)
        : undefined;
    },
  ),
  ...each(
    'csr-hour',
    { hour: 3600, 'ten-minutes': 600, 'seven-hours': 7 * 3600 },
    async (target, seconds) => {
      const certificate = await signed(target, {
        signer: 'kube-apiserver-client',
        pem: handMadeRequest(simpleName('jane')),
        usages: client,
        seconds,
      });
      if (!certificate) throw new Error('an ordinary request was refused');
      const life = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 1000;
      return life > seconds + 360 ? `${seconds} s were asked for, and it lives ${life}` : undefined;
    },
  ),
];
