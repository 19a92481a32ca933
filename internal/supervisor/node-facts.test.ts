import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../io/log.ts';
import { fakeHost } from '../io/host.fake.ts';
import { type HostAddress } from '../io/host.ts';
import type { NodeConfig } from './config.ts';
import { realDoors } from './doors.ts';
import { nodeFacts } from './node-facts.ts';
import { keepName } from './node-name.ts';

let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'facts-'))));
afterEach(() => rm(dir, { recursive: true }));

const address = (device: string, ip: string): HostAddress => ({
  device,
  address: ip,
  family: 4,
  loopback: device === 'lo',
});
const addresses = [
  address('lo', '127.0.0.1'),
  address('eth7', '192.0.2.1'),
  address('eth8', '198.51.100.1'),
];

async function facts(more: Partial<NodeConfig>, hostname = 'Boat_1', kept = false) {
  const config = {
    dataDir: dir,
    nodeIps: [],
    nodeExternalIps: [],
    nodeName: undefined,
    withNodeId: false,
    flannelIface: undefined,
    ...more,
  } as NodeConfig;
  const doors = {
    ...realDoors(false),
    host: fakeHost({ hostname: () => hostname, addresses: () => addresses }),
  };
  if (kept) await keepName(config, { ...doors, log: silentLog });
  return await nodeFacts(config, doors);
}

describe('nodeFacts', () => {
  it('makes a node name of the host name', async () => {
    expect((await facts({})).name).toBe('boat-1');
  });

  it('keeps the first name when the host is renamed, unless another is told', async () => {
    expect((await facts({}, 'Boat_1', true)).name).toBe('boat-1');
    expect((await facts({}, 'ship', true)).name).toBe('boat-1');
    expect((await facts({ nodeName: 'mast' }, 'ship', true)).name).toBe('mast');
    expect((await facts({}, 'ship')).name).toBe('mast');
    await writeFile(join(dir, 'agent/node-name'), '../../etc\n');
    expect((await facts({}, 'ship', true)).name).toBe('ship');
  });

  it('appends an id that stays the same, when asked for', async () => {
    const first = await facts({ withNodeId: true });
    expect(first.name).toMatch(/^boat-1-[0-9a-f]{8}$/);
    expect(await facts({ withNodeId: true, nodeName: 'mast' })).toMatchObject({
      name: first.name.replace('boat-1', 'mast'),
    });
    expect(await readFile(join(dir, 'agent/node-id'), 'utf8')).toBe(`${first.name.slice(-8)}\n`);
  });

  it('takes the address of the interface that is told', async () => {
    expect((await facts({ flannelIface: 'eth8' })).ip).toBe('198.51.100.1');
    expect((await facts({ flannelIface: 'eth8', nodeIps: ['198.51.100.1'] })).ip).toBe(
      '198.51.100.1',
    );
  });

  it.each([
    [{ flannelIface: 'eth9' }, /there is no interface eth9/],
    [
      { flannelIface: 'eth8', nodeIps: ['192.0.2.1'] },
      /eth8 does not hold the node's address 192\.0\.2\.1/,
    ],
  ])('refuses %j', async (more, expected) => {
    await expect(facts(more)).rejects.toThrow(expected);
  });
});
