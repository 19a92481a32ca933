import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/types/core-v1.ts';
import type {
  AllocationResult,
  Device,
  DeviceClaim,
  ResourceClaim,
} from '../../api/generated/types/resource-v1.ts';
import { podInfo } from '../cache/pod-info.ts';
import { CycleState } from '../framework/cycle-state.ts';
import { node, pod, TestCluster } from '../testing/cluster.ts';

const driver = 'gpu.example.com';
const slice = (nodeName: string, devices: object[], more: object = {}): object => ({
  metadata: { name: `${nodeName}-slice` },
  spec: {
    driver,
    pool: { name: nodeName, generation: 1, resourceSliceCount: 1 },
    nodeName,
    devices,
    ...more,
  },
});
const gpu = (name: string, attributes: Device['attributes'] = {}, more: object = {}): object => ({
  name,
  attributes,
  ...more,
});
const claim = (name: string, devices: DeviceClaim, status: object = {}): ResourceClaim =>
  ({
    metadata: { name, namespace: 'default', uid: `uid-${name}` },
    spec: { devices },
    status,
  }) as ResourceClaim;
const exactly = (more: object = {}, name = 'r'): DeviceClaim['requests'][0] =>
  ({ name, exactly: { deviceClassName: 'gpu', ...more } }) as DeviceClaim['requests'][0];
const using = (...claims: string[]): Pod =>
  pod('1m', { resourceClaims: claims.map((c) => ({ name: c, resourceClaimName: c })) } as never);
const cel = (expression: string): object => ({ selectors: [{ cel: { expression } }] });

interface World {
  claims: ResourceClaim[];
  slices: object[];
  selectors?: object[];
}

function clusterOf({ claims, slices, selectors = [] }: World): TestCluster {
  const deviceClasses = [{ metadata: { name: 'gpu' }, spec: { selectors } }];
  return new TestCluster({ resourceClaims: claims, resourceSlices: slices, deviceClasses })
    .with(node('a'))
    .with(node('b'));
}

/** The node and the devices that a pod would be given; otherwise the message. */
function given(world: World, p: Pod, cluster = clusterOf(world)): string {
  const state = new CycleState();
  const chosen = cluster.place(p, state);
  if (chosen.length > 1) return chosen;
  const info = podInfo(p);
  const status = cluster.profile.reserve(state, info, chosen);
  if (status) return status.reasons.join();
  const results = [...cluster.handle.promised.devices.values()].flatMap(
    ({ allocation }) => allocation.devices.results ?? [],
  );
  return `${chosen}: ${results.map((r) => `${r.request}=${r.device}`).join(' ')}`;
}

const cannot = '0/2 nodes are available: 2 cannot allocate all claims.';

