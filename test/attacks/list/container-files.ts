import { randomBytes } from 'node:crypto';
import { each, type Attack } from '../attack.ts';
import { at, list, type Target } from '../target.ts';

/**
 * What a container leaves behind is read by the node: it must neither wait for it nor take all of
 * it into memory.
 */
const longestMessageBytes = 4096;

const container = (target: Target, name: string, script: string, more: object = {}): object => ({
  name,
  image: target.image,
  imagePullPolicy: 'IfNotPresent',
  command: ['sh', '-c', script],
  ...more,
});

/**
 * A pod that runs to its end; returns the messages of its containers. Throws when the node does not
 * notice the end in time.
 */
async function finished(target: Target, ns: string, spec: object): Promise<string[]> {
  const name = `p-${randomBytes(3).toString('hex')}`;
  const path = `/api/v1/namespaces/${ns}/pods`;
  await target.make(path, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      nodeName: target.node,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      ...spec,
    },
  });
  await target.until(
    `pod ${name} has ended`,
    async () =>
      ['Succeeded', 'Failed'].includes(
        String(
          at(
            (await target.call({ path: `${path}/${name}`, timeoutMs: 10_000 })).json,
            'status',
            'phase',
          ),
        ),
      ),
    120_000,
  );
  return list(
    (await target.call({ path: `${path}/${name}` })).json,
    'status',
    'containerStatuses',
  ).map((s) => String(at(s, 'state', 'terminated', 'message') ?? ''));
}

/**
 * One file of a volume in the place of each container's message; six, as the thread pool has four.
 */
function messagesFrom(target: Target, make: string): object {
  const names = ['1', '2', '3', '4', '5', '6'];
  const volumes = [{ name: 'v', emptyDir: {} }];
  const initContainers = [
    container(target, 'i', `for f in ${names.join(' ')}; do ${make}; done`, {
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    }),
  ];
  const containers = names.map((n) =>
    container(target, `c${n}`, 'exit 0', {
      terminationMessagePath: `/x/${n}`,
      volumeMounts: [{ name: 'v', mountPath: `/x/${n}`, subPath: n }],
    }),
  );
  return { volumes, initContainers, containers };
}

export const attacks: Attack[] = [
  ...each(
    'termination-message',
    {
      fifo: 'mkfifo -m 666 /v/$f',
      'endless-device': 'mknod -m 666 /v/$f c 1 5',
      'sparse-file': 'truncate -s 1800M /v/$f',
      'long-file': 'yes abc | head -c 20000000 > /v/$f',
      folder: 'mkdir /v/$f',
      'link-to-a-device': 'ln -s /dev/zero /v/$f',
      'link-to-the-host': 'ln -s /etc/shadow /v/$f',
    },
    async (target, make) => {
      const ns = await target.namespace();
      const bad = finished(target, ns, messagesFrom(target, make)).catch((error: Error) =>
        make.startsWith('ln') ? [] : [`STUCK ${error.message}`],
      );
      const messages = make.startsWith('ln')
        ? await Promise.race([
            bad,
            new Promise<string[]>((resolve) => setTimeout(() => resolve([]), 5000)),
          ])
        : await bad;
      const long = messages.find(
        (m) =>
          m.startsWith('STUCK') ||
          m.includes('root:') ||
          Buffer.byteLength(m) > longestMessageBytes,
      );
      if (long !== undefined)
        return `the message is ${long.slice(0, 200)} (${Buffer.byteLength(long)} bytes)`;
      // And the node still starts and ends pods.
      await finished(target, ns, { containers: [container(target, 'after', 'exit 0')] });
      return undefined;
    },
    { needsNode: true },
  ),
  {
    name: 'termination-messages-fill-the-status',
    needsNode: true,
    async run(target) {
      const ns = await target.namespace();
      const containers = ['1', '2', '3', '4', '5', '6'].map((n) =>
        container(target, `c${n}`, 'yes x | head -c 6000 > /dev/termination-log'),
      );
      const total = (await finished(target, ns, { containers })).reduce(
        (sum, m) => sum + Buffer.byteLength(m),
        0,
      );
      return total <= 12 * 1024 ? undefined : `the messages of one pod have ${total} bytes`;
    },
  },
];
