import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import type { NetworkPolicy } from '../../api/generated/types/networking-v1.ts';
import { runOk, realSpawn } from '../../io/spawn.ts';
import { requireProgram } from '../../../test/packages.ts';
import { parseRange, type Range } from '../../base/address-ranges.ts';
import { fullRuleset, Planner } from './planner.ts';
import { parsePolicy } from './rules.ts';
import { claimOf } from './testing/worlds.ts';

/**
 * Real packets between a node, two of its pods and the pods of another node, each in a network
 * namespace of its own.
 */
const dir = mkdtempSync(join(tmpdir(), 'skiff-packets-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** With the script ends everything that it started. */
const apart = [
  'unshare',
  '--net',
  '--mount',
  '--propagation',
  'private',
  '--pid',
  '--fork',
  '--kill-child=KILL',
  'timeout',
  '-k',
  '1',
  '40',
  'bash',
  '-c',
];

/**
 * The node is where the script runs; links and routes are as CNI's ptp plug-in and the overlay make
 * them.
 */
const topology = `
set -e
mount -t tmpfs tmpfs /run && mkdir -p /run/netns
mount -t proc proc /proc
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
pod() { ip netns add $1; ip link add veth$1 type veth peer name eth0 netns $1
  ip addr add 10.42.0.1/32 dev veth$1; ip link set veth$1 up; ip route add $2/32 dev veth$1
  ip -n $1 link set lo up; ip -n $1 addr add $2/32 dev eth0; ip -n $1 link set eth0 up
  ip -n $1 route add 10.42.0.1 dev eth0 scope link; ip -n $1 route add default via 10.42.0.1; }
pod a 10.42.0.2; pod b 10.42.0.3; pod c 10.42.0.4; pod d 10.42.0.5
ip netns add far; ip link add eth0 type veth peer name eth0 netns far
ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up; ip route add 10.42.1.0/24 via 192.0.2.2
ip -n far link set lo up; ip -n far addr add 192.0.2.2/24 dev eth0; ip -n far link set eth0 up
for i in 7 8; do ip -n far addr add 10.42.1.$i/32 dev eth0; done
ip -n far addr add 10.42.0.5/32 dev lo
ip -n far route add default via 192.0.2.1
for n in a b c far; do ip netns exec $n busybox httpd -p 8080 -h /; ip netns exec $n busybox httpd -p 8081 -h /; done
busybox httpd -p 8080 -h /
`;

/** Who tries to reach whom; the source address where there is more than one. */
const tries = [
  'node 10.42.0.2:8080',
  'far 10.42.0.2:8080 10.42.1.7',
  'far 10.42.0.2:8081 10.42.1.7',
  'far 10.42.0.2:8080 10.42.1.8',
  'far 10.42.0.2:8080 192.0.2.2',
  'far 10.42.0.2:8080 10.42.0.5',
  'b 10.42.0.2:8080',
  'b 10.42.1.7:8080',
  'b 192.0.2.1:8080',
  'b 192.0.2.2:8081',
  'b 10.42.0.3:8080',
  'a 10.42.0.3:8080',
  'a 10.42.1.7:8080',
  'a 192.0.2.1:8080',
  'c 10.42.0.2:8080',
  'c 10.42.1.7:8080',
  'c 192.0.2.1:8080',
  'node 10.42.0.4:8080',
  'far 10.42.0.4:8080 10.42.1.7',
  'a 10.42.0.4:8080',
];

const script = `${topology}
nft -f "$1"
try() {
  who=$1; in=""; [ $who = node ] || in="ip netns exec $who"
  $in curl -s -o /dev/null -m 3 \${3:+--interface $3} http://$2/ && code=0 || code=$?
  echo $code "$@"
}
${tries.map((t) => `try ${t} &`).join('\n')}
wait $(jobs -p)
`;

/** Those that got an answer. The others have waited in vain: nothing is refused. */
async function reached(ruleset: string): Promise<Set<string>> {
  for (const program of ['nft', '/bin/busybox', 'curl']) requireProgram(program);
  const file = join(dir, 'rules.nft');
  writeFileSync(file, ruleset);
  const said = await runOk(realSpawn, 'test', [...apart, script, 'bash', file]);
  const lines = said.split('\n').filter((l) => l !== '');
  expect(lines.map((l) => l.slice(l.indexOf(' ') + 1)).sort()).toEqual([...tries].sort());
  expect(new Set(lines.map((l) => l.split(' ')[0]))).toEqual(new Set(['0', '28']));
  return new Set(lines.filter((l) => l.startsWith('0 ')).map((l) => l.slice(2)));
}

function plan(policies: object[]): string {
  return fullRuleset(planned(policies), [parseRange('10.42.0.0/24') as Range], [4]);
}

const parsed = (name: string, spec: object) =>
  parsePolicy({ metadata: { namespace: 'shop', name }, spec } as NetworkPolicy, () => undefined);

function planned(policies: object[]): Planner {
  const planner = new Planner([4]);
  planner.setNamespace('shop', {});
  const pod = (name: string, ip: string, local: boolean, labels: Record<string, string>) =>
    planner.setPod(
      name,
      claimOf({
        name,
        namespace: 'shop',
        labels,
        ips: [ip],
        ports: [{ name: 'web', protocol: 'tcp', port: 8080 }],
        local,
      }),
    );
  pod('a', '10.42.0.2', true, { app: 'a' });
  pod('b', '10.42.0.3', true, { app: 'b', role: 'friend' });
  pod('d', '10.42.0.5', true, { role: 'friend' });
  // Pod c has not been reported.
  pod('seven', '10.42.1.7', false, { role: 'friend' });
  pod('eight', '10.42.1.8', false, {});
  policies.forEach((spec, i) => planner.setPolicy(`shop/p${i}`, parsed(`p${i}`, spec)));
  planner.settle();
  return planner;
}

/**
 * Nobody knows the pod c, which only the node reaches; and nobody else sends with the address of d.
 */
const never = [/^c /, /^(far|a) 10\.42\.0\.4/, /^far \S+ 10\.42\.0\.5$/];
const allBut = (...not: RegExp[]): Set<string> =>
  new Set(tries.filter((t) => ![...never, ...not].some((n) => n.test(t))));

it('without policies every known pod speaks with everybody', async () => {
  expect(await reached(plan([]))).toEqual(allBut());
});

it('ingress passes from the node, from friends on their port, from nobody else', async () => {
  const friends = {
    podSelector: { matchLabels: { app: 'a' } },
    ingress: [
      { from: [{ podSelector: { matchLabels: { role: 'friend' } } }], ports: [{ port: 'web' }] },
    ],
  };
  expect(await reached(plan([friends]))).toEqual(
    allBut(/:8081 10/, /10\.42\.1\.8$/, /192\.0\.2\.2$/),
  );
});

it('egress is judged at the source, towards pods, nodes and the world', async () => {
  const out = {
    podSelector: { matchLabels: { app: 'b' } },
    policyTypes: ['Egress'],
    egress: [{ to: [{ ipBlock: { cidr: '192.0.2.0/24', except: ['192.0.2.1/32'] } }] }],
  };
  expect(await reached(plan([out]))).toEqual(
    allBut(/^b 10\.42\.0\.2/, /^b 10\.42\.1/, /^b 192\.0\.2\.1:/),
  );
});

/**
 * Bytes that came from b to a, and from a to b, over one connection: before a change, right after
 * it, and a second later.
 */
const flowScript = `${topology}
nft -f "$1"
talk() { while sleep 0.1; do echo x; done; }
talk | ip netns exec a busybox nc -l -p 7000 > /run/a &
sleep 0.3
talk | ip netns exec b busybox nc 10.42.0.2 7000 > /run/b &
sizes() { stat -c %s /run/a /run/b | xargs; }
sleep 1; sizes
nft -f "$2"; sleep 0.3; sizes
sleep 1; sizes
`;

it.each([
  ['into the server', 'a', 'Ingress'],
  ['out of the client', 'b', 'Egress'],
])(
  'a connection that stands ends when a policy forbids it %s, in both directions',
  async (_what, app, type) => {
    const planner = planned([]);
    const files = [join(dir, 'before.nft'), join(dir, 'change.nft')] as const;
    writeFileSync(files[0], fullRuleset(planner, [parseRange('10.42.0.0/24') as Range], [4]));
    planner.setPolicy(
      'shop/deny',
      parsed('deny', { podSelector: { matchLabels: { app } }, policyTypes: [type] }),
    );
    planner.settle();
    writeFileSync(files[1], planner.table.takeChange());
    const said = await runOk(realSpawn, 'test', [...apart, flowScript, 'bash', ...files]);
    const [before, after, later] = said
      .trim()
      .split('\n')
      .map((l) => l.split(' ').map(Number));
    expect(Math.min(...before!)).toBeGreaterThan(0);
    expect(later).toEqual(after);
  },
);
