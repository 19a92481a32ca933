/**
 * What a change of network policies costs: `node test/bench/policies.ts [policies] [pods]`, as
 * root. The table is that of one node with 110 pods of its own, in a network namespace of its own;
 * times are of the planner and of nft, for one transaction each.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NetworkPolicy } from '../../internal/api/generated/types/networking-v1.ts';
import { parseIp } from '../../internal/base/addresses.ts';
import { parseRange, type Range } from '../../internal/base/address-ranges.ts';
import { fullRuleset, Planner, type PodClaim } from '../../internal/network/policy/planner.ts';
import { parsePolicy } from '../../internal/network/policy/rules.ts';

const [policies = 1000, pods = 5000] = process.argv.slice(2).map(Number);
const local = Number(process.env['LOCAL_PODS'] ?? 110);
const namespaces = 50;
const rounds = 20;
const dir = mkdtempSync(join(tmpdir(), 'skiff-bench-'));
const netns = `skiff-bench-${process.pid}`;

const namespaceOf = (i: number): string => `ns${i % namespaces}`;
const claim = (i: number, labels: Record<string, string> = {}): PodClaim => {
  const own = i < local;
  const address = own
    ? `10.42.${Math.floor(i / 250)}.${(i % 250) + 2}`
    : `10.43.${Math.floor(i / 250)}.${(i % 250) + 2}`;
  return {
    key: `p${i}`,
    namespace: namespaceOf(i),
    labels: { app: `a${i % 200}`, tier: i % 2 ? 'front' : 'back', ...labels },
    addresses: [parseIp(address)!],
    ports: [{ name: 'web', protocol: 'tcp', port: 8080 }],
    local: own,
    rank: i,
  };
};
/**
 * A tenth each: deny, allow all of the namespace, other namespaces, blocks, named ports; the rest
 * one app from another.
 */
function policy(i: number): NetworkPolicy {
  const app = { matchLabels: { app: `a${i % 200}` } };
  const kinds = [
    { podSelector: {}, policyTypes: ['Ingress'] },
    { podSelector: app, ingress: [{ from: [{ podSelector: {} }] }] },
    {
      podSelector: app,
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { team: `t${i % 7}` } } }],
          ports: [{ port: 8080 }],
        },
      ],
    },
    {
      podSelector: app,
      policyTypes: ['Egress'],
      egress: [
        {
          to: [{ ipBlock: { cidr: `10.${i % 200}.0.0/16`, except: [`10.${i % 200}.7.0/24`] } }],
          ports: [{ port: 443 }, { port: 8000, endPort: 9000 }],
        },
      ],
    },
    {
      podSelector: app,
      policyTypes: ['Egress'],
      egress: [
        {
          to: [{ podSelector: { matchLabels: { app: `a${(i + 3) % 200}` } } }],
          ports: [{ port: 'web' }],
        },
      ],
    },
  ];
  const spec = kinds[i % 10] ?? {
    podSelector: app,
    ingress: [
      {
        from: [{ podSelector: { matchLabels: { app: `a${(i + 1) % 200}` } } }],
        ports: [{ port: 8080 }, { port: 8443 }],
      },
    ],
  };
  return {
    apiVersion: '',
    kind: '',
    metadata: { namespace: namespaceOf(i), name: `np${i}` },
    spec,
  } as NetworkPolicy;
}

function load(text: string): { ms: number; cpuMs: number } {
  const file = join(dir, 'x.nft');
  writeFileSync(file, text);
  const from = performance.now();
  const done = spawnSync(
    'nsenter',
    [`--net=/run/netns/${netns}`, 'bash', '-c', `TIMEFORMAT='%U %S'; time nft -f ${file}`],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(done.stderr);
  const [user = 0, sys = 0] = done.stderr.trim().split(' ').map(Number);
  return { ms: performance.now() - from, cpuMs: (user + sys) * 1000 };
}

const median = (all: number[]): string =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)]!.toFixed(1);
const worst = (all: number[]): string => Math.max(...all).toFixed(1);

function measure(planner: Planner, what: string, change: (round: number) => void): void {
  const [plan, nft, cpu]: number[][] = [[], [], []];
  for (let i = 0; i < rounds; i++) {
    const from = performance.now();
    change(i);
    planner.settle();
    const text = planner.table.takeChange();
    plan!.push(performance.now() - from);
    if (!text) continue;
    const took = load(text);
    nft!.push(took.ms);
    cpu!.push(took.cpuMs);
  }
  const written = nft!.length
    ? `, nft ${median(nft!)} ms (worst ${worst(nft!)}), ${median(cpu!)} ms of processor`
    : ', nothing to write on this node';
  console.log(`${what}: plan ${median(plan!)} ms (worst ${worst(plan!)})${written}`);
}

spawnSync('ip', ['netns', 'add', netns]);
try {
  const planner = new Planner([4]);
  const from = performance.now();
  for (let i = 0; i < namespaces; i++) planner.setNamespace(namespaceOf(i), { team: `t${i % 7}` });
  for (let i = 0; i < policies; i++)
    planner.setPolicy(
      `${namespaceOf(i)}/np${i}`,
      parsePolicy(policy(i), () => undefined),
    );
  for (let i = 0; i < pods; i++) planner.setPod(`p${i}`, claim(i));
  planner.settle();
  const text = fullRuleset(planner, [parseRange('10.42.0.0/16') as Range], [4]);
  console.log(
    `${policies} policies, ${pods} pods, ${local} of them here: planned in ` +
      `${(performance.now() - from).toFixed(0)} ms; ${planner.table.chains.size} chains, ` +
      `${planner.table.collections.size} sets, ` +
      `${[...planner.table.collections.values()].reduce((n, c) => n + c.elements.size, 0)} ` +
      'elements',
  );
  console.log(`whole table: nft ${load(text).ms.toFixed(0)} ms`);
  const empty = Array.from({ length: rounds }, () => load('').ms);
  console.log(
    `nft with nothing to do, and what starts and times it: ${median(empty)} ms (worst ` +
      `${worst(empty)}); it is in each figure below`,
  );
  measure(planner, 'a pod of another node comes or goes', (i) =>
    planner.setPod('p3501', i % 2 ? claim(3501) : undefined),
  );
  measure(planner, 'a pod of this node comes or goes', (i) =>
    planner.setPod('p7', i % 2 ? claim(7) : undefined),
  );
  measure(planner, 'a policy comes or goes', (i) =>
    planner.setPolicy(
      `${namespaceOf(7)}/new`,
      i % 2
        ? undefined
        : parsePolicy(
            {
              ...policy(5),
              metadata: { namespace: namespaceOf(7), name: 'new' },
              spec: {
                podSelector: {},
                ingress: [
                  {
                    from: [
                      { podSelector: { matchLabels: { tier: 'front' } }, namespaceSelector: {} },
                    ],
                  },
                ],
              },
            },
            () => undefined,
          ),
    ),
  );
  measure(planner, 'a namespace of 100 pods changes a label', (i) =>
    planner.setNamespace('ns3', { team: `t${i % 2}` }),
  );
} finally {
  spawnSync('ip', ['netns', 'del', netns]);
  rmSync(dir, { recursive: true, force: true });
}
