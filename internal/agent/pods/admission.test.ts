import { partOf } from '../../base/testing/part-of.ts';
import { expect, it } from 'vitest';
import type { Node, Pod } from '../../api/generated/types/core-v1.ts';
import { refusalOf } from './admission.ts';

const pod = (uid: string, spec: object): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid, name: uid, namespace: 'n' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  }) as Pod;
const node = partOf<Node>({ metadata: { name: 'here', labels: { disk: 'ssd' } }, spec: {} });
const ask = (p: Pod, others: Pod[] = []) =>
  refusalOf({
    pod: p,
    node,
    allocatable: { cpu: '1', memory: '1Gi', pods: '3' },
    others,
    unsafeSysctls: ['net.core.*'],
    facts,
  });
const facts = { appArmor: false };
const asking = (cpu: string) => ({
  containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }],
});
const port = (hostPort: number, more = {}) => ({
  containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort, ...more }] }],
});

it('takes what fits', () => {
  expect(ask(pod('a', asking('500m')), [pod('b', asking('500m'))])).toBeUndefined();
  expect(ask(pod('a', { nodeSelector: { disk: 'ssd' } }))).toBeUndefined();
});

it('refuses what does not, in the words of the kubelet', () => {
  expect(ask(pod('a', asking('600m')), [pod('b', asking('500m'))])?.reason).toBe('OutOfcpu');
  expect(
    ask(
      pod('a', {}),
      ['b', 'c', 'd'].map((u) => pod(u, {})),
    )?.reason,
  ).toBe('OutOfpods');
  expect(ask(pod('a', { nodeSelector: { disk: 'hdd' } }))?.reason).toBe('NodeAffinity');
  expect(ask(pod('a', port(80)), [pod('b', port(80, { hostIP: '127.0.0.1' }))])?.reason).toBe(
    'NodePorts',
  );
  expect(ask(pod('a', port(80)), [pod('b', port(80, { protocol: 'UDP' }))])).toBeUndefined();
});

it('lets only safe sysctls through, and those that the operator allows', () => {
  const sysctl = (name: string) =>
    ask(pod('a', { securityContext: { sysctls: [{ name, value: '1' }] } }));
  expect(sysctl('kernel.shm_rmid_forced')).toBeUndefined();
  expect(sysctl('net.core.somaxconn')).toBeUndefined();
  expect(sysctl('kernel.msgmax')).toEqual({
    reason: 'SysctlForbidden',
    message: 'forbidden sysctl: "kernel.msgmax" not allowlisted',
  });
  for (const name of [
    'net.core.',
    'net.core.../../kernel/core_pattern',
    'net.core./x',
    'net.core.x\n',
    'net.core. x',
    '',
  ])
    expect(sysctl(name)?.reason).toBe('SysctlForbidden');
});
