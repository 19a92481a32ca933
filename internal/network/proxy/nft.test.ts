import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { runOk, realSpawn } from '../../io/spawn.ts';
import { requireProgram } from '../../../test/packages.ts';
import { makePlan, standingChains, type Plan } from './plan.ts';
import { difference, fullRuleset } from './ruleset.ts';
import { hostPorts, servicePorts } from './service-ports.ts';
import { backend, cidr, ip, node, number, port } from './testing/samples.ts';
import { hostileHostIps, podWithHostIp, serviceOf, sliceOf } from './testing/hostile.ts';

/** Real nft in a network namespace of its own, because only it knows what it takes. */
const dir = mkdtempSync(join(tmpdir(), 'skiff-nft-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Loads the texts one after the other and gives what the kernel then holds, in an order of its own. */
async function loaded(texts: string[]): Promise<string[]> {
  requireProgram('nft');
  const files = texts.map((text, i) => {
    const file = join(dir, `${i}.nft`);
    writeFileSync(file, text);
    return file;
  });
  const script = 'for f in "$@"; do nft -f "$f" || exit 1; done; nft -s -n list ruleset';
  const listed = await runOk(realSpawn, 'test', ['unshare', '-n', 'sh', '-c', script, 'sh', ...files]);
  return listed.replace(/,\n\s*/g, ', ').split('\n').map(sorted);
}

/** A line of elements with the elements in order: the kernel's order is by hash. */
function sorted(line: string): string {
  const [head, elements] = line.split('elements = {');
  return elements === undefined ? line.trim() : `${head}${elements.replace(/\}\s*$/, '').split(',').map((e) => e.trim()).sort().join(', ')}`;
}

interface Shape {
  n: number;
  count: number;
  affinity: boolean;
  nodePort: boolean;
  udp: boolean;
  ranges: number[];
}

const plan = (shapes: Shape[]): Plan =>
  makePlan(
    shapes.map((s) =>
      port({
        port: number(s.n),
        protocol: s.udp ? 'udp' : 'tcp',
        affinity: s.affinity,
        nodePort: s.nodePort ? number(30000 + s.n) : undefined,
        loadBalancerIps: s.ranges.length > 0 ? [ip('192.0.2.1')] : [],
        sourceRanges: s.ranges.length > 0 ? s.ranges.map((bits) => cidr(`10.${bits}.0.0/${bits}`)) : undefined,
        backends: Array.from({ length: s.count }, (_, i) => backend(i + 2)),
      }),
    ),
    [{ hostIp: ip('127.0.0.1'), port: number(8080), protocol: 'tcp', podIp: ip('10.42.0.9'), podPort: number(80) }, { hostIp: undefined, port: number(53), protocol: 'udp', podIp: ip('10.42.0.9'), podPort: number(53) }],
  );

describe('nft', () => {
  it('takes every change as a change, and ends where a full load would', async () => {
    const shape = fc.record({ n: fc.integer({ min: 1, max: 4 }), count: fc.integer({ min: 0, max: 5 }), affinity: fc.boolean(), nodePort: fc.boolean(), udp: fc.boolean(), ranges: fc.array(fc.integer({ min: 1, max: 32 }), { maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(shape, { maxLength: 4 }), { minLength: 2, maxLength: 5 }), async (steps) => {
        const plans = steps.map(plan);
        const standing = standingChains(plans[0]!);
        const texts = plans.map((p, i) => (i === 0 ? fullRuleset(p, node) : difference(plans[i - 1]!, p, standing)!)).filter((text) => text !== '');
        expect(texts.every((text, i) => i === 0 || !text.includes('chain'))).toBe(true);
        expect(await loaded(texts)).toEqual(await loaded([fullRuleset(plans.at(-1)!, node)]));
      }),
      { numRuns: 15 },
    );
  });

  it('takes the rules of hostile objects, and holds only the table of services', async () => {
    const said: string[] = [];
    const context = { nodeName: 'n', clusterRanges: [node.clusterCidr, ...node.serviceCidrs], leftOut: (what: string) => void said.push(what) };
    const bad = Object.values(hostileHostIps);
    const services = bad.flatMap((text) => servicePorts(serviceOf({ externalIPs: [text], loadBalancerSourceRanges: [text], type: 'LoadBalancer' }, text), [sliceOf(text)], context));
    const hosts = bad.flatMap((text) => hostPorts(podWithHostIp(text), context.leftOut));
    const listed = await loaded([fullRuleset(makePlan([...services, port()], hosts), node)]);
    expect(listed.filter((line) => line.startsWith('table'))).toEqual(['table ip skiff {']);
    expect(listed.join('\n')).toContain('10.43.0.5 . 6 . 80');
    expect(listed.filter((line) => line.includes('10.43.0.0/16') && line.includes('10.196.0.0/28')).map((line) => line.split(' ').at(-1))).toEqual(['0x00004000', 'reject']);
    expect(said.length).toBeGreaterThan(bad.length);
  });
});
