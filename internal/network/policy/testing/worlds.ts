import fc from 'fast-check';
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../../api/generated/types/networking-v1.ts';
import type { LabelSelector } from '../../../api/generated/types/meta-v1.ts';
import type {
  AdminNetworkPolicy,
  AdminPeer,
  AdminPort,
} from '../../../api/networking/admin-policy.ts';
import { parseIp } from '../../../base/addresses.ts';
import type { PodClaim } from '../planner.ts';
import type { Flow, ModelPod } from './model.ts';

/** Small worlds, so that things meet: two namespaces, few labels, few addresses. */
const namespace = fc.constantFrom('a', 'b');
const label = fc.dictionary(fc.constantFrom('app', 'tier'), fc.constantFrom('x', 'y'), {
  maxKeys: 2,
});
const portName = fc.constantFrom('web', 'dns');
const protocol = fc.constantFrom('tcp', 'udp', 'sctp') as fc.Arbitrary<'tcp' | 'udp' | 'sctp'>;
const portNumber = fc.constantFrom(53, 80, 81, 8080, 9000);

const outside = ['192.0.2.7', '198.51.100.1', '10.1.2.3', '2001:db8::5'];
const blocks = [
  '0.0.0.0/0',
  '10.42.0.0/16',
  '10.42.0.0/30',
  '192.0.2.0/24',
  '10.0.0.0/8',
  '198.51.100.1/32',
  '::/0',
  '2001:db8::/32',
];
const excepts: Record<string, string[]> = {
  '0.0.0.0/0': ['10.0.0.0/8', '192.0.2.7/32'],
  '10.42.0.0/16': ['10.42.0.2/32', '10.42.1.0/24'],
  '10.0.0.0/8': ['10.42.0.0/16'],
  '::/0': ['2001:db8::/32'],
};

const selector: fc.Arbitrary<LabelSelector> = fc.oneof(
  fc.constant({}),
  fc.record({ matchLabels: label }),
  fc.record({
    matchExpressions: fc.array(
      fc.oneof(
        fc.record({
          key: fc.constantFrom('app', 'tier'),
          operator: fc.constantFrom('In', 'NotIn'),
          values: fc.constantFrom(['x'], ['x', 'y']),
        }),
        fc.record({
          key: fc.constantFrom('app', 'tier'),
          operator: fc.constantFrom('Exists', 'DoesNotExist'),
        }),
      ),
      { maxLength: 2 },
    ),
  }),
) as fc.Arbitrary<LabelSelector>;

const block = fc
  .constantFrom(...blocks)
  .chain((cidr) =>
    fc.subarray(excepts[cidr] ?? []).map((except) => ({ ipBlock: { cidr, except } })),
  );
const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  block,
);
const port: fc.Arbitrary<NetworkPolicyPort> = fc.oneof(
  fc.record({ port: portNumber }),
  fc.record({ protocol: fc.constantFrom('TCP', 'UDP', 'SCTP') }),
  fc.record({ protocol: fc.constantFrom('TCP', 'UDP'), port: portName }),
  fc.record({
    protocol: fc.constantFrom('TCP', 'UDP', 'SCTP'),
    port: fc.constantFrom(53, 80),
    endPort: fc.constantFrom(80, 8080),
  }),
);
const rule = <K extends 'from' | 'to'>(key: K): fc.Arbitrary<object> =>
  fc.record(
    { [key]: fc.array(peer, { maxLength: 3 }), ports: fc.array(port, { maxLength: 3 }) },
    { requiredKeys: [] },
  );
const types = fc.option(fc.subarray(['Ingress', 'Egress']), { nil: undefined });

export const policy: fc.Arbitrary<NetworkPolicy> = fc
  .record({
    namespace,
    name: fc.constantFrom('p', 'q', 'r'),
    podSelector: selector,
    ingress: fc.array(rule('from'), { maxLength: 2 }),
    egress: fc.array(rule('to'), { maxLength: 2 }),
    policyTypes: types,
  })
  .map(
    ({ namespace: ns, name, ...spec }) =>
      ({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { namespace: ns, name },
        spec,
      }) as NetworkPolicy,
  );

