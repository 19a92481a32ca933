import { mustCidr } from '../base/addresses.ts';
import { partOf } from '../base/testing/part-of.ts';
import { describe, expect, it } from 'vitest';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { Pod } from '../api/generated/types/core-v1.ts';
import { byDeletionRank } from './deletion-rank.ts';
import { maxPerSlice, planSlices } from './endpointslice/plan.ts';
import { scaled } from './int-or-percent.ts';
import { Intervals } from './job/intervals.ts';
import { CidrPool } from './nodeipam/cidr.ts';
import { templateHash } from './template-hash.ts';
import { toleratedForMs } from './tolerations.ts';

describe('template hash', () => {
  it('is the same whatever the order of keys and for absent, null and empty', () => {
    expect(templateHash({ a: 1, b: { c: [1, 2] } })).toBe(
      templateHash({ b: { c: [1, 2] }, a: 1, d: null, e: {}, f: [] }),
    );
  });
  it('differs by content and by collision count, in safe letters', () => {
    const hashes = [
      templateHash({ a: 1 }),
      templateHash({ a: 2 }),
      templateHash({ a: 1 }, 0),
      templateHash({ a: 1 }, 1),
    ];
    expect(new Set(hashes).size).toBe(4);
    for (const h of hashes) expect(h).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  });
});

describe('int or percent', () => {
  it.each([
    [3, 10, true, 3],
    ['25%', 10, true, 3],
    ['25%', 10, false, 2],
    ['0%', 10, true, 0],
    [undefined, 10, true, 0],
  ])('%s of %d', (value, total, up, expected) => expect(scaled(value, total, up)).toBe(expected));
});

describe('intervals', () => {
  it.each([
    [[], ''],
    [[0], '0'],
    [[0, 1], '0,1'],
    [[0, 1, 2, 5, 7, 8], '0-2,5,7,8'],
  ])('%j is written %s and read back', (indexes, text) => {
    expect(new Intervals(indexes).toString()).toBe(text);
    expect([...Intervals.parse(text, 100)]).toEqual(indexes);
  });
  it('drops what is beyond the completions', () =>
    expect(Intervals.parse('0-5,9', 4).toString()).toBe('0-3'));
});

describe('deletion rank', () => {
  const now = Date.UTC(2026, 0, 2);
  const pod = (
    name: string,
    over: {
      node?: string;
      phase?: string;
      ready?: string;
      cost?: string;
      restarts?: number;
      created?: string;
    } = {},
  ): Pod =>
    ({
      metadata: {
        name,
        uid: name,
        creationTimestamp: over.created ?? '2026-01-01T00:00:00Z',
        annotations: over.cost ? { 'controller.kubernetes.io/pod-deletion-cost': over.cost } : {},
      },
      spec: { nodeName: over.node ?? 'n' },
      status: {
        phase: over.phase ?? 'Running',
        conditions:
          over.ready === 'no'
            ? []
            : [
                {
                  type: 'Ready',
                  status: 'True',
                  lastTransitionTime: over.ready ?? '2026-01-01T00:00:00Z',
                },
              ],
        containerStatuses: [{ restartCount: over.restarts ?? 0 }],
      },
    }) as Pod;
  const order = (pods: Pod[]): string[] =>
    [...pods]
      .sort(byDeletionRank((p) => (p.spec.nodeName === 'crowded' ? 5 : 1), now))
      .map((p) => p.metadata.name!);
  it('gives up first what is worth least', () => {
    const pods = [
      pod('keep'),
      pod('young', { created: '2026-01-01T23:59:00Z' }),
      pod('restarted', { restarts: 9 }),
      pod('lately-ready', { ready: '2026-01-01T23:59:00Z' }),
      pod('crowded', { node: 'crowded' }),
      pod('cheap', { cost: '-1' }),
      pod('unready', { ready: 'no' }),
      pod('pending', { phase: 'Pending', ready: 'no' }),
      pod('unassigned', { node: '', phase: 'Pending', ready: 'no' }),
    ];
    expect(order(pods)).toEqual([
      'unassigned',
      'pending',
      'unready',
      'cheap',
      'crowded',
      'lately-ready',
      'restarted',
      'young',
      'keep',
    ]);
  });
});

