import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts';
import { refs } from '../../client/refs.ts';
import { handMadeRequest, simpleName } from '../../pki/testing/hand-made.ts';
import { liveCluster, type LiveCluster } from '../live-cluster.fake.ts';

/** Against the real API server with the controller's real account. */
let c: LiveCluster;
beforeAll(async () => {
  c = await liveCluster();
  const grant = (name: string, subresource: string, user: string): Promise<unknown>[] => [
    c.admin.create(refs.clusterRoles, {
      metadata: { name },
      rules: [
        {
          apiGroups: ['certificates.k8s.io'],
          resources: [`certificatesigningrequests/${subresource}`],
          verbs: ['create'],
        },
      ],
    }),
    c.admin.create(refs.clusterRoleBindings, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    }),
    c.admin.create(refs.clusterRoleBindings, {
      metadata: { name: `${name}-ask` },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: 'system:node-bootstrapper',
      },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    }),
  ];
  await Promise.all([
    ...grant('renew', 'selfnodeclient', 'system:node:boat'),
    ...grant('join', 'nodeclient', 'joiner'),
    ...grant('other', 'other', 'asker'),
  ]);
}, 20_000);
afterAll(() => c.stop());

const node = simpleName('system:node:boat', 'system:nodes');

let made = 0;

/** Makes a request as a user: it says who asked. Returns how to read its conditions. */
async function ask(
  user: string,
  subject: Buffer,
  signer: string,
): Promise<() => Promise<object[]>> {
  const name = `csr-${made++}`;
  const spec = {
    signerName: `kubernetes.io/${signer}`,
    usages: ['client auth', 'digital signature'],
    request: Buffer.from(handMadeRequest(subject)).toString('base64'),
  };
  await c
    .as({ name: user, groups: [] })
    .create(refs.certificateSigningRequests, { metadata: { name }, spec });
  return async () =>
    (await c.admin.get<CertificateSigningRequest>(refs.certificateSigningRequests, { name })).status
      ?.conditions ?? [];
}

const approved = (conditions: () => Promise<object[]>, message: string): Promise<void> =>
  vi.waitFor(
    async () =>
      expect(await conditions()).toMatchObject([
        {
          type: 'Approved',
          status: 'True',
          reason: 'AutoApproved',
          message: `Auto approving ${message} after SubjectAccessReview.`,
        },
      ]),
    { timeout: 5000 },
  );

test.each([
  ['a node renews its own', 'system:node:boat', 'self kubelet client certificate'],
  ['who may let nodes join', 'joiner', 'kubelet client certificate'],
])('approved: %s', async (_what, user, message) =>
  approved(await ask(user, node, 'kube-apiserver-client-kubelet'), message),
);

test.each([
  [
    'a node asks for another',
    'system:node:boat',
    simpleName('system:node:ship', 'system:nodes'),
    'kube-apiserver-client-kubelet',
  ],
  ['somebody who may only ask', 'asker', node, 'kube-apiserver-client-kubelet'],
  ['another signer', 'joiner', node, 'kube-apiserver-client'],
  ['no node', 'joiner', simpleName('jane', 'system:masters'), 'kube-apiserver-client-kubelet'],
])('left to people: %s', async (_what, user, subject, signer) => {
  const conditions = await ask(user, subject, signer);
  // One that came later has been dealt with, so this one has been looked at.
  await approved(
    await ask('joiner', node, 'kube-apiserver-client-kubelet'),
    'kubelet client certificate',
  );
  expect(await conditions()).toEqual([]);
});
