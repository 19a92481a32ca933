import { own } from '../../base/own.ts';
import type { ResourceClaim, ResourceRequirements } from '../generated/types/core-v1.ts';
import { dns1123Label, qualifiedName } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import type { Quantity } from '../quantity.ts';
import { negative } from './problems.ts';
import type { Problems } from './problems.ts';
import {
  isExtendedResource,
  isHugePages,
  isIntegerResource,
  isNativeResource,
  isOvercommitAllowed,
  isStandardContainerResource,
  isStandardResource,
} from './resource-names.ts';

/** Any resource name: standard, or with a domain. False when something was wrong. */
export function checkResourceName(problems: Problems, name: string, field: string): boolean {
  const wrong = qualifiedName(name);
  for (const m of wrong) problems.invalid(field, name, m);
  if (wrong.length > 0) return false;
  if (!name.includes('/') && !isStandardResource(name)) {
    problems.invalid(field, name, 'must be a standard resource type or fully qualified');
    return false;
  }
  return true;
}

export function checkContainerResourceName(problems: Problems, name: string, field: string): void {
  checkResourceName(problems, name, field);
  if (!name.includes('/')) {
    if (!isStandardContainerResource(name))
      problems.invalid(field, name, 'must be a standard resource for containers');
  } else if (!isNativeResource(name) && !isExtendedResource(name))
    problems.invalid(field, name, "doesn't follow extended resource name standard");
}

export function checkNonNegativeQuantity(
  problems: Problems,
  quantity: Quantity,
  field: string,
): void {
  if (quantity.sign() < 0) problems.invalid(field, quantity.toString(), negative);
}

export function checkQuantity(
  problems: Problems,
  name: string,
  quantity: Quantity,
  field: string,
): void {
  checkNonNegativeQuantity(problems, quantity, field);
  if (isIntegerResource(name) && !quantity.isWhole())
    problems.invalid(field, quantity.toString(), 'must be an integer');
}

/** `hugepages-2Mi` comes in pages of that size. */
function checkHugePages(problems: Problems, name: string, quantity: Quantity, field: string): void {
  if (!isHugePages(name)) return;
  try {
    const page = parseQuantity(name.slice('hugepages-'.length)).value();
    if (page > 0n && quantity.sign() >= 0 && quantity.value() % page === 0n) return;
  } catch {
    // A size that is not a quantity has no multiples.
  }
  problems.invalid(
    field,
    quantity.toString(),
    `${quantity.toString()} is not positive integer multiple of ${name}`,
  );
}

type NameRule = (problems: Problems, name: string, field: string) => void;
const podLevel = ['cpu', 'memory'];

/** Pods may ask for a few things as a whole. */
export const checkPodResourceName: NameRule = (problems, name, field) => {
  if (checkResourceName(problems, name, field) && !podLevel.includes(name) && !isHugePages(name))
    problems.notSupported(field, name, ['cpu', 'hugepages-', 'memory']);
};

export function checkRequirements(
  problems: Problems,
  requirements: ResourceRequirements | undefined,
  path: string,
  options: { claims: ReadonlySet<string>; names?: NameRule },
): void {
  const { limits = {}, requests = {}, claims = [] } = requirements ?? {};
  const names = options.names ?? checkContainerResourceName;
  for (const [name, text] of Object.entries(limits)) {
    const at = `${path}.limits[${name}]`;
    names(problems, name, at);
    const quantity = parseQuantity(text);
    checkQuantity(problems, name, quantity, at);
    checkHugePages(problems, name, quantity, at);
  }
  for (const [name, text] of Object.entries(requests)) {
    const at = `${path}.requests[${name}]`;
    names(problems, name, at);
    const quantity = parseQuantity(text);
    checkQuantity(problems, name, quantity, at);
    checkAgainstLimit(problems, name, quantity, own(limits, name), path);
    checkHugePages(problems, name, quantity, at);
  }
  const all = [...Object.keys(limits), ...Object.keys(requests)];
  if (all.some(isHugePages) && !all.includes('cpu') && !all.includes('memory'))
    problems.forbidden(path, 'HugePages require cpu or memory');
  checkClaimNames(problems, claims, options.claims, `${path}.claims`);
}

function checkAgainstLimit(
  problems: Problems,
  name: string,
  quantity: Quantity,
  limitText: string | undefined,
  path: string,
): void {
  if (limitText === undefined) {
    if (!isOvercommitAllowed(name))
      problems.required(`${path}.limits`, 'Limit must be set for non overcommitable resources');
    return;
  }
  const limit = parseQuantity(limitText);
  if (!isOvercommitAllowed(name) && !quantity.equals(limit))
    problems.invalid(
      `${path}.requests`,
      quantity.toString(),
      `must be equal to ${name} limit of ${limit.toString()}`,
    );
  else if (quantity.cmp(limit) > 0)
    problems.invalid(
      `${path}.requests`,
      quantity.toString(),
      `must be less than or equal to ${name} limit of ${limit.toString()}`,
    );
}

function checkClaimNames(
  problems: Problems,
  claims: readonly ResourceClaim[],
  known: ReadonlySet<string>,
  path: string,
): void {
  const seen = new Set<string>();
  /** Those of which a request was seen. */
  const parted = new Set<string>();
  const detail = known.size === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
  claims.forEach(({ name, request }, i) => {
    const at = `${path}[${i}]`;
    if (!name) return problems.required(at);
    if (request) problems.check(`${at}.request`, request, dns1123Label);
    const key = request ? `${name}/${request}` : name;
    if (seen.has(name) || seen.has(key) || (!request && parted.has(name)))
      problems.duplicate(at, seen.has(name) ? name : key);
    else {
      seen.add(key);
      if (request) parted.add(name);
    }
    if (!known.has(name))
      problems.notFound(at, name, `must be one of the names in pod.spec.resourceClaims${detail}`);
  });
}
