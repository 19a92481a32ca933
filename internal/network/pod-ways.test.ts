import { partOf } from '../base/testing/part-of.ts';
import { beforeEach, expect, it } from 'vitest';
import type { Disk } from '../io/disk.ts';
import { silentLog } from '../io/log.ts';
import { hostRoutes } from './overlay/host-routes.ts';
import { followPodWays, type LinkedPod, type PodWays } from './pod-ways.ts';
import { FakeSpawn } from '../io/spawn.fake.ts';

const header =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const route = (device: string, hex: string, mask = 'FFFFFFFF'): string =>
  `${device}\t${hex}\t00000000\t0005\t0\t0\t0\t${mask}\t0\t0\t0   \n`;
/** 10.42.0.5 and 10.42.0.6 */
const five = route('veth5', '05002A0A');
const six = route('veth6', '06002A0A');
const net = route('flannel.1', '00012A0A', '00FFFFFF');

let table: string;
let links: Set<string>;
let down: Set<string>;
let ran: string[];
let pods: LinkedPod[];
let cut: string[];
let news: () => void;
let ways: PodWays;

beforeEach(() => {
  table = header + net + five + six;
  links = new Set(['veth5', 'veth6']);
  down = new Set();
  cut = [];
  pods = [
    { sandboxId: 's5', ips: ['10.42.0.5'] },
    { sandboxId: 's6', ips: ['10.42.0.6'] },
  ];
  const spawn = new FakeSpawn((command) => {
    const known = links.has(command[command.indexOf('dev') + 1] ?? '');
    return { code: known ? 0 : 1 };
  });
  ({ ran } = spawn);
  const disk = partOf<Disk>({
    read: () => Promise.resolve(Buffer.from(table)),
    readIfThere: (_op: string, path: string) => {
      const link = path.split('/')[4] ?? '';
      const flags = down.has(link) ? '0x1002\n' : '0x1003\n';
      return Promise.resolve(links.has(link) ? Buffer.from(flags) : undefined);
    },
  });
  const kernel = {
    onChange: (fn: () => void) => {
      news = fn;
      return () => undefined;
    },
  };
  ways = followPodWays({ kernel, disk, spawn, log: silentLog });
  ways.follow({ pods: () => pods, cutOff: (id) => void cut.push(id) });
});

const settled = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
};

it('reads the routes to single addresses', () => {
  expect([...hostRoutes(table)]).toEqual([
    ['10.42.0.5', 'veth5'],
    ['10.42.0.6', 'veth6'],
  ]);
});

it('does nothing while there is a way to every pod', async () => {
  news();
  await settled();
  expect([ran, cut]).toEqual([[], []]);
});

it('puts back the way to a pod whose link is still there, set down or not', async () => {
  news();
  await settled();
  table = header + net + six;
  news();
  await settled();
  expect(ran).toEqual([
    'ip link set dev veth5 up',
    'ip route replace 10.42.0.5/32 dev veth5 scope host',
  ]);
  expect(cut).toEqual([]);
});

it('tells of a pod whose link is gone', async () => {
  news();
  await settled();
  table = header + net + six;
  links.delete('veth5');
  news();
  await settled();
  expect(cut).toEqual(['s5']);
});

it('tells of a pod whose link was gone before it looked for the first time', async () => {
  table = header + five;
  ways.look();
  await settled();
  expect(cut).toEqual(['s6']);
  expect(ran).toEqual([]);
});

it('does not judge a pod whose sandbox was made while it read', async () => {
  pods = [];
  table = header;
  news();
  pods = [{ sandboxId: 'new', ips: ['10.42.0.9'] }];
  await settled();
  expect(cut).toEqual([]);
});

it('does not take the link of a former owner of an address for a way', async () => {
  news();
  await settled();
  // The pod is gone and its address with it; later another has it.
  pods = [{ sandboxId: 's6', ips: ['10.42.0.6'] }];
  table = header + six;
  news();
  await settled();
  pods.push({ sandboxId: 'other', ips: ['10.42.0.5'] });
  news();
  await settled();
  expect(ran).toEqual([]);
  expect(cut).toEqual(['other']);
});

it('looks again at what changed while it looked', async () => {
  news();
  table = header + net + six;
  links.delete('veth5');
  news();
  await settled();
  expect(cut).toEqual(['s5']);
});

it('sets a link up that somebody set down: its route stays, and leads nowhere', async () => {
  down.add('veth5');
  news();
  await settled();
  expect(ran).toEqual([
    'ip link set dev veth5 up',
    'ip route replace 10.42.0.5/32 dev veth5 scope host',
  ]);
  expect(cut).toEqual([]);
});
