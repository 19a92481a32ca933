import { partOf } from '../../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import { parseIpv4, parseIpv4Cidr } from '../../base/addresses.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import type { Mirror } from '../../client/client.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { startVxlan } from './vxlan.ts';
import { FakeSpawn } from '../../io/spawn.fake.ts';

const podCidr = parseIpv4Cidr('10.42.0.0/24')!;
const nodeIp = parseIpv4('172.30.0.1')!;
const peer = {
  metadata: { name: 'b' },
  spec: { podCIDR: '10.42.1.0/24' },
  status: { addresses: [{ type: 'InternalIP', address: '172.30.0.2' }] },
} as Node;

/** A kernel that has the device or not, and what was written to it since. */
class Kernel {
  device = false;
  written: string[] = [];
  readonly spawn = new FakeSpawn((command, op, { input }) => {
    if (op === 'vxlan.add') this.device = true;
    if (op === 'vxlan.del') this.device = false;
    if (op === 'vxlan.add' || op === 'vxlan.up') this.written.push(op);
    if (op === 'vxlan.ip') this.written.push(String(input).trim());
    const shown = {
      address: '0a:58:0a:2a:00:00',
      linkinfo: { info_data: { id: 1, local: nodeIp } },
    };
    const known = op !== 'vxlan.show' || this.device;
    const stdout = command.includes('-j') ? JSON.stringify(known ? [shown] : []) : '';
    return { code: known ? 0 : 1, stdout };
  });
}

describe('the device of the overlay', () => {
  it('is made once, and again when it was taken away with its routes', async () => {
    const kernel = new Kernel();
    const clock = new FakeClock();
    const nodes = partOf<Mirror<Node>>({
      synced: Promise.resolve(),
      served: Promise.resolve(true),
      list: () => [peer],
      onChange: () => () => undefined,
    });
    const overlay = await startVxlan({
      nodeName: 'a',
      clusterCidr: parseIpv4Cidr('10.42.0.0/16')!,
      nodes,
      nodeIp,
      podCidr,
      mtu: 1450,
      clock,
      spawn: kernel.spawn,
      log: silentLog,
      record: () => Promise.resolve(),
    });
    const settled = async (): Promise<string[]> => {
      kernel.written = [];
      await clock.advance(1_000);
      return kernel.written;
    };
    const route = expect.stringContaining('route replace 10.42.1.0/24') as string;
    expect(await settled()).toEqual(['vxlan.add', 'vxlan.up', route]);
    expect(overlay.stands('')).toBe(false);
    // Only a route was taken: the device stays, and the flows over it.
    overlay.again();
    expect(await settled()).toEqual(['vxlan.up', route]);
    kernel.device = false;
    overlay.again();
    expect(await settled()).toEqual(['vxlan.add', 'vxlan.up', route]);
    expect(await settled()).toEqual([]);
  });
});
