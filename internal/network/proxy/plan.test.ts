import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { pickSlots } from './affinity.ts';
import { makePlan, standingChains, type ElementText, type Plan } from './plan.ts';
import { difference, fullRuleset } from './ruleset.ts';
import { affinity, backend, cidr, ip, node, number, port } from './testing/samples.ts';

const text = (element: string): ElementText => element as ElementText;

describe('makePlan', () => {
  it('gives each endpoint a slot and dispatches by their number', () => {
    const plan = makePlan([port()], []);
    expect([...plan.elements.svc]).toEqual([['10.43.0.5 . tcp . 80', 'goto n2']]);
    expect([...plan.elements.eps.values()]).toEqual(['10.42.0.2 . 8080', '10.42.0.3 . 8080']);
    expect([...plan.elements.hairpin.keys()]).toEqual(['10.42.0.2 . 10.42.0.2']);
  });

  it('refuses a service without endpoints and drops where only other nodes have some', () => {
    expect([
      ...makePlan([port({ backends: [], nodePort: number(30080) })], []).elements.noep.keys(),
    ]).toEqual(['10.43.0.5 . tcp . 80']);
    expect([
      ...makePlan([port({ backends: [], nodePort: number(30080) })], []).elements.nonp.keys(),
    ]).toEqual(['tcp . 30080']);
    const local = makePlan([port({ internalLocal: true, backends: [backend(3, false)] })], []);
    expect([...local.elements.drops.keys()]).toEqual(['10.43.0.5 . tcp . 80']);
  });

  it('keeps the source address only where traffic stays on the node', () => {
    expect(
      makePlan([port({ nodePort: number(30080) })], []).elements.np.get(text('tcp . 30080')),
    ).toBe('goto p2');
    expect(
      makePlan([port({ nodePort: number(30080), externalLocal: true })], []).elements.np.get(
        text('tcp . 30080'),
      ),
    ).toBe('goto q1');
  });

  it('lets pods and the node reach all endpoints where the world reaches only local ones', () => {
    const local = port({
      nodePort: number(30080),
      externalLocal: true,
      loadBalancerIps: [ip('192.0.2.1')],
      backends: [backend(2, false), backend(3), backend(4, false)],
    });
    const { elements } = makePlan([local], []);
    const key = text('192.0.2.1 . tcp . 80');
    expect([elements.svc.get(key), elements.svcin.get(key)]).toEqual(['goto n1', 'goto n3']);
    expect(elements.eps.get(text('192.0.2.1 . tcp . 80 . 0'))).toBe('10.42.0.3 . 8080');
    expect([...elements.np.values(), ...elements.npin.values()]).toEqual(['goto q1', 'goto q3']);
    expect(elements.svcin.has(text('10.43.0.5 . tcp . 80'))).toBe(false);
    const none = makePlan([{ ...local, backends: [backend(2, false)], local: [] }], []).elements;
    expect([none.drops.has(key), none.svcin.get(key)]).toEqual([true, 'goto n1']);
  });

  it('opens host ports by address or on all', () => {
    const host = {
      port: number(8080),
      protocol: 'udp' as const,
      podIp: ip('10.42.0.9'),
      podPort: number(53),
    };
    const plan = makePlan(
      [],
      [
        { ...host, hostIp: undefined },
        { ...host, hostIp: ip('127.0.0.1') },
      ],
    );
    expect(plan.elements.hpany.get(text('udp . 8080'))).toBe('10.42.0.9 . 53');
    expect(plan.elements.hp.get(text('127.0.0.1 . udp . 8080'))).toBe('10.42.0.9 . 53');
  });
});

describe('session affinity', () => {
  const affine = (timeoutS?: number) => {
    const backends = [backend(2), backend(3, false)];
    return port({
      nodePort: number(30080),
      externalLocal: true,
      backends,
      affinity: affinity(backends, timeoutS),
    });
  };

  it('picks a number for a client and leads each number to its endpoint', () => {
    const { elements, chains } = makePlan([affine(), affine(10)], []);
    expect([...chains]).toEqual(['a10800', 'q2', 'b10800']);
    expect(elements.svc.get(text('10.43.0.5 . tcp . 80'))).toBe('goto a10800');
    expect(elements.np.get(text('tcp . 30080'))).toBe('goto b10800');
    expect(elements.npin.get(text('tcp . 30080'))).toBe('goto q2');
    expect([elements.pick.size, elements.nppick.size]).toEqual([pickSlots, pickSlots]);
    for (const mark of elements.pick.values())
      expect(elements.pinned.has(text(`10.43.0.5 . tcp . 80 . ${mark}`))).toBe(true);
    expect(new Set(elements.pinned.values()).size).toBe(2);
    expect(new Set(elements.nppinned.values())).toEqual(new Set(['10.42.0.2 . 8080']));
  });

  it('has numbers of its own where packets leave with the address of the node', () => {
    const { elements } = makePlan([{ ...affine(), externalLocal: false }], []);
    const bits = (marks: Iterable<string>) =>
      new Set([...marks].map((mark) => Number(mark) & 0x6000));
    expect([bits(elements.pick.values()), bits(elements.nppick.values())]).toEqual([
      new Set([0x2000]),
      new Set([0x6000]),
    ]);
  });

  it('has a chain for each time, which stands before it is used once', () => {
    expect(standingChains(makePlan([], [])).has('a10800')).toBe(true);
    expect(standingChains(makePlan([affine(10)], [])).has('b10')).toBe(true);
  });
});

