import { fieldsOf } from '../../api/object.ts';

/** What one container, or a node, has used until a moment. */
export interface Counter {
  atMs: number;
  /** Since its start. */
  cpuNanoseconds: number;
  memoryBytes: number;
}

/** A node and its pods at one moment, as its /stats/summary tells. */
export interface Sample {
  node: Counter | undefined;
  /** `namespace/name` -> container -> counter. */
  pods: Map<string, Map<string, Counter>>;
}

/** The use between two moments. */
export interface Use {
  atMs: number;
  windowMs: number;
  cpuNanoCores: number;
  memoryBytes: number;
}

/** Reads a node's document; what has no numbers is left out, for a node may say anything. */
export function sampleOf(document: unknown): Sample {
  const { node, pods } = objectOr(document);
  const sample: Sample = { node: counterOf(node), pods: new Map() };
  for (const pod of listOr(pods)) {
    const { podRef, containers } = objectOr(pod);
    const { namespace, name } = objectOr(podRef);
    if (typeof namespace !== 'string' || typeof name !== 'string') continue;
    const counters = new Map<string, Counter>();
    for (const container of listOr(containers)) {
      const { name: called } = objectOr(container);
      const counter = counterOf(container);
      if (typeof called === 'string' && counter) counters.set(called, counter);
    }
    sample.pods.set(`${namespace}/${name}`, counters);
  }
  return sample;
}

function counterOf(value: unknown): Counter | undefined {
  const { cpu, memory } = objectOr(value);
  const { time, usageCoreNanoSeconds: cpuNanoseconds } = objectOr(cpu);
  const { workingSetBytes: memoryBytes } = objectOr(memory);
  const atMs = typeof time === 'string' ? Date.parse(time) : Number.NaN;
  const good = (n: unknown): n is number => typeof n === 'number' && n >= 0 && n < 2 ** 63;
  return good(atMs) && good(cpuNanoseconds) && good(memoryBytes)
    ? { atMs, cpuNanoseconds, memoryBytes }
    : undefined;
}

const objectOr = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? fieldsOf(value) : {};
const listOr = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** Undefined when the two are no pair: no time between them, or a counter that started over. */
export function useBetween(before: Counter | undefined, now: Counter | undefined): Use | undefined {
  if (!before || !now || now.atMs <= before.atMs || now.cpuNanoseconds < before.cpuNanoseconds)
    return undefined;
  const windowMs = now.atMs - before.atMs;
  return {
    atMs: now.atMs,
    windowMs,
    cpuNanoCores: Math.round(((now.cpuNanoseconds - before.cpuNanoseconds) * 1000) / windowMs),
    memoryBytes: now.memoryBytes,
  };
}
