import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkPolicy } from '../../api/generated/types/networking-v1.ts';
import type { Family } from '../../base/addresses.ts';
import { parseRange, type Range } from '../../base/address-ranges.ts';
import type { AdminNetworkPolicy } from '../../api/networking/admin-policy.ts';
import { parseAdminPolicy } from './admin-rules.ts';
import { fullRuleset, Planner } from './planner.ts';
import { parsePolicy } from './rules.ts';
import { Interpreter } from './testing/interpreter.ts';
import { mayFlow, type ModelPod, type World } from './testing/model.ts';
import {
  adminPolicy,
  baseline,
  claimOf,
  flowsOf,
  namespaceLabels,
  pod,
  policy,
} from './testing/worlds.ts';

const families: Family[] = [4, 6];
const ranges = ['10.42.0.0/24', 'fd00:42::/64'].map((r) => parseRange(r) as Range);
const silent = (): void => undefined;

interface Step {
  pods: ModelPod[];
  policies: NetworkPolicy[];
  admin: AdminNetworkPolicy[];
  baseline: AdminNetworkPolicy | undefined;
  namespaces: { a: Record<string, string> | undefined; b: Record<string, string> | undefined };
}

const step: fc.Arbitrary<Step> = fc.record({
  pods: fc.uniqueArray(pod, { selector: (p) => p.name, maxLength: 6 }),
  policies: fc.uniqueArray(policy, {
    selector: (p) => `${p.metadata.namespace}/${p.metadata.name}`,
    maxLength: 4,
  }),
  admin: fc.uniqueArray(adminPolicy, { selector: (p) => p.spec.priority, maxLength: 3 }),
  baseline,
  namespaces: namespaceLabels,
});

function worldOf(s: Step): World {
  return {
    pods: s.pods,
    policies: s.policies,
    admin: s.admin,
    baseline: s.baseline,
    namespaces: new Map(
      Object.entries(s.namespaces).filter(
        (e): e is [string, Record<string, string>] => e[1] !== undefined,
      ),
    ),
  };
}

/** Tells a planner of everything that differs between two steps. */
function tell(planner: Planner, from: Step, to: Step): void {
  for (const name of ['a', 'b'] as const)
    if (JSON.stringify(from.namespaces[name]) !== JSON.stringify(to.namespaces[name]))
      planner.setNamespace(name, to.namespaces[name]);
  const keys = (s: Step): Map<string, NetworkPolicy> =>
    new Map(s.policies.map((p) => [`${p.metadata.namespace}/${p.metadata.name}`, p]));
  for (const key of keys(from).keys()) if (!keys(to).has(key)) planner.setPolicy(key, undefined);
  for (const [key, p] of keys(to)) planner.setPolicy(key, parsePolicy(p, silent));
  const admin = (s: Step): Map<string, AdminNetworkPolicy> =>
    new Map(s.admin.map((p) => [`admin/${p.metadata.name}`, p]));
  for (const key of admin(from).keys())
    if (!admin(to).has(key)) planner.setAdminPolicy(key, undefined);
  for (const [key, p] of admin(to))
    planner.setAdminPolicy(key, parseAdminPolicy('admin', p, silent));
  planner.setAdminPolicy(
    'baseline/default',
    to.baseline && parseAdminPolicy('baseline', to.baseline, silent),
  );
  for (const p of from.pods)
    if (!to.pods.some((q) => q.name === p.name)) planner.setPod(p.name, undefined);
  for (const p of to.pods) planner.setPod(p.name, claimOf(p));
  planner.settle();
}

const nothing: Step = {
  pods: [],
  policies: [],
  admin: [],
  baseline: undefined,
  namespaces: { a: undefined, b: undefined },
};

function check(table: Interpreter, s: Step): void {
  const world = worldOf(s);
  for (const flow of flowsOf(s.pods)) {
    if (table.passes(flow) !== mayFlow(world, flow))
      throw new Error(
        `${JSON.stringify(flow)}: the table ` +
          `${table.passes(flow) ? 'lets it pass' : 'drops it'}\n${table.content().join('\n')}`,
      );
  }
}

