import { equalAs, stringMap } from '../../api/equality.ts';
import type { ClusterRole, PolicyRule } from '../../api/generated/types/rbac-v1.ts';
import { selectorFromObject } from '../../api/selectors.ts';
import { refs } from '../../client/refs.ts';
import type { Controller, ControllerContext } from '../context.ts';
import { startPlanned } from '../kit/planned.ts';
import { nothing, type Plan } from '../kit/write.ts';

const name = 'clusterrole-aggregation-controller';

/** Fills the rules of ClusterRoles that gather those of others by label. */
export function startClusterRoleAggregationController(ctx: ControllerContext): Controller {
  const roles = ctx.mirrors.of<ClusterRole>(refs.clusterRoles);
  return startPlanned<AggregationView>(
    ctx,
    {
      name,
      mirrors: [{ ref: refs.clusterRoles, mirror: roles }],
      view: (key) => {
        const role = roles.get(key);
        return role?.aggregationRule ? { role, all: [...roles.list()] } : undefined;
      },
      plan: planAggregation,
    },
    (queue) => {
      roles.onChange(({ object, old }) => {
        if (
          old &&
          equalAs('[]@rbac.v1.PolicyRule', old.rules, object.rules) &&
          equalAs(stringMap, old.metadata.labels, object.metadata.labels) &&
          equalAs('@rbac.v1.AggregationRule', old.aggregationRule, object.aggregationRule)
        )
          return;
        for (const role of roles.list()) if (role.aggregationRule) queue.add(role.metadata.name!);
      });
    },
  );
}

interface AggregationView {
  role: ClusterRole;
  all: ClusterRole[];
}

function planAggregation({ role, all }: AggregationView): Plan {
  const rules = gathered(role, all);
  if (equalAs('[]@rbac.v1.PolicyRule', role.rules, rules)) return nothing;
  const body = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: role.metadata.name },
    rules,
  };
  return {
    steps: [
      {
        verb: 'patch',
        ref: refs.clusterRoles,
        object: role,
        patch: { type: 'apply', body },
        options: { fieldManager: name, force: true },
      },
    ],
  };
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
      for (const rule of other.rules ?? [])
        if (!rules.some((r) => equalAs('@rbac.v1.PolicyRule', r, rule))) rules.push(rule);
    }
  }
  return rules;
}
