import { randomBytes } from 'node:crypto';
import { each } from '../attack.ts';
import { at, list, type Target } from '../target.ts';

const ranges = '/apis/networking.k8s.io/v1/servicecidrs';

/** A range of its own that answers Ready; any two attacks have two. */
async function madeRange(target: Target): Promise<{ name: string; prefix: string }> {
  const [a = 0, b = 0] = randomBytes(2);
  const prefix = `10.${200 + (a % 50)}.${b}`;
  const name = `attack-${a}-${b}`;
  await target.make(ranges, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name },
    spec: { cidrs: [`${prefix}.0/28`] },
  });
  await target.until(
    'the range is ready',
    async () => ready(await target.must('GET', `${ranges}/${name}`)) === 'True',
  );
  return { name, prefix };
}

const ready = (range: Record<string, unknown>): unknown =>
  list(range, 'status', 'conditions').find((one) => one['type'] === 'Ready')?.['status'];
const service = (name: string, clusterIP: string): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { clusterIP, ports: [{ port: 80 }] },
});

/** Creates with the address until the API servers have heard of the range. */
async function holds(target: Target, ns: string, name: string, ip: string): Promise<void> {
  await target.until(
    `a service has ${ip}`,
    async () =>
      (
        await target.call({
          method: 'POST',
          path: `/api/v1/namespaces/${ns}/services`,
          body: service(name, ip),
        })
      ).status === 201,
  );
}

/** What must not get an address of an added range, by the end of the address. */
const refused = { network: '0', broadcast: '15', beyond: '16', taken: '3' };

/**
 * A pod that serves, behind a service with an address of an added range; resolves once the node
 * carries it out.
 */
async function served(
  target: Target,
): Promise<{ ask(script: string): Promise<string>; prefix: string }> {
  const ns = await target.namespace();
  const { prefix } = await madeRange(target);
  const command = [
    'sh',
    '-c',
    'mkdir /tmp/w && echo carried-out > /tmp/w/index.html && exec httpd -f -p 8080 -h /tmp/w',
  ];
  const spec = {
    nodeName: target.node,
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [{ name: 'c', image: target.image, imagePullPolicy: 'IfNotPresent', command }],
  };
  await target.must('POST', `/api/v1/namespaces/${ns}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec,
  });
  await target.until('a service has the address', async () => {
    const body = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: {
        clusterIP: `${prefix}.9`,
        selector: { app: 'web' },
        ports: [{ port: 80, targetPort: 8080 }],
      },
    };
    return (
      (await target.call({ method: 'POST', path: `/api/v1/namespaces/${ns}/services`, body }))
        .status === 201
    );
  });
  await target.until(
    'the pod runs',
    async () =>
      at(
        (await target.call({ path: `/api/v1/namespaces/${ns}/pods/web` })).json,
        'status',
        'phase',
      ) === 'Running',
  );
  const ask = (script: string): Promise<string> =>
    target.kubectl(['-n', ns, 'exec', 'web', '--', 'sh', '-c', script]);
  await target.until('the service answers', async () =>
    (await ask(`timeout 2 wget -q -O - http://${prefix}.9/ 2>/dev/null || sleep 1`)).includes(
      'carried-out',
    ),
  );
  return { ask, prefix };
}

export const attacks = [
  ...each(
    'packets-to-nobody-in-added-range',
    { first: '1', next: '8', last: '14', 'other-port': '9' },
    async (target, last) => {
      const { ask, prefix } = await served(target);
      const said = await ask(
        `timeout 4 nc -w 3 ${prefix}.${last} ${last === '9' ? 81 : 80} </dev/null 2>&1; true`,
      );
      return said.includes('refused')
        ? undefined
        : `what goes to ${prefix}.${last} left the node: ${said.slice(0, 100)}`;
    },
    { needsNode: true },
  ),
  ...each('address-of-added-range', refused, async (target, last) => {
    const ns = await target.namespace();
    const { prefix } = await madeRange(target);
    await holds(target, ns, 'first', `${prefix}.3`);
    const answer = await target.call({
      method: 'POST',
      path: `/api/v1/namespaces/${ns}/services`,
      body: service('second', `${prefix}.${last}`),
    });
    return answer.status === 422 ? undefined : `${prefix}.${last} was given away: ${answer.status}`;
  }),
  ...each(
    'range-goes-under-its-services',
    {
      plain: '',
      'no-grace': '?gracePeriodSeconds=0',
      foreground: '?propagationPolicy=Foreground',
      orphan: '?propagationPolicy=Orphan',
    },
    async (target, how) => {
      const ns = await target.namespace();
      const { name, prefix } = await madeRange(target);
      await holds(target, ns, 'web', `${prefix}.5`);
      await target.call({ method: 'DELETE', path: `${ranges}/${name}${how}` });
      // One that went at once has no condition.
      await target.until('the range says that it is used, or is gone', async () => {
        const { status, json } = await target.call({ path: `${ranges}/${name}` });
        return status === 404 || ready(json) === 'False';
      });
      const still = await target.call({ path: `${ranges}/${name}` });
      return still.status === 200
        ? undefined
        : `the range of ${prefix}.5 is gone while a service has it`;
    },
  ),
];
