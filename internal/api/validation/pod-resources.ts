import type {
  PodResourceClaim,
  PodSpec,
  ResourceRequirements,
} from '../generated/types/core-v1.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import { parseQuantity, zeroQuantity } from '../quantity.ts';
import type { Quantity } from '../quantity.ts';
import type { Problems } from './problems.ts';
import { shown } from './shapes.ts';
import { isHugePages } from './resource-names.ts';
import { checkPodResourceName, checkRequirements } from './resources.ts';

/** Devices the pod asks for; returns the names that containers may use. */
export function checkPodClaims(
  problems: Problems,
  claims: readonly PodResourceClaim[],
  path: string,
): Set<string> {
  const names = new Set<string>();
  claims.forEach((claim, i) => {
    const at = `${path}[${i}]`;
    if (!claim.name) problems.required(`${at}.name`);
    else if (names.has(claim.name)) problems.duplicate(`${at}.name`, claim.name);
    else {
      problems.check(`${at}.name`, claim.name, dns1123Label);
      names.add(claim.name);
    }
    const { resourceClaimName: own, resourceClaimTemplateName: template } = claim;
    if (own !== undefined && template !== undefined)
      problems.invalid(
        at,
        shown('PodResourceClaim', claim),
        'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
      );
    if (own === undefined && template === undefined)
      problems.invalid(
        at,
        shown('PodResourceClaim', claim),
        'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
      );
    if (own !== undefined) problems.check(`${at}.resourceClaimName`, own, dns1123Subdomain);
    if (template !== undefined)
      problems.check(`${at}.resourceClaimTemplateName`, template, dns1123Subdomain);
  });
  return names;
}

/** Resources of the pod as a whole must hold what its containers ask for. */
export function checkPodResources(
  problems: Problems,
  spec: PodSpec,
  claims: ReadonlySet<string>,
  path: string,
): void {
  const { resources } = spec;
  if (!resources) return;
  const at = `${path}.resources`;
  if (spec.os?.name === 'windows')
    return problems.forbidden(at, 'may not be set for a windows pod');
  if (resources.claims)
    problems.forbidden(`${at}.claims`, 'claims may not be set for Resources at pod-level');
  checkRequirements(problems, resources, at, { claims, names: checkPodResourceName });
  for (const [name, sum] of aggregate(spec, 'requests')) {
    const own = resources.requests?.[name];
    if (own !== undefined && sum.cmp(parseQuantity(own)) > 0)
      problems.invalid(
        `${at}.requests[${name}]`,
        parseQuantity(own).toString(),
        `must be greater than or equal to aggregate container requests of ${sum.toString()}`,
      );
  }
  for (const [name, sum] of aggregate(spec, 'limits')) {
    const own = resources.limits?.[name];
    if (isHugePages(name) && own !== undefined && sum.cmp(parseQuantity(own)) > 0)
      problems.invalid(
        `${at}.limits[${name}]`,
        own,
        `must be greater than or equal to aggregate container limits of ${sum.toString()}`,
      );
  }
  (spec.containers ?? []).forEach((container, i) => {
    for (const [name, text] of Object.entries(container.resources?.limits ?? {})) {
      const own = resources.limits?.[name];
      if (own !== undefined && parseQuantity(text).cmp(parseQuantity(own)) > 0) {
        problems.invalid(
          `${at}.containers[${i}][${name}].limits`,
          parseQuantity(text).toString(),
          `must be less than or equal to pod limits of ${parseQuantity(own).toString()}`,
        );
      }
    }
  });
}

/**
 * What all containers need at once: the sum of those that run together, or the largest init
 * container with the sidecars before it.
 */
function aggregate(spec: PodSpec, list: 'requests' | 'limits'): Map<string, Quantity> {
  const total = new Map<string, Quantity>();
  const sidecars = new Map<string, Quantity>();
  const peak = new Map<string, Quantity>();
  for (const container of spec.containers ?? []) addAll(total, container.resources, list);
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      addAll(total, container.resources, list);
      addAll(sidecars, container.resources, list);
      raise(peak, sidecars);
    } else {
      const here = new Map(sidecars);
      addAll(here, container.resources, list);
      raise(peak, here);
    }
  }
  raise(total, peak);
  return total;
}

function addAll(
  sums: Map<string, Quantity>,
  resources: ResourceRequirements | undefined,
  list: 'requests' | 'limits',
): void {
  for (const [name, text] of Object.entries(resources?.[list] ?? {}))
    sums.set(name, (sums.get(name) ?? zeroQuantity).add(parseQuantity(text)));
}

function raise(to: Map<string, Quantity>, from: ReadonlyMap<string, Quantity>): void {
  for (const [name, quantity] of from)
    if ((to.get(name) ?? zeroQuantity).cmp(quantity) < 0) to.set(name, quantity);
}
