import { describe, expect, it } from 'vitest';
import type { Endpoint, EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { endpointsOf } from './endpoints.ts';
import { servicePorts } from './service-ports.ts';
import { serviceOf, sliceOf } from './testing/hostile.ts';

interface Facts {
  node?: string;
  zones?: string[];
  nodes?: string[];
  /** `ready` when nothing is said. */
  state?: 'terminating' | 'away';
}

const endpoint = (n: number, { node = 'b', zones, nodes, state }: Facts = {}): Endpoint => ({
  addresses: [`10.42.0.${n}`],
  nodeName: node,
  conditions: {
    ready: state === undefined,
    serving: state !== 'away',
    terminating: state === 'terminating',
  },
  hints: {
    ...(zones && { forZones: zones.map((name) => ({ name })) }),
    ...(nodes && { forNodes: nodes.map((name) => ({ name })) }),
  },
});

const chosen = (...endpoints: Endpoint[]) => {
  const slice = { ...sliceOf('10.42.0.1'), endpoints } as EndpointSlice;
  const place = { nodeName: 'a', zone: 'z1' };
  const found = endpointsOf({ port: 80 }, [slice], place, () => undefined);
  const last = (list: { ip: string }[]): number[] =>
    list.map(({ ip }) => Number(ip.split('.').at(-1)));
  return {
    backends: last(found.backends),
    local: last(found.local),
    readyHere: found.readyHere.length,
  };
};

const ending = { state: 'terminating' } as const;
describe('who answers', () => {
  it.each<[string, Endpoint[], ReturnType<typeof chosen>]>([
    [
      'whoever is ready',
      [endpoint(2), endpoint(3, { node: 'a' }), endpoint(4, { state: 'away' })],
      { backends: [2, 3], local: [3], readyHere: 1 },
    ],
    [
      'whoever ends but serves, where nobody is ready',
      [endpoint(2, ending), endpoint(3, { node: 'a', ...ending })],
      { backends: [2, 3], local: [3], readyHere: 0 },
    ],
    [
      'on this node one that ends, though others are ready elsewhere',
      [endpoint(2), endpoint(3, { node: 'a', ...ending })],
      { backends: [2], local: [3], readyHere: 0 },
    ],
    [
      'those for this zone',
      [endpoint(2, { zones: ['z2'] }), endpoint(3, { zones: ['z1', 'z3'] })],
      { backends: [3], local: [], readyHere: 0 },
    ],
    [
      'everybody where one has no hint',
      [endpoint(2), endpoint(3, { zones: ['z1'] })],
      { backends: [2, 3], local: [], readyHere: 0 },
    ],
    [
      'everybody where no hint is for here',
      [endpoint(2, { zones: ['z2'] }), endpoint(3, { zones: ['z3'] })],
      { backends: [2, 3], local: [], readyHere: 0 },
    ],
    [
      'those for this node before those for its zone',
      [
        endpoint(2, { zones: ['z1'], nodes: ['b'] }),
        endpoint(3, { node: 'a', zones: ['z1'], nodes: ['a'] }),
      ],
      { backends: [3], local: [3], readyHere: 1 },
    ],
    [
      'those for its zone where none is for this node',
      [endpoint(2, { zones: ['z1'], nodes: ['b'] }), endpoint(3, { zones: ['z2'], nodes: ['c'] })],
      { backends: [2], local: [], readyHere: 0 },
    ],
    [
      'whatever hints say, all of this node for what stays on it',
      [endpoint(2, { node: 'a', zones: ['z2'] }), endpoint(3, { zones: ['z1'] })],
      { backends: [3], local: [2], readyHere: 1 },
    ],
  ])('%s', (_what, endpoints, expected) => expect(chosen(...endpoints)).toEqual(expected));
});

describe('what is left to others', () => {
  const context = { nodeName: 'a', clusterRanges: [], leftOut: () => undefined };
  it.each(['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'])(
    'has the label %s',
    (label) => {
      const service = serviceOf({});
      const labelled = { ...service, metadata: { ...service.metadata, labels: { [label]: '' } } };
      const slice = sliceOf('10.42.0.5');
      const marked = { ...slice, metadata: { ...slice.metadata, labels: { [label]: '' } } };
      expect(servicePorts(service, [slice], context)[0]?.backends).toHaveLength(1);
      expect(servicePorts(service, [marked], context)[0]?.backends).toEqual([]);
      expect(servicePorts(labelled, [slice], context)).toEqual([]);
    },
  );
});
