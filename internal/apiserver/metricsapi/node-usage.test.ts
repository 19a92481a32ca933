import { describe, expect, it } from 'vitest';
import { sampleOf, useBetween } from './node-usage.ts';

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();
const counter = (seconds: number, cpu: number): object => ({
  cpu: { time: at(seconds), usageCoreNanoSeconds: cpu },
  memory: { workingSetBytes: 1024 },
});

describe('the use of a node between two looks', () => {
  it('is a rate of CPU and the memory of the later', () => {
    const [before, now] = [
      sampleOf({ node: counter(10, 1e9), pods: [] }),
      sampleOf({ node: counter(20, 6e9), pods: [] }),
    ];
    expect(useBetween(before.node, now.node)).toEqual({
      atMs: 20_000,
      windowMs: 10_000,
      cpuNanoCores: 5e8,
      memoryBytes: 1024,
    });
  });

  it.each([
    ['no look before', undefined, { atMs: 1, cpuNanoseconds: 1, memoryBytes: 1 }],
    [
      'no time between',
      { atMs: 1, cpuNanoseconds: 1, memoryBytes: 1 },
      { atMs: 1, cpuNanoseconds: 1, memoryBytes: 1 },
    ],
    [
      'a counter that started over',
      { atMs: 1, cpuNanoseconds: 9, memoryBytes: 1 },
      { atMs: 2, cpuNanoseconds: 1, memoryBytes: 1 },
    ],
  ])('is not known with %s', (_what, before, now) => {
    expect(useBetween(before, now)).toBeUndefined();
  });
});

describe("a node's document", () => {
  it('gives the counters of its containers', () => {
    const podRef = { namespace: 'ns', name: 'p' };
    const containers = [{ name: 'c', ...counter(1, 5) }, { name: 'new' }];
    const { pods } = sampleOf({ pods: [{ podRef, containers }] });
    expect([...(pods.get('ns/p') ?? [])]).toEqual([
      ['c', { atMs: 1000, cpuNanoseconds: 5, memoryBytes: 1024 }],
    ]);
  });

  it.each([
    [null],
    ['text'],
    [{ node: 1, pods: 'x' }],
    [{ node: { cpu: { time: 'x', usageCoreNanoSeconds: -1 }, memory: [] } }],
    [{ pods: [null, { podRef: {} }, { podRef: { namespace: 'a', name: 'b' }, containers: 3 }] }],
  ])('may be anything: %j', (document) => {
    const sample = sampleOf(document);
    expect(sample.node).toBeUndefined();
    expect([...sample.pods.values()].every((containers) => containers.size === 0)).toBe(true);
  });
});