const subject = fc.oneof(
  fc.record({ namespaces: selector }),
  fc.record({ pods: fc.record({ namespaceSelector: selector, podSelector: selector }) }),
);
const networks = fc.record({
  networks: fc.uniqueArray(fc.constantFrom(...blocks), { minLength: 1, maxLength: 2 }),
});
const protocolName = fc.constantFrom('TCP', 'UDP', 'SCTP');
const adminPort: fc.Arbitrary<AdminPort> = fc.oneof(
  fc.record({ portNumber: fc.record({ protocol: protocolName, port: portNumber }) }),
  fc.record({
    portRange: fc.record({
      protocol: protocolName,
      start: fc.constantFrom(53, 80),
      end: fc.constantFrom(80, 8080),
    }),
  }),
  fc.record({ namedPort: portName }),
);
const adminRules = (
  peers: 'from' | 'to',
  actions: readonly string[],
): fc.Arbitrary<AdminNetworkPolicy['spec']['ingress']> =>
  fc.array(
    fc.record(
      {
        action: fc.constantFrom(...actions),
        [peers]: fc.array<AdminPeer>(peers === 'to' ? fc.oneof(subject, networks) : subject, {
          minLength: 1,
          maxLength: 2,
        }),
        ports: fc.array(adminPort, { minLength: 1, maxLength: 2 }),
      },
      { requiredKeys: ['action', peers] },
    ) as fc.Arbitrary<{ action: string }>,
    { maxLength: 3 },
  );

/** Priorities differ: what equal ones do is not said. */
export const adminPolicy: fc.Arbitrary<AdminNetworkPolicy> = fc
  .record({
    priority: fc.integer({ min: 0, max: 9 }),
    subject,
    ingress: adminRules('from', ['Allow', 'Deny', 'Pass']),
    egress: adminRules('to', ['Allow', 'Deny', 'Pass']),
  })
  .map((spec) => ({ metadata: { name: `p${spec.priority}` }, spec }) as AdminNetworkPolicy);
export const baseline: fc.Arbitrary<AdminNetworkPolicy | undefined> = fc.option(
  fc
    .record({
      subject,
      ingress: adminRules('from', ['Allow', 'Deny']),
      egress: adminRules('to', ['Allow', 'Deny']),
    })
    .map((spec) => ({ metadata: { name: 'default' }, spec }) as AdminNetworkPolicy),
  { nil: undefined },
);

export const pod: fc.Arbitrary<ModelPod> = fc
  .record({
    n: fc.integer({ min: 2, max: 5 }),
    local: fc.boolean(),
    v6: fc.boolean(),
    namespace,
    labels: label,
    ports: fc.array(fc.record({ name: portName, protocol, port: portNumber }), { maxLength: 2 }),
  })
  .map(({ n, local, v6, ...rest }) => ({
    ...rest,
    local,
    name: `${local ? 'l' : 'o'}${n}`,
    ips: [`10.42.${local ? 0 : 1}.${n}`, ...(v6 ? [`fd00:42:0:${local ? 0 : 1}::${n}`] : [])],
  }));

export const namespaceLabels = fc.record({
  a: fc.option(label, { nil: undefined }),
  b: fc.option(label, { nil: undefined }),
});

export function claimOf(p: ModelPod, rank = 0): PodClaim {
  return {
    key: p.name,
    namespace: p.namespace,
    labels: p.labels,
    addresses: p.ips.map((ip) => parseIp(ip)!),
    ports: p.ports,
    local: p.local,
    rank,
  };
}

/** Every pair of addresses that could speak, on ports at and beside those of policies. */
export function flowsOf(pods: readonly ModelPod[]): Flow[] {
  const ends = [...pods.flatMap((p) => p.ips), ...outside];
  const flows: Flow[] = [];
  for (const from of ends) {
    for (const to of ends) {
      if (from.includes(':') !== to.includes(':')) continue;
      for (const p of [52, 53, 80, 81, 8080, 9000])
        flows.push({ from, to, protocol: 'tcp', port: p });
      for (const p of [53, 81])
        flows.push({ from, to, protocol: 'udp', port: p }, { from, to, protocol: 'sctp', port: p });
      flows.push({ from, to, protocol: 'icmp', port: 0 });
    }
  }
  return flows;
}
