import { each, type Attack } from '../attack.ts';
import { type Json, type Target } from '../target.ts';
import { unless } from './authz.ts';

const standard = (mode: string): string => `pod-security.kubernetes.io/${mode}`;

/** Labels that mean no level or no version. */
const labels: Record<string, Record<string, string>> = {
  capital: { [standard('enforce')]: 'Restricted' },
  spaced: { [standard('enforce')]: 'restrict' },
  empty: { [standard('enforce')]: '' },
  audit: { [standard('audit')]: 'Baseline' },
  warn: { [standard('warn')]: 'none' },
  proto: { [standard('enforce')]: 'constructor' },
  version: { [standard('enforce-version')]: '1.24' },
  'version-patch': { [standard('enforce-version')]: 'v1.24.1' },
  'version-zero': { [standard('warn-version')]: 'v1.01' },
};

async function makesNamespace(
  target: Target,
  wrong: Record<string, string>,
): Promise<string | undefined> {
  const ns = await target.namespace();
  const body = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: `${ns}-x`, labels: wrong },
  };
  target.later(() => target.call({ method: 'DELETE', path: `/api/v1/namespaces/${ns}-x` }));
  const made = unless(
    await target.call({ method: 'POST', path: '/api/v1/namespaces', body }),
    [422],
    `a namespace with ${JSON.stringify(wrong)}`,
  );
  const path = `/api/v1/namespaces/${ns}`;
  return (
    made ??
    unless(
      await target.call({
        method: 'PATCH',
        path,
        type: 'application/merge-patch+json',
        body: { metadata: { labels: wrong } },
      }),
      [422],
      `labels ${JSON.stringify(wrong)} later`,
    )
  );
}

/** What a container of the restricted level says. */
const good: Json = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

/** Fields of containers that a level forbids, each tried in all three kinds of containers. */
const contexts: Record<string, ['baseline' | 'restricted', Json]> = {
  privileged: ['baseline', { privileged: true }],
  'added-capability': ['baseline', { capabilities: { add: ['SYS_ADMIN'] } }],
  'all-capabilities': ['baseline', { capabilities: { add: ['ALL'] } }],
  'windows-host-process': ['baseline', { windowsOptions: { hostProcess: true } }],
  seccomp: ['baseline', { seccompProfile: { type: 'Unconfined' } }],
  apparmor: ['baseline', { appArmorProfile: { type: 'Unconfined' } }],
  'selinux-type': ['baseline', { seLinuxOptions: { type: 'spc_t' } }],
  'selinux-user': ['baseline', { seLinuxOptions: { user: 'root' } }],
  'selinux-role': ['baseline', { seLinuxOptions: { role: 'r' } }],
  escalation: ['restricted', { ...good, allowPrivilegeEscalation: true }],
  'escalation-unset': ['restricted', { ...good, allowPrivilegeEscalation: undefined }],
  'not-dropped': ['restricted', { ...good, capabilities: { drop: ['NET_RAW'] } }],
  'added-one': ['restricted', { ...good, capabilities: { drop: ['ALL'], add: ['CHOWN'] } }],
  root: ['restricted', { ...good, runAsNonRoot: false }],
  'root-unset': ['restricted', { ...good, runAsNonRoot: undefined }],
  'user-zero': ['restricted', { ...good, runAsUser: 0 }],
  'no-seccomp': ['restricted', { ...good, seccompProfile: undefined }],
  'seccomp-unconfined': ['restricted', { ...good, seccompProfile: { type: 'Unconfined' } }],
};

/** Fields of the pod that a level forbids while all containers are good. */
const specs: Record<string, ['baseline' | 'restricted', Json]> = {
  'host-network': ['baseline', { hostNetwork: true }],
  'host-pid': ['baseline', { hostPID: true }],
  'host-ipc': ['baseline', { hostIPC: true }],
  'host-path': ['baseline', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }],
  sysctl: ['baseline', { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }],
  'pod-seccomp': ['baseline', { securityContext: { seccompProfile: { type: 'Unconfined' } } }],
  'pod-seccomp-restricted': [
    'restricted',
    { securityContext: { seccompProfile: { type: 'Unconfined' } } },
  ],
  'pod-apparmor': ['baseline', { securityContext: { appArmorProfile: { type: 'Unconfined' } } }],
  'pod-selinux': ['baseline', { securityContext: { seLinuxOptions: { type: 'spc_t' } } }],
  'pod-windows': [
    'baseline',
    { hostNetwork: true, securityContext: { windowsOptions: { hostProcess: true } } },
  ],
  'pod-root': ['restricted', { securityContext: { runAsNonRoot: false } }],
  'pod-user-zero': ['restricted', { securityContext: { runAsUser: 0 } }],
  nfs: ['restricted', { volumes: [{ name: 'v', nfs: { server: 's', path: '/' } }] }],
  iscsi: [
    'restricted',
    {
      volumes: [
        {
          name: 'v',
          iscsi: { targetPortal: '192.0.2.1', iqn: 'iqn.2001-04.com.example:x', lun: 0 },
        },
      ],
    },
  ],
};

