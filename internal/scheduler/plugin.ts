import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../api/generated/types/core-v1.ts';
import type { StorageClass } from '../api/generated/types/storage-v1.ts';
import type { NodeInfo, PodInfo } from './node-info.ts';

/** Why a node will not do. `final`: taking pods away from it would not help. */
export interface Refusal {
  reasons: string[];
  final: boolean;
}

/** All that a plug-in may look at. */
export interface View {
  pod: PodInfo;
  nodes: readonly NodeInfo[];
  /** Labels of a namespace, for namespace selectors. */
  namespaceLabels(name: string): Record<string, string>;
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): Iterable<PersistentVolume>;
  storageClass(name: string): StorageClass | undefined;
}

export interface Filter {
  name: string;
  /**
   * Prepares for one pod, or tells that the plug-in has nothing to say about it. A string refuses
   * every node.
   */
  prepare(view: View): ((node: NodeInfo) => Refusal | undefined) | undefined | string;
}

export interface Score {
  name: string;
  weight: number;
  /**
   * 0 (worst) to 100 for each of the given nodes, in their order; undefined when it has nothing to
   * say.
   */
  rank(view: View, nodes: readonly NodeInfo[]): number[] | undefined;
}

export const refuse = (reason: string): Refusal => ({ reasons: [reason], final: false });
export const refuseFinally = (reason: string): Refusal => ({ reasons: [reason], final: true });

/** Brings raw numbers to 0..100; `reverse` makes the smallest the best. */
export function normalize(raw: number[], reverse = false): number[] {
  const most = Math.max(0, ...raw);
  if (most === 0) return raw.map(() => (reverse ? 100 : 0));
  return raw.map((r) => {
    const part = (r * 100) / most;
    return reverse ? 100 - part : part;
  });
}

export const namespaceOf = (pod: Pod): string => pod.metadata.namespace ?? '';
