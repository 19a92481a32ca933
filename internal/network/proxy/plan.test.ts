import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { affinitySlots, affinityTable, makePlan, type Plan } from './plan.ts';
import { difference, fullRuleset } from './ruleset.ts';
import type { Backend, ServicePort } from './service-ports.ts';

const node = { clusterCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16', dnsAddress: '10.43.0.10', services: true, podsLeave: true };
const backend = (n: number, local = true): Backend => ({ ip: `10.42.0.${n}`, port: 8080, local });
const port = (more: Partial<ServicePort> = {}): ServicePort => ({
  name: 'default/web:',
  protocol: 'tcp',
  port: 80,
  clusterIps: ['10.43.0.5'],
  externalIps: [],
  loadBalancerIps: [],
  sourceRanges: [],
  nodePort: 0,
  affinity: false,
  internalLocal: false,
  externalLocal: false,
  backends: [backend(2), backend(3, false)],
  ...more,
});

describe('makePlan', () => {
  it('gives each endpoint a slot and dispatches by their number', () => {
    const plan = makePlan([port()], []);
    expect([...plan.elements.svc]).toEqual([['10.43.0.5 . tcp . 80', 'goto n2']]);
    expect([...plan.elements.eps.values()]).toEqual(['10.42.0.2 . 8080', '10.42.0.3 . 8080']);
    expect([...plan.elements.hairpin.keys()]).toEqual(['10.42.0.2 . 10.42.0.2']);
  });

  it('refuses a service without endpoints and drops where only other nodes have some', () => {
    expect([...makePlan([port({ backends: [], nodePort: 30080 })], []).elements.noep.keys()]).toEqual(['10.43.0.5 . tcp . 80']);
    expect([...makePlan([port({ backends: [], nodePort: 30080 })], []).elements.nonp.keys()]).toEqual(['tcp . 30080']);
    const local = makePlan([port({ internalLocal: true, backends: [backend(3, false)] })], []);
    expect([...local.elements.drops.keys()]).toEqual(['10.43.0.5 . tcp . 80']);
  });

  it('keeps the source address only where traffic stays on the node', () => {
    expect(makePlan([port({ nodePort: 30080 })], []).elements.np.get('tcp . 30080')).toBe('goto p2');
    expect(makePlan([port({ nodePort: 30080, externalLocal: true })], []).elements.np.get('tcp . 30080')).toBe('goto q1');
  });

  it('opens host ports by address or on all', () => {
    const host = { port: 8080, protocol: 'udp' as const, podIp: '10.42.0.9', podPort: 53 };
    const plan = makePlan([], [{ ...host, hostIp: '' }, { ...host, hostIp: '127.0.0.1' }]);
    expect(plan.elements.hpany.get('udp . 8080')).toBe('10.42.0.9 . 53');
    expect(plan.elements.hp.get('127.0.0.1 . udp . 8080')).toBe('10.42.0.9 . 53');
  });
});

describe('affinityTable', () => {
  it('moves only the clients of an endpoint that goes', () => {
    const four = [2, 3, 4, 5].map((n) => backend(n));
    const before = affinityTable(four);
    const after = affinityTable(four.slice(0, 3));
    expect(before).toHaveLength(affinitySlots);
    before.forEach((b, slot) => {
      if (b.ip !== '10.42.0.5') expect(after[slot]?.ip).toBe(b.ip);
    });
    expect(new Set(before.map((b) => b.ip)).size).toBe(4);
  });
});

/** What nft would hold after a transaction, reading only add and delete lines. */
function applied(plan: Plan, text: string): Map<string, Map<string, string>> {
  const state = new Map(Object.entries(plan.elements).map(([k, v]) => [k, new Map(v)]));
  for (const line of text.split('\n')) {
    const m = /^(add|delete) element ip skiff (\w+) \{ (.*) \}$/.exec(line);
    if (!m) continue;
    const into = state.get(m[2] as string) as Map<string, string>;
    for (const element of (m[3] as string).split(', ')) {
      const [key, value] = element.split(' : ') as [string, string | undefined];
      if (m[1] === 'delete') expect(into.delete(key)).toBe(true);
      else {
        expect(into.has(key)).toBe(false);
        into.set(key, value ?? '');
      }
    }
  }
  return state;
}

describe('difference', () => {
  it('is empty between equal plans', () => {
    expect(difference(makePlan([port()], []), makePlan([port()], []))).toBe('');
  });

  it('leads from any plan to any other', () => {
    const ports = fc.array(
      fc.record({ n: fc.integer({ min: 1, max: 4 }), count: fc.integer({ min: 0, max: 3 }), affinity: fc.boolean(), np: fc.boolean() }),
      { maxLength: 5 },
    );
    const plan = (list: { n: number; count: number; affinity: boolean; np: boolean }[]): Plan =>
      makePlan(
        list.map((p) => port({ port: p.n, affinity: p.affinity, nodePort: p.np ? 30000 + p.n : 0, backends: [2, 3, 4].slice(0, p.count).map((b) => backend(b)) })),
        [],
      );
    fc.assert(
      fc.property(ports, ports, (a, b) => {
        const [from, to] = [plan(a), plan(b)];
        const end = applied(from, difference(from, to));
        for (const [name, elements] of Object.entries(to.elements)) expect(new Map([...(end.get(name) as Map<string, string>)].sort())).toEqual(new Map([...elements].sort()));
      }),
    );
  });
});

describe('fullRuleset', () => {
  it('replaces the table in one transaction', () => {
    const text = fullRuleset(makePlan([port()], []), node);
    expect(text.startsWith('add table ip skiff\ndelete table ip skiff\ntable ip skiff {')).toBe(true);
    // Only what was rewritten may leave with another address: connections over loopback are nobody's business.
    const nodePorts = text.slice(text.indexOf('chain node-ports {'), text.indexOf('chain pre {'));
    expect(nodePorts).not.toContain('mark set');
    expect(text).toContain('chain n2 { meta l4proto { tcp, udp, sctp } dnat to ip daddr . meta l4proto . th dport . numgen random mod 2 map @eps; }');
  });
  it('leaves the service range alone when somebody else carries out services', () => {
    expect(fullRuleset(makePlan([], []), node)).toContain('10.43.0.0/16');
    const text = fullRuleset(makePlan([], []), { ...node, services: false });
    expect(text).not.toContain('10.43.0.0/16');
    expect(text).toContain('ip saddr 10.42.0.0/16 ip daddr != 10.42.0.0/16');
    expect(fullRuleset(makePlan([], []), { ...node, podsLeave: false })).not.toContain('ip daddr != 10.42.0.0/16');
  });
});
