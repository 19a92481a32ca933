import { expect, test } from 'vitest';
import { readRequest } from '../../base/x509/request.ts';
import { sequence } from '../../pki/der.ts';
import {
  addresses,
  attribute,
  emails,
  handMadeRequest,
  hosts,
  relative,
  simpleName,
  string,
  types,
  uris,
} from '../../pki/testing/hand-made.ts';
import { signerFault } from './signer-rules.ts';

const node = simpleName('system:node:boat', 'system:nodes');
const both = sequence(
  relative(attribute(types.o, 'system:nodes'), attribute(types.o, 'system:masters')),
  relative(attribute(types.cn, 'system:node:boat')),
);
const client = ['client auth', 'digital signature'];
const serving = ['server auth', 'digital signature', 'key encipherment'];
const organization = 'subject organization is not system:nodes';
const commonName = 'subject common name does not begin with system:node:';

type Case = [
  signer: string,
  subject: Buffer,
  extensions: Buffer[],
  usages: string[],
  fault: string | undefined,
];

test.each<Case>([
  ['kube-apiserver-client', simpleName('jane', 'crew'), [], ['client auth'], undefined],
  ['kube-apiserver-client', simpleName('jane'), [], client, undefined],
  [
    'kube-apiserver-client',
    simpleName('jane'),
    [],
    ['digital signature'],
    'missing required usage for client certificate: client auth',
  ],
  [
    'kube-apiserver-client',
    simpleName('jane'),
    [],
    ['client auth', 'server auth'],
    'invalid usage for client certificate: server auth',
  ],
  [
    'kube-apiserver-client',
    simpleName('jane'),
    [],
    ['client auth', 'cert sign'],
    'invalid usage for client certificate: cert sign',
  ],
  [
    'kube-apiserver-client',
    sequence(relative(attribute(types.o, string.bmp('system:masters')))),
    [],
    client,
    'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
  ],
  ['kube-apiserver-client-kubelet', node, [], client, undefined],
  [
    'kube-apiserver-client-kubelet',
    node,
    [],
    ['client auth', 'digital signature', 'key encipherment'],
    undefined,
  ],
  ['kube-apiserver-client-kubelet', simpleName('jane', 'system:masters'), [], client, organization],
  [
    'kube-apiserver-client-kubelet',
    simpleName('system:node:boat', 'system:masters'),
    [],
    client,
    organization,
  ],
  [
    'kube-apiserver-client-kubelet',
    simpleName('system:node:boat', 'system:nodes', 'system:masters'),
    [],
    client,
    organization,
  ],
  ['kube-apiserver-client-kubelet', both, [], client, organization],
  ['kube-apiserver-client-kubelet', simpleName('system:node:boat'), [], client, organization],
  ['kube-apiserver-client-kubelet', simpleName('jane', 'system:nodes'), [], client, commonName],
  [
    'kube-apiserver-client-kubelet',
    node,
    [hosts('a')],
    client,
    'DNS subjectAltNames are not allowed',
  ],
  [
    'kube-apiserver-client-kubelet',
    node,
    [addresses([192, 0, 2, 1])],
    client,
    'IP subjectAltNames are not allowed',
  ],
  [
    'kube-apiserver-client-kubelet',
    node,
    [emails('a@b.c')],
    client,
    'Email subjectAltNames are not allowed',
  ],
  [
    'kube-apiserver-client-kubelet',
    node,
    [uris('http://a.b')],
    client,
    'URI subjectAltNames are not allowed',
  ],
  [
    'kube-apiserver-client-kubelet',
    node,
    [],
    [...client, 'server auth'],
    'usages did not match [client auth digital signature key encipherment]',
  ],
  ['kubelet-serving', node, [hosts('boat')], serving, undefined],
  [
    'kubelet-serving',
    node,
    [addresses([192, 0, 2, 1])],
    ['server auth', 'digital signature'],
    undefined,
  ],
  ['kubelet-serving', node, [], serving, 'DNS or IP subjectAltName is required'],
  [
    'kubelet-serving',
    node,
    [hosts('boat')],
    client,
    'usages did not match [digital signature key encipherment server auth]',
  ],
  ['kubelet-serving', simpleName('boat', 'system:nodes'), [hosts('boat')], serving, commonName],
  ['kubelet-serving', both, [hosts('boat')], serving, organization],
])('%s', (signer, subject, extensions, usages, fault) => {
  expect(
    signerFault(
      `kubernetes.io/${signer}`,
      readRequest(handMadeRequest(subject, extensions)),
      usages,
    ),
  ).toBe(fault);
});
