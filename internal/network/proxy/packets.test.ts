import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { requireProgram } from '../../../test/packages.ts';
import { realSpawn, runOk } from '../../io/spawn.ts';
import { nextBuckets } from './affinity.ts';
import { makePlan, standingChains } from './plan.ts';
import { difference, fullRuleset } from './ruleset.ts';
import type { ServicePort } from './service-ports.ts';
import { affinity, backend, ip, node, number, port } from './testing/samples.ts';

// Every request is a program of its own.
vi.setConfig({ testTimeout: 180_000 });

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'skiff-packets-'));
  for (const program of ['nft', '/bin/busybox', 'curl']) requireProgram(program);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/**
 * A node with the pods 2, 3 and 4, each of which says who it is and who asks, as CNI's ptp plug-in
 * would make them; a network with a client, behind which there is 10.42.1.7, a pod of another node.
 */
const topology = `
set -e
mount -t tmpfs tmpfs /run && mkdir -p /run/netns
mount -t proc proc /proc
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1
page() { mkdir -p /run/$1/cgi-bin
  printf '#!/bin/sh\\necho; echo '$1' $REMOTE_ADDR\\n' > /run/$1/cgi-bin/who
  chmod +x /run/$1/cgi-bin/who; ip netns exec $2 busybox httpd -p $3:8080 -h /run/$1; }
pod() { ip netns add p$1; ip link add veth$1 type veth peer name eth0 netns p$1
  ip addr add 10.42.0.1/32 dev veth$1; ip link set veth$1 up; ip route add 10.42.0.$1/32 dev veth$1
  ip -n p$1 link set lo up; ip -n p$1 addr add 10.42.0.$1/32 dev eth0; ip -n p$1 link set eth0 up
  ip -n p$1 route add 10.42.0.1 dev eth0 scope link; ip -n p$1 route add default via 10.42.0.1
  page $1 p$1 10.42.0.$1; }
ip netns add far; ip link add eth0 type veth peer name eth0 netns far
ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up; ip route add 10.42.1.0/24 via 192.0.2.2
ip -n far link set lo up; ip -n far addr add 192.0.2.2/24 dev eth0; ip -n far link set eth0 up
ip -n far addr add 10.42.1.7/32 dev eth0; ip -n far route add default via 192.0.2.1
for i in 2 3 4; do pod $i; done
page 7 far 10.42.1.7
nft -f "$1"
from() { ip netns exec $1 curl -s -m 3 http://$2/cgi-bin/who || echo none; }
here() { curl -s -m 3 http://$1/cgi-bin/who || echo none; }
`;

async function packets(script: string, ...rulesets: string[]): Promise<string[]> {
  const files = rulesets.map((text, i) => {
    const file = join(dir, `${i}.nft`);
    writeFileSync(file, text);
    return file;
  });
  const apart = ['unshare', '-n', '-m', '-p', '-f', '--kill-child', 'timeout', '-k', '1', '100'];
  const said = await runOk(
    realSpawn,
    'test',
    [...apart, 'bash', '-c', topology + script, 'bash', ...files],
    { timeoutMs: 110_000 },
  );
  return said.trim().split('\n');
}

const here = [2, 3, 4].map((n) => backend(n));
const other = { ...backend(7, false), ip: ip('10.42.1.7') };
const rules = (...ports: ServicePort[]): string => fullRuleset(makePlan(ports, []), node);
const who = (lines: string[]): string[] => lines.map((line) => line.split(' ')[0] ?? '');

it('a client keeps its endpoint for its time, and no longer', async () => {
  const sticky = port({ nodePort: number(30080), backends: here, affinity: affinity(here, 1) });
  const said = await packets(
    `for i in 1 2 3 4 5 6; do from far 192.0.2.1:30080; done
     for i in 1 2 3 4 5 6; do from p2 10.43.0.5:80; done
     first=$(from far 192.0.2.1:30080)
     for i in $(seq 30); do
       sleep 1.3; now=$(from far 192.0.2.1:30080); [ "$now" = "$first" ] || break
     done
     echo "$first"; echo "$now"`,
    rules(sticky),
  );
  expect(new Set(said.slice(0, 6)).size).toBe(1);
  expect(new Set(who(said.slice(6, 12))).size).toBe(1);
  expect(said.at(-1)).not.toBe(said.at(-2));
});

it('only clients of an endpoint that goes are moved', async () => {
  const before = port({ backends: here, affinity: affinity(here) });
  const pinned = [...affinity(here).all.backends].map(([n, b]) => [n, b.ip] as const);
  const [gone] = pinned.find(([, at]) => at === here[2]!.ip)!;
  const [stays, stayed] = pinned.find(([, at]) => at === here[0]!.ip)!;
  const left = here.slice(0, 2);
  const now = nextBuckets(before.affinity!.all, left);
  const after = {
    ...before,
    backends: left,
    local: left,
    affinity: { timeoutS: 10_800, all: now, local: now },
  };
  const [from, to] = [makePlan([before], []), makePlan([after], [])];
  const client = (address: string, n: number): string =>
    `add element ip skiff clients { ${address} . 10.43.0.5 . tcp . 80 timeout 60s : ` +
    `${0x2000 + n} }\n`;
  const said = await packets(
    `both() { from p2 10.43.0.5:80; from p3 10.43.0.5:80; }; both; nft -f "$2"; both`,
    fullRuleset(from, node) + client('10.42.0.2', gone) + client('10.42.0.3', stays),
    difference(from, to, { standing: standingChains(from) })!,
  );
  const names = who(said);
  expect(names[0]).toBe('4');
  expect([names[1], names[3]]).toEqual([stayed.slice(-1), stayed.slice(-1)]);
  expect(['2', '3']).toContain(names[2]);
});

it("the world reaches pods of this node with its address, of others with the node's", async () => {
  const balanced = port({
    loadBalancerIps: [ip('192.0.2.1')],
    nodePort: number(30080),
    backends: [backend(2)],
  });
  const remote = port({ port: number(81), loadBalancerIps: [ip('192.0.2.1')], backends: [other] });
  const said = await packets(
    `from far 192.0.2.1:80; from far 192.0.2.1:30080; from far 192.0.2.1:81
     from far 10.43.0.5:80; from p2 192.0.2.1:80; from p3 192.0.2.1:80; here 192.0.2.1:80
     here 127.0.0.1:30080`,
    rules(balanced, remote),
  );
  expect(said.map((line) => line.replace('[::ffff:', '').replace(']', ''))).toEqual([
    '2 192.0.2.2',
    '2 192.0.2.2',
    '7 192.0.2.1',
    '2 192.0.2.2',
    '2 10.42.0.1',
    '2 10.42.0.3',
    '2 192.0.2.1',
    '2 10.42.0.1',
  ]);
});

it('externalTrafficPolicy Local keeps the world here, and lets pods go anywhere', async () => {
  const local = port({
    loadBalancerIps: [ip('192.0.2.1')],
    externalLocal: true,
    backends: [other, backend(2)],
  });
  const none = { ...local, port: number(81), backends: [other], local: [] };
  const said = await packets(
    `for i in $(seq 8); do from far 192.0.2.1:80; done
     for i in $(seq 16); do from p3 192.0.2.1:80; done
     from far 192.0.2.1:81; from p3 192.0.2.1:81; here 192.0.2.1:81`,
    rules(local, none),
  );
  expect(new Set(who(said.slice(0, 8)))).toEqual(new Set(['2']));
  expect(new Set(who(said.slice(8, 24)))).toEqual(new Set(['2', '7']));
  expect(who(said.slice(24))).toEqual(['none', '7', '7']);
});