describe('devices for claims', () => {
  it('are chosen by class and by the request’s own selectors', () => {
    const slices = [
      slice('a', [gpu('g0', { model: { string: 'small' }, memory: { int: 8 } })]),
      slice('b', [
        gpu('g0', { model: { string: 'big' }, memory: { int: 80 } }),
        gpu('g1', { model: { string: 'big' }, memory: { int: 40 } }),
      ]),
    ];
    const selectors = [{ cel: { expression: `device.driver == "${driver}"` } }];
    const ask = (expression: string): string =>
      given(
        { claims: [claim('c', { requests: [exactly(cel(expression))] })], slices, selectors },
        using('c'),
      );
    expect(ask(`device.attributes["${driver}"].memory == 40`)).toBe('b: r=g1');
    expect(ask(`device.attributes["${driver}"].model == "small"`)).toBe('a: r=g0');
    expect(ask(`device.attributes["${driver}"].memory > 100`)).toBe(cannot);
    // A domain that the device does not know is empty rather than an error.
    expect(ask('"x" in device.attributes["other.example.com"]')).toBe(cannot);
    expect(ask(`device.attributes["${driver}"].nothing == 1`)).toContain('CEL runtime error');
  });

  it('compare versions and capacity as what they are', () => {
    const device = gpu(
      'g0',
      { driverVersion: { version: '1.10.0' } },
      { capacity: { memory: { value: '40Gi' } } },
    );
    const ask = (expression: string): string =>
      given(
        {
          claims: [claim('c', { requests: [exactly(cel(expression))] })],
          slices: [slice('a', [device])],
        },
        using('c'),
      );
    const version = `device.attributes["${driver}"].driverVersion`;
    expect(ask(`${version}.isGreaterThan(semver("1.9.0"))`)).toBe('a: r=g0');
    expect(ask(`device.capacity["${driver}"].memory.compareTo(quantity("41Gi")) >= 0`)).toBe(
      cannot,
    );
  });

  it('are counted, and all of them when all are asked for', () => {
    const slices = [slice('a', [gpu('g0')]), slice('b', [gpu('g0'), gpu('g1')])];
    const ask = (more: object): string =>
      given({ claims: [claim('c', { requests: [exactly(more)] })], slices }, using('c'));
    expect(ask({ count: 2 })).toBe('b: r=g0 r=g1');
    expect(ask({ count: 3 })).toBe(cannot);
    expect(ask({ allocationMode: 'All', selectors: [{ cel: { expression: 'true' } }] })).toMatch(
      /^(a: r=g0|b: r=g0 r=g1)$/,
    );
    expect(ask({ allocationMode: 'All', ...cel('false') })).toBe(cannot);
  });

  it('are not given twice, except to administrators who look on', () => {
    const taken: AllocationResult = {
      devices: { results: [{ request: 'r', driver, pool: 'a', device: 'g0' }] },
    };
    const slices = [slice('a', [gpu('g0')])];
    const other = claim('other', { requests: [exactly()] }, { allocation: taken });
    const ask = (more: object): string =>
      given({ claims: [other, claim('c', { requests: [exactly(more)] })], slices }, using('c'));
    expect(ask({})).toBe(cannot);
    expect(ask({ adminAccess: true })).toBe('a: r=g0');
  });

  it('are not given to the next pod while the first is still being bound', () => {
    const claims = [
      claim('one', { requests: [exactly()] }),
      claim('two', { requests: [exactly()] }),
    ];
    const world = { claims, slices: [slice('a', [gpu('g0')])] };
    const cluster = clusterOf(world);
    expect(given(world, using('one'), cluster)).toBe('a: r=g0');
    expect(cluster.place(using('two'))).toBe(cannot);
    expect(cluster.place(using('one'))).toBe(
      '0/2 nodes are available: resource claim default/one is in the process of being allocated.',
    );
  });

  it('share or differ in an attribute, over several requests', () => {
    const on = (n: number, numa: number): object => gpu(`g${n}`, { numa: { int: numa } });
    const slices = [slice('a', [on(0, 0), on(1, 1), on(2, 1)])];
    const ask = (constraint: object): string => {
      const requests = [exactly({}, 'x'), exactly({}, 'y')];
      const devices = { requests, constraints: [constraint] };
      return given({ claims: [claim('c', devices as DeviceClaim)], slices }, using('c'));
    };
    expect(ask({ matchAttribute: `${driver}/numa` })).toBe('a: x=g1 y=g2');
    expect(ask({ distinctAttribute: `${driver}/numa` })).toBe('a: x=g0 y=g1');
    expect(ask({ matchAttribute: `${driver}/other` })).toBe(cannot);
  });

  it('are the best alternative that is free', () => {
    const firstAvailable = [
      { name: 'big', deviceClassName: 'gpu', ...cel('device.attributes["x/y"].z == 1'), count: 9 },
      { name: 'two', deviceClassName: 'gpu', count: 2 },
      { name: 'one', deviceClassName: 'gpu' },
    ].map((one) => ({ ...one, ...(one.name === 'big' ? cel('false') : {}) }));
    const claims = [claim('c', { requests: [{ name: 'r', firstAvailable }] } as DeviceClaim)];
    expect(given({ claims, slices: [slice('a', [gpu('g0'), gpu('g1')])] }, using('c'))).toBe(
      'a: r/two=g0 r/two=g1',
    );
    // A node with the better alternative is the better node.
    const slices = [slice('a', [gpu('g0')]), slice('b', [gpu('g0'), gpu('g1')])];
    expect(given({ claims, slices }, using('c'))).toBe('b: r/two=g0 r/two=g1');
    expect(given({ claims, slices: [slice('a', [gpu('g0')])] }, using('c'))).toBe('a: r/one=g0');
  });

  it('draw on shared counters', () => {
    const part = (name: string, memory: string): object =>
      gpu(
        name,
        {},
        { consumesCounters: [{ counterSet: 'card', counters: { memory: { value: memory } } }] },
      );
    const counters = {
      metadata: { name: 'a-counters' },
      spec: {
        driver,
        pool: { name: 'a', generation: 1, resourceSliceCount: 2 },
        nodeName: 'a',
        sharedCounters: [{ name: 'card', counters: { memory: { value: '40Gi' } } }],
      },
    };
    const pool = { name: 'a', generation: 1, resourceSliceCount: 2 };
    const devices = slice(
      'a',
      [part('half', '20Gi'), part('whole', '40Gi'), part('rest', '20Gi')],
      { pool },
    );
    const ask = (count: number): string =>
      given(
        { claims: [claim('c', { requests: [exactly({ count })] })], slices: [counters, devices] },
        using('c'),
      );
    expect(ask(2)).toBe('a: r=half r=rest');
    expect(ask(3)).toBe(cannot);
  });

  it('are not taken from a pool that is being updated', () => {
    const pool = { name: 'a', generation: 2, resourceSliceCount: 2 };
    const slices = [slice('a', [gpu('g0')], { pool })];
    const claims = [claim('c', { requests: [exactly()] })];
    expect(given({ claims, slices }, using('c'))).toBe(cannot);
    const all = [claim('c', { requests: [exactly({ allocationMode: 'All' })] })];
    expect(given({ claims: all, slices }, using('c'))).toContain('is currently being updated');
  });

  it('with taints are given to who tolerates them', () => {
    const taints = [{ key: 'broken', value: 'yes', effect: 'NoSchedule' }];
    const slices = [slice('a', [gpu('g0', {}, { taints })])];
    const ask = (more: object): string =>
      given({ claims: [claim('c', { requests: [exactly(more)] })], slices }, using('c'));
    expect(ask({})).toBe(cannot);
    expect(ask({ tolerations: [{ key: 'broken', operator: 'Exists' }] })).toBe('a: r=g0');
  });

  it('are shared by their capacity where the driver allows it', () => {
    const shared = gpu(
      'g0',
      {},
      {
        allowMultipleAllocations: true,
        capacity: {
          memory: {
            value: '10Gi',
            requestPolicy: { default: '4Gi', validRange: { min: '2Gi', step: '2Gi' } },
          },
        },
      },
    );
    const claims = ['one', 'two', 'three'].map((name) =>
      claim(name, { requests: [exactly({ capacity: { requests: { memory: '3Gi' } } })] }),
    );
    const world = { claims, slices: [slice('a', [shared])] };
    const cluster = clusterOf(world);
    given(world, using('one'), cluster);
    given(world, using('two'), cluster);
    const [first] = [...cluster.handle.promised.devices.values()];
    expect(first?.allocation.devices.results?.[0]).toMatchObject({
      device: 'g0',
      consumedCapacity: { memory: '4Gi' },
      shareID: expect.any(String) as string,
    });
    expect(cluster.place(using('three'))).toBe(cannot);
  });

  it('tie the claim to where they are', () => {
    const claims = [claim('c', { requests: [exactly()] })];
    const world = { claims, slices: [slice('b', [gpu('g0')])] };
    const cluster = clusterOf(world);
    given(world, using('c'), cluster);
    const [promise] = [...cluster.handle.promised.devices.values()];
    expect(promise?.allocation.nodeSelector).toEqual({
      nodeSelectorTerms: [
        { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] },
      ],
    });
    const allocated = claim('c', { requests: [exactly()] }, { allocation: promise?.allocation });
    const again = clusterOf({ claims: [allocated], slices: [] });
    expect(again.place(using('c'))).toBe('b');
    expect(new TestCluster({ resourceClaims: [allocated] }).with(node('a')).place(using('c'))).toBe(
      '0/1 nodes are available: 1 resourceclaim not available on the node.',
    );
  });

  it('wait for claims and classes that are not there', () => {
    const lost = clusterOf({ claims: [], slices: [] });
    expect(lost.place(using('c'))).toBe(
      '0/2 nodes are available: could not find ResourceClaim "default/c".',
    );
    expect(lost.profile.preEnqueue(podInfo(using('c')))?.plugin).toBe('DynamicResources');
    const request = exactly({ deviceClassName: 'other' });
    const classless = clusterOf({ claims: [claim('c', { requests: [request] })], slices: [] });
    expect(classless.place(using('c'))).toBe(
      '0/2 nodes are available: request r: device class other does not exist.',
    );
  });
});
