import { randomBytes } from 'node:crypto';
import { each, type Attack } from '../attack.ts';
import { at, type Target } from '../target.ts';

const sleeper = (target: Target, more: object = {}): object => ({
  name: 'c',
  image: target.image,
  imagePullPolicy: 'IfNotPresent',
  command: ['sleep', '3600'],
  ...more,
});

/** Runs a pod and waits until it does. */
export async function running(target: Target, ns: string, spec: object): Promise<string> {
  const name = `p-${randomBytes(3).toString('hex')}`;
  await target.make(`/api/v1/namespaces/${ns}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { nodeName: target.node, terminationGracePeriodSeconds: 0, ...spec },
  });
  await target.until(
    `pod ${name} runs`,
    async () =>
      at(
        (await target.call({ path: `/api/v1/namespaces/${ns}/pods/${name}` })).json,
        'status',
        'phase',
      ) === 'Running',
  );
  return name;
}

/**
 * Shell text that sets `file` to the place on the node of what a pod has mounted at `mountPath`.
 */
const placeOf = (mountPath: string): string =>
  `set -- $(grep -h ' ${mountPath} ' /proc/[0-9]*/mountinfo | head -1); base=$(awk -v d="$3" ` +
  `'$3==d && $4=="/" {print $5; exit}' /proc/self/mountinfo); file="$base$4"`;

/**
 * Shell text after which `nobody COMMAND...` runs as somebody who has an account on the node, and
 * nothing else. Busybox' own chroot knows no users.
 */
const nobody =
  'c=$(ls /usr/sbin/chroot /usr/bin/chroot 2>/dev/null | head -1); nobody() { $c ' +
  '--userspec=65534:65534 / "$@" 2>/dev/null; }; [ "$(nobody id -u)" = 65534 ] || exit 4';

/** A user of the node's operating system reads what pods and the node itself keep to themselves. */
const localUser: Attack[] = [
  ...each(
    'local-user-reads',
    {
      secret: { volume: { secret: { secretName: 's' } }, file: 'key' },
      token: {
        volume: {
          projected: {
            sources: [{ serviceAccountToken: { path: 'key', expirationSeconds: 3600 } }],
          },
        },
        file: 'key',
      },
      'projected-secret': {
        volume: { projected: { sources: [{ secret: { name: 's' } }] } },
        file: 'key',
      },
      'secret-for-all-modes': {
        volume: { secret: { secretName: 's', defaultMode: 0o777 } },
        file: 'key',
      },
    },
    async (target, { volume, file }) => {
      const ns = await target.namespace();
      await target.make(`/api/v1/namespaces/${ns}/secrets`, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 's' },
        stringData: { key: 'precious' },
      });
      const mountPath = `/attack-${randomBytes(4).toString('hex')}`;
      await running(target, ns, {
        volumes: [{ name: 'v', ...volume }],
        containers: [sleeper(target, { volumeMounts: [{ name: 'v', mountPath }] })],
      });
      const said = await target.onNode(
        `${placeOf(mountPath)}; [ -s "$file/${file}" ] || exit 3; ${nobody}; nobody cat ` +
          `"$file/${file}" || echo refused`,
      );
      return said.trim() === 'refused'
        ? undefined
        : `a local user reads ${mountPath}: ${said.slice(0, 40)}`;
    },
    { needsNode: true },
  ),
  ...each(
    'local-user-finds',
    {
      'private-keys':
        'find /var/lib /etc /run -xdev -type f \\( -path "*skiff*" -o -path "*rancher*" -o ' +
        '-path "*kube*" \\) -size -64k -exec grep -ls "PRIVATE KEY" {} + 2>/dev/null | head ' +
        '-3',
      kubeconfigs:
        'find /var/lib /etc /run -xdev -type f \\( -path "*skiff*" -o -path "*rancher*" -o ' +
        '-path "*kube*" \\) -size -64k -exec grep -lsE "client-key-data|^ *token:" {} + ' +
        '2>/dev/null | head -3',
      'join-tokens':
        'find /var/lib /etc -xdev -type f \\( -name "*token*" -o -name "*.env" \\) \\( -path ' +
        '"*skiff*" -o -path "*rancher*" \\) -readable -size +0 2>/dev/null | head -3',
      'runtime-sockets':
        'find /run -xdev -type s \\( -path "*skiff*" -o -path "*k3s*" -o -path ' +
        '"*containerd*" \\) -writable 2>/dev/null | head -3',
      logs: 'find /var/log -xdev -maxdepth 1 -name "skiff*" -readable 2>/dev/null | head -3',
    },
    async (target, find) => {
      const said = await target.onNode(`${nobody}\nnobody sh <<'EOF'\n${find}\nEOF\ntrue`);
      return said.trim() === ''
        ? undefined
        : `a local user has ${said.trim().split('\n').join(', ')}`;
    },
    { needsNode: true },
  ),
];

/**
 * Each pod's last step needs the one before to be noticed without any help: `Init:1/3` forever is
 * a pod that never serves.
 */
const chains: Attack[] = each(
  'init-chain-hangs',
  {
    sidecars: [
      { restartPolicy: 'Always' },
      { restartPolicy: 'Always' },
      { restartPolicy: 'Always' },
    ],
    'sidecar-then-init': [{ restartPolicy: 'Always' }, { command: ['true'] }],
    'probed-sidecar': [
      { restartPolicy: 'Always', startupProbe: { exec: { command: ['true'] }, periodSeconds: 1 } },
      { restartPolicy: 'Always' },
      { command: ['true'] },
    ],
    'sidecar-with-hook': [
      { restartPolicy: 'Always', lifecycle: { postStart: { exec: { command: ['true'] } } } },
      { restartPolicy: 'Always' },
    ],
  },
  async (target, chain) => {
    const ns = await target.namespace();
    const initContainers = chain.map((more, i) => sleeper(target, { name: `i${i}`, ...more }));
    try {
      await running(target, ns, { initContainers, containers: [sleeper(target)] });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  },
  { needsNode: true },
);

export const attacks: Attack[] = [...localUser, ...chains];
