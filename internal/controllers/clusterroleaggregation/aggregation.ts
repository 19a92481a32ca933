import type { ClusterRole, PolicyRule } from '../../api/generated/types/rbac-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { isApiError } from '../owners.ts';
import { startLoop } from '../run.ts';
import { same } from '../same.ts';

const name = 'clusterrole-aggregation-controller';

/** Fills the rules of ClusterRoles that gather those of others by label. */
export function startClusterRoleAggregationController(ctx: ControllerContext): Controller {
  const client = ctx.clientFor(name);
  const roles = ctx.mirrors.of<ClusterRole>(refs.clusterRoles);
  const reconcile = async (key: string): Promise<void> => {
    const role = roles.get(key);
    if (!role?.aggregationRule) return;
    const rules = gathered(role, roles.list());
    if (same(role.rules, rules)) return;
    const body = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: key },
      rules,
    };
    await client
      .patch(
        refs.clusterRoles,
        { name: key },
        { type: 'apply', body },
        { fieldManager: name, force: true },
      )
      .catch((error: unknown) => {
        if (!isApiError(error, 'NotFound')) throw error;
      });
  };
  return startLoop(ctx, { name, reconcile, mirrors: [roles] }, (queue) => {
    roles.onChange(({ object, old }) => {
      if (
        old &&
        same(old.rules, object.rules) &&
        same(old.metadata.labels, object.metadata.labels) &&
        same(old.aggregationRule, object.aggregationRule)
      )
        return;
      for (const role of roles.list()) if (role.aggregationRule) queue.add(role.metadata.name!);
    });
  });
}

function gathered(role: ClusterRole, all: Iterable<ClusterRole>): PolicyRule[] {
  const sorted = [...all].sort((a, b) => (a.metadata.name! < b.metadata.name! ? -1 : 1));
  const rules: PolicyRule[] = [];
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matching = selectorFromObject(selector);
    for (const other of sorted) {
      if (
        other === role ||
        other.metadata.name === role.metadata.name ||
        !matching.matches(other.metadata.labels)
      )
        continue;
      for (const rule of other.rules ?? []) if (!rules.some((r) => same(r, rule))) rules.push(rule);
    }
  }
  return rules;
}