const container = (more: Json = {}): Json => ({
  name: 'c',
  image: 'x',
  securityContext: good,
  ...more,
});

/** Fields of a container outside its security context. */
const parts: Record<string, Json> = {
  'host-port': { ports: [{ containerPort: 80, hostPort: 80 }] },
  'probe-host': { livenessProbe: { httpGet: { port: 80, host: '169.254.169.254' } } },
  'probe-tcp-host': { readinessProbe: { tcpSocket: { port: 80, host: '127.0.0.1' } } },
  'hook-host': { lifecycle: { postStart: { httpGet: { port: 80, host: '127.0.0.1' } } } },
};

async function makesPod(target: Target, level: string, spec: Json): Promise<string | undefined> {
  const ns = await target.namespace({ [standard('enforce')]: level });
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { schedulerName: 'none', ...spec },
  };
  const answer = await target.call({ method: 'POST', path: `/api/v1/namespaces/${ns}/pods`, body });
  if (answer.status === 403 && !answer.text.includes('violates PodSecurity'))
    return `refused for another reason: ${answer.text.slice(0, 200)}`;
  // Some of it no pod may have at all.
  return unless(answer, [403, 422], `a pod in a ${level} namespace`);
}

/** The same in containers that start first, and in those that are added to a running pod. */
async function inContainers(
  target: Target,
  [level, securityContext]: (typeof contexts)[string],
): Promise<string | undefined> {
  const direct = await makesPod(target, level, { containers: [container({ securityContext })] });
  if (direct) return direct;
  const first = await makesPod(target, level, {
    containers: [container()],
    initContainers: [container({ name: 'i', securityContext })],
  });
  if (first) return `as init container: ${first}`;
  const ns = await target.namespace({ [standard('enforce')]: level });
  const path = `/api/v1/namespaces/${ns}/pods`;
  await target.make(path, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { schedulerName: 'none', containers: [container()] },
  });
  const body = { spec: { ephemeralContainers: [container({ name: 'e', securityContext })] } };
  return unless(
    await target.call({
      method: 'PATCH',
      path: `${path}/p/ephemeralcontainers`,
      type: 'application/strategic-merge-patch+json',
      body,
    }),
    [403, 422],
    `an ephemeral container in a ${level} namespace`,
  );
}

const inHost: Json = { securityContext: { windowsOptions: { hostProcess: true } } };
const notInHost: Json = { securityContext: { windowsOptions: { hostProcess: false } } };

/** Windows pods that are in the host only by half: no level forbids them, the API does. */
const halves: Record<string, Json> = {
  'no-host-network': { ...inHost, containers: [{ name: 'c', image: 'x' }] },
  'container-without-host-network': { containers: [{ name: 'c', image: 'x', ...inHost }] },
  'init-without-host-network': {
    containers: [{ name: 'c', image: 'x', ...inHost }],
    initContainers: [{ name: 'i', image: 'x', ...inHost }],
  },
  'one-of-two': {
    hostNetwork: true,
    containers: [
      { name: 'c', image: 'x', ...inHost },
      { name: 'd', image: 'x' },
    ],
  },
  'init-only': {
    hostNetwork: true,
    containers: [{ name: 'c', image: 'x' }],
    initContainers: [{ name: 'i', image: 'x', ...inHost }],
  },
  'container-against-pod': {
    hostNetwork: true,
    ...notInHost,
    containers: [{ name: 'c', image: 'x', ...inHost }],
  },
  'pod-against-container': {
    hostNetwork: true,
    ...inHost,
    containers: [{ name: 'c', image: 'x', ...notInHost }],
  },
};

/** As a pod, and as the template of one. */
async function halfInHost(target: Target, spec: Json): Promise<string | undefined> {
  const ns = await target.namespace();
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { schedulerName: 'none', ...spec },
  };
  const pod = unless(
    await target.call({ method: 'POST', path: `/api/v1/namespaces/${ns}/pods`, body }),
    [422],
    'a pod',
  );
  const labels = { app: 'a' };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd' },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec },
    },
  };
  return (
    pod ??
    unless(
      await target.call({
        method: 'POST',
        path: `/apis/apps/v1/namespaces/${ns}/deployments`,
        body: deployment,
      }),
      [422],
      'a template',
    )
  );
}

export const attacks: Attack[] = [
  ...each('windows-host-process', halves, halfInHost),
  ...each('pod-security-labels', labels, makesNamespace),
  ...each('pod-security-container', contexts, inContainers),
  ...each('pod-security-pod', specs, (target, [level, spec]) =>
    makesPod(target, level, { containers: [container()], ...spec }),
  ),
  ...each('pod-security-part', parts, (target, part) =>
    makesPod(target, 'baseline', { containers: [container(part)] }),
  ),
];