describe('the plan', () => {
  it('judges every flow as the policies say, after every change', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 4 }), (steps) => {
        const planner = new Planner(families);
        const table = new Interpreter();
        let before = nothing;
        for (const [i, s] of steps.entries()) {
          tell(planner, before, s);
          table.load(i === 0 ? fullRuleset(planner, ranges, families) : planner.table.takeChange());
          check(table, s);
          before = s;
        }
        // Changes lead to what a full load makes.
        const whole = new Interpreter();
        whole.load(fullRuleset(planner, ranges, families));
        expect(table.content()).toEqual(whole.content());
      }),
      { numRuns: 100 },
    );
  });

  it('holds nothing of what is gone', () => {
    fc.assert(
      fc.property(step, (s) => {
        const empty = new Planner(families);
        const planner = new Planner(families);
        tell(planner, nothing, s);
        planner.table.takeChange();
        tell(planner, s, nothing);
        const [a, b] = [new Interpreter(), new Interpreter()];
        a.load(fullRuleset(planner, ranges, families));
        b.load(fullRuleset(empty, ranges, families));
        expect(a.content()).toEqual(b.content());
      }),
    );
  });
});

const one = (over: Partial<ModelPod> = {}): ModelPod => ({
  name: 'l2',
  namespace: 'a',
  labels: { app: 'x' },
  ips: ['10.42.0.2'],
  ports: [],
  local: true,
  ...over,
});
const denyAll: NetworkPolicy = {
  apiVersion: '',
  kind: '',
  metadata: { namespace: 'a', name: 'deny' },
  spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
};

function loaded(s: Partial<Step>): { planner: Planner; table: Interpreter } {
  const planner = new Planner([4]);
  tell(planner, nothing, { ...nothing, ...s });
  const table = new Interpreter();
  table.load(fullRuleset(planner, ranges.slice(0, 1), [4]));
  return { planner, table };
}

describe('an address of the node', () => {
  const flow = (from: string, to: string) => ({ from, to, protocol: 'tcp' as const, port: 80 });

  it('that no known pod has gets and sends nothing', () => {
    const { table } = loaded({ pods: [one()] });
    expect(table.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(true);
    expect(table.passes(flow('10.42.0.3', '192.0.2.1'))).toBe(false);
    expect(table.passes(flow('192.0.2.1', '10.42.0.3'))).toBe(false);
    expect(table.passes(flow('10.42.1.3', '192.0.2.1'))).toBe(true);
  });

  it('is of the pod that came last, whatever else is still said', () => {
    const { planner, table } = loaded({
      pods: [one()],
      policies: [denyAll],
      namespaces: { a: {}, b: {} },
    });
    planner.setPod('l9', claimOf(one({ name: 'l9', namespace: 'b' }), 5));
    planner.settle();
    table.load(planner.table.takeChange());
    expect(table.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(true);
    planner.setPod('l9', undefined);
    planner.settle();
    table.load(planner.table.takeChange());
    expect(table.passes(flow('10.42.0.2', '192.0.2.1'))).toBe(false);
  });
});

describe('a change', () => {
  it('is nothing when nothing changed', () => {
    const { planner } = loaded({ pods: [one()], policies: [denyAll] });
    planner.setPod('l2', claimOf(one()));
    planner.setPolicy('a/deny', parsePolicy(denyAll, silent));
    planner.settle();
    expect(planner.table.takeChange()).toBe('');
  });

  it('of a label touches the elements of its pod alone', () => {
    const allow: NetworkPolicy = {
      ...denyAll,
      metadata: { namespace: 'a', name: 'allow' },
      spec: {
        podSelector: { matchLabels: { app: 'x' } },
        ingress: [{ from: [{ podSelector: { matchLabels: { tier: 'x' } } }] }],
      },
    };
    const pods = Array.from({ length: 50 }, (_, i) =>
      one({ name: `o${i}`, ips: [`10.42.1.${i}`], local: false, labels: { tier: 'x' } }),
    );
    const { planner } = loaded({ pods: [one(), ...pods], policies: [allow] });
    planner.setPod('o7', claimOf({ ...pods[7]!, labels: {} }));
    planner.settle();
    expect(planner.table.takeChange()).toBe(
      'delete element inet skiff-policy g1v4 { 10.42.1.7 }\n',
    );
  });

  it('shares chains between pods with equal rules, and sets between equal peers', () => {
    const pods = Array.from({ length: 30 }, (_, i) =>
      one({ name: `l${i + 2}`, ips: [`10.42.0.${i + 2}`] }),
    );
    const { planner } = loaded({ pods, policies: [denyAll] });
    expect(planner.table.chains.size).toBe(2);
    expect(planner.table.collections.size).toBe(3);
  });
});
