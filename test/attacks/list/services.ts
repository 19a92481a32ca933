import { randomBytes } from 'node:crypto';
import { each } from '../attack.ts';
import { at, list, type Target } from '../target.ts';

const ranges = '/apis/networking.k8s.io/v1/servicecidrs';

/** A range of its own that answers Ready; any two attacks have two. */
async function madeRange(target: Target): Promise<{ name: string; prefix: string }> {
  const [a = 0, b = 0] = randomBytes(2);
  const prefix = `10.${200 + (a % 50)}.${b}`;
  const name = `attack-${a}-${b}`;
  await target.make(ranges, { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name }, spec: { cidrs: [`${prefix}.0/28`] } });
  await target.until('the range is ready', async () => ready(await target.must('GET', `${ranges}/${name}`)) === 'True');
  return { name, prefix };
}

const ready = (range: Record<string, unknown>): unknown => list(range, 'status', 'conditions').find((one) => one['type'] === 'Ready')?.['status'];
const service = (name: string, clusterIP: string): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { clusterIP, ports: [{ port: 80 }] } });

/** Creates with the address until the API servers have heard of the range. */
async function holds(target: Target, ns: string, name: string, ip: string): Promise<void> {
  await target.until(`a service has ${ip}`, async () => (await target.call({ method: 'POST', path: `/api/v1/namespaces/${ns}/services`, body: service(name, ip) })).status === 201);
}

/** What must not get an address of an added range, by the end of the address. */
const refused = { network: '0', broadcast: '15', beyond: '16', taken: '3' };

export const attacks = [
  ...each('address-of-added-range', refused, async (target, last) => {
    const ns = await target.namespace();
    const { prefix } = await madeRange(target);
    await holds(target, ns, 'first', `${prefix}.3`);
    const answer = await target.call({ method: 'POST', path: `/api/v1/namespaces/${ns}/services`, body: service('second', `${prefix}.${last}`) });
    return answer.status === 422 ? undefined : `${prefix}.${last} was given away: ${answer.status}`;
  }),
  ...each('range-goes-under-its-services', { range: ['range'], 'range-and-record': ['range', 'record'], record: ['record'] }, async (target, what) => {
    const ns = await target.namespace();
    const { name, prefix } = await madeRange(target);
    const ip = `${prefix}.5`;
    const record = `/apis/networking.k8s.io/v1/ipaddresses/${ip}`;
    await holds(target, ns, 'web', ip);
    for (const one of what) await target.call({ method: 'DELETE', path: one === 'range' ? `${ranges}/${name}` : record });
    await target.until('the record of the address is there', async () => (await target.call({ path: record })).status === 200);
    if (!what.includes('range')) return undefined;
    await target.until('the range says that it is used', async () => ready((await target.call({ path: `${ranges}/${name}` })).json) === 'False');
    const still = await target.call({ path: `${ranges}/${name}` });
    return at(still.json, 'metadata', 'deletionTimestamp') ? undefined : `the range of ${ip} is gone while a service has it`;
  }),
];
