import { own } from '../../base/own.ts';
import type { Node } from '../generated/types/core-v1.ts';

/** k3s' labels of its load balancer: with one node that has the first, only such nodes balance. */
const enableLabel = 'svccontroller.k3s.cattle.io/enablelb';
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** Whether labels choose nodes at all. */
export const anyEnabled = (nodes: readonly Node[]): boolean =>
  nodes.some((node) => own(node.metadata.labels, enableLabel) === 'true');

/** Not on its way out, and not left out by its labels. `any`: some node was chosen by a label. */
export function mayServe({ metadata }: Node, any: boolean): boolean {
  const { labels, deletionTimestamp } = metadata;
  if (deletionTimestamp || own(labels, excludeLabel) !== undefined) return false;
  return !any || own(labels, enableLabel) === 'true';
}

/** The nodes that answer for Ingresses: those that answer for load balancers. */
export function servingNodes(nodes: readonly Node[]): Node[] {
  const any = anyEnabled(nodes);
  return nodes.filter((node) => mayServe(node, any));
}