/** What nft would hold after a transaction, reading only add and delete lines. */
function applied(plan: Plan, text: string): Map<string, Map<string, string>> {
  const state = new Map(
    Object.entries(plan.elements).map(([k, v]) => [k, new Map<string, string>(v)]),
  );
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

const of = (count: number, affine: boolean) => {
  const backends = [2, 3, 4].slice(0, count).map((b) => backend(b));
  return { backends, affinity: affine ? affinity(backends) : undefined };
};

describe('difference', () => {
  it('is empty between equal plans', () => {
    expect(
      difference(makePlan([port()], []), makePlan([port()], []), { standing: new Set(['n2']) }),
    ).toBe('');
  });

  it('leads from any plan to any other', () => {
    const ports = fc.array(
      fc.record({
        n: fc.integer({ min: 1, max: 4 }),
        count: fc.integer({ min: 0, max: 3 }),
        affinity: fc.boolean(),
        np: fc.boolean(),
      }),
      { maxLength: 5 },
    );
    const plan = (list: { n: number; count: number; affinity: boolean; np: boolean }[]): Plan =>
      makePlan(
        list.map((p) =>
          port({
            port: number(p.n),
            nodePort: p.np ? number(30000 + p.n) : undefined,
            ...of(p.count, p.affinity),
          }),
        ),
        [],
      );
    fc.assert(
      fc.property(ports, ports, (a, b) => {
        const [from, to] = [plan(a), plan(b)];
        const end = applied(
          from,
          difference(from, to, { standing: standingChains(from) }) as string,
        );
        for (const [name, elements] of Object.entries(to.elements))
          expect(new Map([...(end.get(name) as Map<string, string>)].sort())).toEqual(
            new Map([...elements].sort()),
          );
      }),
    );
  });
});

describe('standing chains', () => {
  const many = (n: number): Plan =>
    makePlan([port({ backends: Array.from({ length: n }, (_, i) => backend(i + 1)) })], []);
  it('are enough for small services and for the neighbours of large ones', () => {
    const small = standingChains(makePlan([], []));
    expect(difference(many(0), many(31), { standing: small })).toContain('goto n31');
    expect(difference(many(31), many(32), { standing: small })).toBeUndefined();
    const large = standingChains(many(70));
    expect(
      [64, 95, 96, 31].map((n) => difference(many(70), many(n), { standing: large }) === undefined),
    ).toEqual([false, false, true, false]);
  });
});

describe('source ranges', () => {
  it(
    'are told to the kernel without those that another holds, from all services of an address ' +
      'together',
    () => {
      const of = (...ranges: string[]) =>
        port({ loadBalancerIps: [ip('192.0.2.1')], sourceRanges: ranges.map(cidr) });
      const plan = makePlan(
        [of('10.1.0.0/16', '10.0.0.0/8'), of('10.0.0.0/8', '172.16.0.0/12')],
        [],
      );
      expect([...plan.elements.allowed.keys()]).toEqual([
        '192.0.2.1 . tcp . 80 . 10.0.0.0/8',
        '192.0.2.1 . tcp . 80 . 172.16.0.0/12',
      ]);
      expect([...makePlan([of()], []).elements.ranged.keys()]).toHaveLength(1);
    },
  );
});

describe('fullRuleset', () => {
  it('replaces the table in one transaction', () => {
    const text = fullRuleset(makePlan([port()], []), node);
    expect(text.startsWith('add table ip skiff\ndelete table ip skiff\ntable ip skiff {')).toBe(
      true,
    );
    // Only what was rewritten may leave with another address: connections over loopback are
    // nobody's business.
    const nodePorts = text.slice(text.indexOf('chain node-ports {'), text.indexOf('chain pre {'));
    expect(nodePorts).not.toContain('mark set');
    expect(text).toContain(
      'chain n2 { meta l4proto { tcp, udp, sctp } dnat to ip daddr . meta l4proto . th dport ' +
        '. numgen random mod 2 map @eps; }',
    );
  });
  it('leaves the service range alone when somebody else carries out services', () => {
    expect(fullRuleset(makePlan([], []), node)).toContain('10.43.0.0/16');
    const text = fullRuleset(makePlan([], []), { ...node, services: false });
    expect(text).not.toContain('10.43.0.0/16');
    expect(text).toContain('ip saddr 10.42.0.0/16 ip daddr != 10.42.0.0/16');
    expect(fullRuleset(makePlan([], []), { ...node, podsLeave: false })).not.toContain(
      'ip daddr != 10.42.0.0/16',
    );
  });
});
