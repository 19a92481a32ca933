import { createHash } from 'node:crypto';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { own } from '../../base/own.ts';
import { planLabel, type UpgradePlan } from './plan-types.ts';

const hostname = 'kubernetes.io/hostname';
const controlPlane = 'node-role.kubernetes.io/control-plane';

export const hostOf = (node: Node): string => own(node.metadata.labels, hostname) ?? '';

const isServer = (node: Node): boolean => own(node.metadata.labels, controlPlane) !== undefined;

/** The nodes that the plan still has to be applied to. */
function pending(plan: UpgradePlan, hash: string, nodes: readonly Node[]): Node[] {
  const selector = selectorFromObject(plan.spec?.nodeSelector ?? {});
  const label = planLabel(plan.metadata.name ?? '');
  return nodes.filter(({ metadata }) => {
    const { labels, deletionTimestamp } = metadata;
    const has = own(labels, label);
    return (
      deletionTimestamp === undefined &&
      own(labels, hostname) !== undefined &&
      selector.matches(labels) &&
      has !== 'disabled' &&
      has !== hash
    );
  });
}

/**
 * The nodes whose turn it is: those that are under way stay, others follow in an order that is the
 * plan's own. Servers go one at a time, and before all others.
 */
export function select(plan: UpgradePlan, hash: string, nodes: readonly Node[]): Node[] {
  const left = pending(plan, hash, nodes);
  const servers = left.filter(isServer);
  const turn = servers.length > 0 ? servers : left;
  const many = servers.length > 0 ? 1 : (plan.spec?.concurrency ?? 1);
  const rank = ({ metadata }: Node): string =>
    createHash('sha256')
      .update(`${metadata.uid ?? ''}${plan.metadata.uid ?? ''}${hash}`)
      .digest('hex');
  const applying = new Set(plan.status?.applying);
  const ranked = turn
    .map((node) => ({ node, rank: `${applying.has(hostOf(node)) ? 0 : 1}${rank(node)}` }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const name = (node: Node): string => node.metadata.name ?? '';
  return ranked
    .slice(0, many)
    .map(({ node }) => node)
    .sort((a, b) => (name(a) < name(b) ? -1 : 1));
}
