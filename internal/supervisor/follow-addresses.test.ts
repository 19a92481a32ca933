import { beforeEach, describe, expect, it } from 'vitest';
import { Troubles } from '../client/troubles.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { realDisk } from '../io/disk.ts';
import { fakeHost } from '../io/host.fake.ts';
import { type HostAddress } from '../io/host.ts';
import { silentLog } from '../io/log.ts';
import type { NodeConfig } from './config.ts';
import { realDoors } from './doors.ts';
import { followAddresses } from './follow-addresses.ts';
import type { NodeFacts } from './node-facts.ts';

const address = (device: string, ip: string): HostAddress => ({
  device,
  address: ip,
  family: 4,
  loopback: device === 'lo',
});
const lo = address('lo', '127.0.0.1');
let machine: HostAddress[];
let routes: string[];
let moves: string[];
let clock: FakeClock;
let changed: () => void;
let troubles: Troubles;
let refuse = 0;

function begin(facts: NodeFacts, config: Partial<NodeConfig> = {}) {
  const disk = {
    ...realDisk,
    readIfThere: () =>
      Promise.resolve(
        Buffer.from(
          [
            'head',
            ...routes.map((device) => `${device}\t00000000\t0\t3\t0\t0\t0\t00000000\t0\t0\t0`),
          ].join('\n'),
        ),
      ),
  };
  const doors = {
    ...realDoors(false),
    clock,
    disk,
    log: silentLog,
    host: fakeHost({ addresses: () => machine }),
  };
  const kernel = {
    onChange: (fn: () => void) => ((changed = fn), () => undefined),
    stop: () => undefined,
  };
  const moved = (from: string): Promise<void> => {
    moves.push(`${from} -> ${facts.ip}`);
    return refuse-- > 0 ? Promise.reject(new Error('the store is away')) : Promise.resolve();
  };
  return followAddresses({
    config: { nodeIps: [], flannelIface: undefined, ...config } as NodeConfig,
    doors,
    facts,
    kernel,
    troubles,
    moved,
  });
}
const facts = (ip: string): NodeFacts => ({ name: 'n', ip, ips: [ip], externalIps: [] });
const becomes = async (next: HostAddress[], defaults: string[]): Promise<void> => {
  machine = [lo, ...next];
  routes = defaults;
  changed();
  await clock.advance(0);
  await clock.advance(0);
};

beforeEach(() => {
  clock = new FakeClock();
  troubles = new Troubles();
  moves = [];
  routes = ['eth0'];
  machine = [lo, address('eth0', '192.0.2.1'), address('wlan0', '198.51.100.1')];
  refuse = 0;
});

describe('a node', () => {
  it('that began without a network moves to the first address that comes', async () => {
    machine = [lo];
    routes = [];
    const own = facts('127.0.0.1');
    begin(own);
    await clock.advance(0);
    expect(troubles.list()).toEqual([
      { type: 'AddressMissing', message: 'this machine has no address' },
    ]);
    await becomes([address('eth0', '192.0.2.1')], []);
    expect([own.ip, own.ips, moves, troubles.list()]).toEqual([
      '192.0.2.1',
      ['192.0.2.1'],
      ['127.0.0.1 -> 192.0.2.1'],
      [],
    ]);
  });

  it('moves with its lease and with its default route, and not without a reason', async () => {
    const own = facts('192.0.2.1');
    begin(own);
    await becomes(
      [
        address('eth0', '192.0.2.1'),
        address('eth0', '192.0.2.2'),
        address('wlan0', '198.51.100.1'),
      ],
      ['eth0'],
    );
    expect(moves).toEqual([]);
    // Between two leases there is no default route: no other interface is better.
    await becomes([address('wlan0', '198.51.100.1'), address('eth0', '192.0.2.1')], []);
    expect(moves).toEqual([]);
    await becomes([address('eth0', '192.0.2.2')], ['eth0']);
    await becomes([address('eth0', '192.0.2.2'), address('wlan0', '198.51.100.1')], ['wlan0']);
    expect(moves).toEqual(['192.0.2.1 -> 192.0.2.2', '192.0.2.2 -> 198.51.100.1']);
  });

  it('never takes an address of pods, of links or of nobody', async () => {
    const own = facts('192.0.2.1');
    begin(own);
    await becomes(
      [
        address('veth1', '10.42.0.1'),
        address('flannel.1', '10.42.0.0'),
        address('eth0', '169.254.3.4'),
      ],
      [],
    );
    expect([own.ip, moves]).toEqual(['192.0.2.1', []]);
    expect(troubles.list()[0]?.message).toContain('192.0.2.1 is gone');
  });

  it('that was told its address keeps it, and says when the machine lacks it', async () => {
    const own = facts('192.0.2.9');
    begin(own, { nodeIps: ['192.0.2.9'] });
    await clock.advance(0);
    expect(troubles.list()[0]?.message).toContain('--node-ip 192.0.2.9 is on no interface');
    await becomes([address('eth0', '192.0.2.9')], ['eth0']);
    expect([own.ip, moves, troubles.list()]).toEqual(['192.0.2.9', [], []]);
  });

  it('goes on moving when something is in the way, until all have heard of it', async () => {
    refuse = 2;
    begin(facts('192.0.2.1'));
    await becomes([address('eth0', '192.0.2.2')], ['eth0']);
    await clock.advance(20_000);
    expect(moves).toEqual([
      '192.0.2.1 -> 192.0.2.2',
      '192.0.2.1 -> 192.0.2.2',
      '192.0.2.1 -> 192.0.2.2',
    ]);
    expect(clock.timers).toBe(0);
  });
});