describe('pod ranges', () => {
  it('gives the lowest free range and takes it back', () => {
    const pool = new CidrPool(mustCidr('10.42.0.0/16'), 24);
    pool.occupy('10.42.0.0/24');
    expect(pool.allocate()).toBe('10.42.1.0/24');
    expect(pool.allocate()).toBe('10.42.2.0/24');
    pool.release('10.42.1.0/24');
    expect(pool.allocate()).toBe('10.42.1.0/24');
  });
  it('gives ranges of IPv6 too, and counts none of another network', () => {
    const pool = new CidrPool(mustCidr('fd42::/56'), 64);
    for (const taken of ['fd42::/64', 'fd43::/64', '10.42.0.0/24', 'nothing']) pool.occupy(taken);
    expect(pool.allocate()).toBe('fd42:0:0:1::/64');
    pool.release('fd42::/64');
    expect(pool.allocate()).toBe('fd42::/64');
    expect(pool.allocate()).toBe('fd42:0:0:2::/64');
  });
  it('says when all are taken', () => {
    const pool = new CidrPool(mustCidr('10.42.0.0/23'), 24);
    expect([pool.allocate(), pool.allocate(), pool.allocate()]).toEqual([
      '10.42.0.0/24',
      '10.42.1.0/24',
      undefined,
    ]);
  });
});

describe('tolerations of NoExecute taints', () => {
  const taint = { key: 'k', effect: 'NoExecute' };
  it.each([
    [[], 0],
    [[{ key: 'k', operator: 'Exists' }], undefined],
    [
      [
        { key: 'k', operator: 'Exists', tolerationSeconds: 30 },
        { operator: 'Exists', tolerationSeconds: 10 },
      ],
      10_000,
    ],
    [[{ key: 'k', operator: 'Exists', tolerationSeconds: -5 }], 0],
  ])('%j', (tolerations, expected) => expect(toleratedForMs(tolerations, [taint])).toBe(expected));
});

describe('endpoint slices', () => {
  const owner = { apiVersion: 'v1', kind: 'Service', name: 's', uid: 'u', controller: true };
  const labels = { app: 's' };
  const endpoint = (i: number): EndpointSlice['endpoints'][number] => ({
    addresses: [`10.0.${i >> 8}.${i & 255}`],
    conditions: { ready: true },
    targetRef: { uid: `p${i}` },
  });
  const slice = (
    name: string,
    endpoints: EndpointSlice['endpoints'],
    ports: EndpointSlice['ports'] = [{ name: '', protocol: 'TCP', port: 80 }],
  ): EndpointSlice =>
    partOf<EndpointSlice>({
      metadata: { name, labels, ownerReferences: [owner] },
      addressType: 'IPv4',
      ports,
      endpoints,
    });
  const group = (n: number): Parameters<typeof planSlices>[1] => [
    {
      addressType: 'IPv4',
      ports: [{ name: '', protocol: 'TCP', port: 80 }],
      endpoints: Array.from({ length: n }, (_, i) => endpoint(i)),
    },
  ];
  const options = { addressTypes: ['IPv4'], labels, owner, placeholder: true };

  it('keeps one empty slice for a service without endpoints, and leaves it alone', () => {
    const plan = planSlices([], [], options);
    expect(plan.create).toEqual([
      { addressType: 'IPv4', ports: [], endpoints: [], labels, annotations: undefined },
    ]);
    expect(planSlices([slice('empty', [], [])], [], options)).toEqual({
      create: [],
      update: [],
      remove: [],
    });
  });
  it('splits what is too much for one slice', () =>
    expect(
      planSlices([], group(2 * maxPerSlice + 1), options).create.map((s) => s.endpoints.length),
    ).toEqual([100, 100, 1]));
  it('changes only the slice that changes', () => {
    const first = slice(
      'a',
      Array.from({ length: 100 }, (_, i) => endpoint(i)),
    );
    const second = slice('b', [endpoint(100)]);
    const plan = planSlices([first, second], group(102), options);
    expect(plan.create).toEqual([]);
    expect(plan.update.map((u) => [u.slice.metadata.name, u.body.endpoints.length])).toEqual([
      ['b', 2],
    ]);
  });
  it('removes slices of strangers and of ports that are gone', () => {
    const stranger = {
      ...slice('x', []),
      metadata: { name: 'x', ownerReferences: [{ ...owner, uid: 'other' }] },
    } as EndpointSlice;
    const plan = planSlices(
      [stranger, slice('old', [endpoint(0)], [{ name: '', protocol: 'TCP', port: 81 }])],
      group(1),
      options,
    );
    expect(plan.remove.map((s) => s.metadata.name)).toEqual(['x', 'old']);
    expect(plan.create.length).toBe(1);
  });
});
