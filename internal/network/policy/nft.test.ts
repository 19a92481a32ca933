import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkPolicy } from '../../api/generated/types/networking-v1.ts';
import { loadedRuleset } from '../nft/testing/ruleset.ts';
import type { Family } from '../../base/addresses.ts';
import { parseRange, type Range } from '../../base/address-ranges.ts';
import { parseAdminPolicy } from './admin-rules.ts';
import { fullRuleset, Planner } from './planner.ts';
import { parsePolicy } from './rules.ts';
import { adminPolicy, baseline, claimOf, pod, policy } from './testing/worlds.ts';

const families: Family[] = [4, 6];
const ranges = ['10.42.0.0/24', 'fd00:42::/64'].map((r) => parseRange(r) as Range);

const step = fc.record({
  pods: fc.uniqueArray(pod, { selector: (p) => p.name, maxLength: 5 }),
  policies: fc.uniqueArray(policy, {
    selector: (p) => `${p.metadata.namespace}/${p.metadata.name}`,
    maxLength: 4,
  }),
  admin: fc.uniqueArray(adminPolicy, { selector: (p) => p.spec.priority, maxLength: 3 }),
  baseline,
});
const silent = (): void => undefined;

describe('nft', () => {
  it('takes every change as a change, and ends where a full load would', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
        const planner = new Planner(families);
        for (const name of ['a', 'b']) planner.setNamespace(name, { app: 'x' });
        const texts: string[] = [];
        let before: (typeof steps)[number] = {
          pods: [],
          policies: [],
          admin: [],
          baseline: undefined,
        };
        for (const [i, now] of steps.entries()) {
          for (const p of before.policies)
            planner.setPolicy(`${p.metadata.namespace}/${p.metadata.name}`, undefined);
          for (const p of now.policies)
            planner.setPolicy(`${p.metadata.namespace}/${p.metadata.name}`, parsePolicy(p, silent));
          for (const p of before.admin)
            planner.setAdminPolicy(`admin/${p.metadata.name}`, undefined);
          for (const p of now.admin)
            planner.setAdminPolicy(
              `admin/${p.metadata.name}`,
              parseAdminPolicy('admin', p, silent),
            );
          planner.setAdminPolicy(
            'baseline/default',
            now.baseline && parseAdminPolicy('baseline', now.baseline, silent),
          );
          for (const p of before.pods) planner.setPod(p.name, undefined);
          for (const p of now.pods) planner.setPod(p.name, claimOf(p));
          planner.settle();
          texts.push(i === 0 ? fullRuleset(planner, ranges, families) : planner.table.takeChange());
          before = now;
        }
        expect(await loadedRuleset(texts.filter((t) => t !== ''))).toEqual(
          await loadedRuleset([fullRuleset(planner, ranges, families)]),
        );
      }),
      { numRuns: 20 },
    );
  });

  it('takes what hostile policies leave, and holds only this table', async () => {
    const bad = [
      '10.0.0.0/8; } ; flush ruleset',
      '10.0.0.0/33',
      '',
      '0x0a.0.0.0/8',
      'fe80::1%eth0/64',
      '@g1v4',
      '10.0.0.1 accept\nadd rule',
      '::ffff:10.0.0.1/200',
      '10.0.0.0-10.0.0.9',
    ];
    const said: string[] = [];
    const policies = bad.map((text, i) => ({
      metadata: { namespace: 'a', name: `p${i}` },
      spec: {
        podSelector: {},
        policyTypes: ['Ingress', 'Egress', text],
        ingress: [
          { from: [{ ipBlock: { cidr: text } }], ports: [{ port: text as never, protocol: text }] },
          { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: [text] } }] },
          { ports: [{ port: 80 }, { port: -1 }, { port: 1.5 }, { port: 90, endPort: 70_000 }] },
        ],
        egress: [
          { to: [{ podSelector: { matchExpressions: [{ key: text, operator: text }] } }, {}] },
          { ports: [{ protocol: 'TCP', port: text }] },
        ],
      },
    })) as NetworkPolicy[];
    const planner = new Planner(families);
    planner.setNamespace('a', { [bad[0]!]: bad[0]! });
    planner.setPod(
      'l2',
      claimOf({
        name: 'l2',
        namespace: 'a',
        labels: { [bad[0]!]: bad[0]! },
        ips: ['10.42.0.2', 'fd00:42::2'],
        ports: [{ name: bad[0]!, protocol: 'tcp', port: 80 }],
        local: true,
      }),
    );
    for (const p of policies)
      planner.setPolicy(
        `a/${p.metadata.name}`,
        parsePolicy(p, (what) => said.push(what)),
      );
    planner.settle();
    const listed = (await loadedRuleset([fullRuleset(planner, ranges, families)])).join('\n');
    expect(listed.match(/^table .*/gm)).toEqual(['table inet skiff-policy {']);
    expect(said.length).toBeGreaterThan(4 * bad.length);
    // Of the ports of one rule 80 can be read, and 80 alone is open; of the rest nothing is.
    expect(listed.match(/^.*proto-src.*accept$/gm)?.map((l) => l.trim())).toEqual(
      expect.arrayContaining(['meta l4proto 6 ct reply proto-src 80 accept']),
    );
    expect(listed).not.toContain('10.0.0.0');
  });

  it('takes blocks and ports by the dozen', async () => {
    const many = Array.from({ length: 60 }, (_, i) => i);
    const spec = {
      podSelector: {},
      ingress: [
        {
          from: many.map((i) => ({
            ipBlock: { cidr: `10.${i}.0.0/16`, except: [`10.${i}.7.0/24`] },
          })),
          ports: many.map((i) => ({ port: i * 10 + 1, endPort: i * 10 + 3 })),
        },
      ],
    };
    const planner = new Planner([4]);
    planner.setPod(
      'l2',
      claimOf({
        name: 'l2',
        namespace: 'a',
        labels: {},
        ips: ['10.42.0.2'],
        ports: [],
        local: true,
      }),
    );
    planner.setPolicy(
      'a/p',
      parsePolicy(
        { metadata: { namespace: 'a', name: 'p' }, spec } as NetworkPolicy,
        () => undefined,
      ),
    );
    planner.settle();
    const listed = (await loadedRuleset([fullRuleset(planner, ranges.slice(0, 1), [4])])).join(
      '\n',
    );
    expect(listed).toContain('10.7.8.0-10.8.6.255');
    // Sixty ranges of ports are one set, as this nft shows them.
    expect(listed).toMatch(/0x24f \[invalid type\]-0x251 \[invalid type\]|591-593/);
  });
});
