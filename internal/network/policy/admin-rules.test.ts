import { describe, expect, it } from 'vitest';
import type { AdminNetworkPolicy } from '../../api/networking/admin-policy.ts';
import { parseAdminPolicy, type AdminPolicy } from './admin-rules.ts';

const parse = (
  spec: unknown,
  tier: AdminPolicy['tier'] = 'admin',
): { policy: AdminPolicy; said: string[] } => {
  const said: string[] = [];
  const object = { metadata: { name: 'p' }, spec } as AdminNetworkPolicy;
  return { policy: parseAdminPolicy(tier, object, (what) => said.push(what)), said };
};
const subject = { namespaces: {} };
const bad = { matchExpressions: [{ key: 'a', operator: 'Near', values: ['b'] }] };
const anybody = { peers: undefined, ports: undefined };

describe('what cannot be read of an admin policy makes it allow less', () => {
  it('a subject: every pod is one', () => {
    for (const one of [{ namespaces: bad }, {}, undefined]) {
      const { policy, said } = parse({ priority: 1, subject: one });
      expect(policy.selects({ any: 'pod' }, { any: 'namespace' })).toBe(true);
      expect(said).toHaveLength(1);
    }
  });

  it.each([
    ['a network', { networks: ['10.0.0.0/8; flush ruleset'] }],
    ['a selector', { namespaces: bad }],
    ['nothing at all', {}],
    ['a kind of peer that is not known', { nodes: {} }],
  ])('a peer that is %s: missing from Allow and Pass, everybody in Deny', (_what, peer) => {
    const rules = ['Allow', 'Pass', 'Deny'].map((action) => ({ action, to: [peer] }));
    const { policy, said } = parse({ priority: 1, subject, egress: rules });
    expect(policy.egress).toEqual([{ action: 'deny', rule: anybody }]);
    expect(said).toHaveLength(3);
  });

  it('a port: missing from Allow, any in Deny', () => {
    const ports = [
      { portNumber: { protocol: 'ICMP', port: 1 } },
      { portNumber: { protocol: 'TCP', port: 70_000 } },
      { portRange: { protocol: 'TCP', start: 9, end: 1 } },
      { portRange: { start: '1', end: '9; accept' } },
      {},
    ];
    for (const port of ports) {
      const from = [{ namespaces: {} }];
      const rules = ['Allow', 'Deny'].map((action) => ({ action, from, ports: [port] }));
      const { policy } = parse({ priority: 1, subject, ingress: rules });
      expect(policy.ingress).toEqual([{ action: 'deny', rule: anybody }]);
    }
  });

  it('an action: the rule is left out, and so is a Pass of the baseline', () => {
    const from = [{ namespaces: {} }];
    const rules = [{ action: 'Audit', from }, { from }];
    expect(parse({ priority: 1, subject, ingress: rules }).policy.ingress).toEqual([]);
    const pass = parse({ subject, ingress: [{ action: 'Pass', from }] }, 'baseline');
    expect(pass.policy.ingress).toEqual([]);
    expect(pass.said).toEqual(['BaselineAdminNetworkPolicy p: the action "Pass"']);
  });
});
