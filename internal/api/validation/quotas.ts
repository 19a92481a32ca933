import { own } from '../../base/own.ts';
import type {
  LimitRange,
  LimitRangeItem,
  ResourceQuota,
  ResourceQuotaSpec,
} from '../generated/types/core-v1.ts';
import { semanticEqual } from '../loose.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import { parseQuantity } from '../quantity.ts';
import type { Quantity } from '../quantity.ts';
import { checkMetadataUpdate } from './metadata.ts';
import { immutable } from './problems.ts';
import type { Problems } from './problems.ts';
import { isOvercommitAllowed, isStandardQuotaResource } from './resource-names.ts';
import { checkContainerResourceName, checkQuantity, checkResourceName } from './resources.ts';
import type { Rule } from './rule.ts';

const limitLists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
type LimitList = (typeof limitLists)[number];
const one = parseQuantity('1');
const mostMilli = 2n ** 63n / 1000n;

function checkLimitRange(problems: Problems, { spec }: LimitRange): void {
  const seen = new Set<string>();
  (spec?.limits ?? []).forEach((limit, i) => {
    const path = `spec.limits[${i}]`;
    checkLimitType(problems, limit.type, `${path}.type`);
    if (seen.has(limit.type)) problems.duplicate(`${path}.type`, limit.type);
    seen.add(limit.type);
    const names = new Set<string>();
    const ofPod = limit.type === 'Pod';
    for (const list of limitLists) {
      const defaults = list === 'default' || list === 'defaultRequest';
      if (ofPod && defaults) {
        if (Object.keys(limit[list] ?? {}).length > 0)
          problems.forbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'");
        continue;
      }
      if (
        list === 'maxLimitRequestRatio' &&
        limit.type === 'PersistentVolumeClaim' &&
        !limit.min?.['storage'] &&
        !limit.max?.['storage']
      ) {
        problems.required(
          `${path}.limits`,
          'either minimum or maximum storage value is required, but neither was provided',
        );
      }
      for (const name of Object.keys(limit[list] ?? {})) {
        if (ofPod || limit.type === 'Container')
          checkContainerResourceName(problems, name, `${path}.${list}[${name}]`);
        else checkResourceName(problems, name, `${path}.${list}[${name}]`);
        names.add(name);
      }
    }
    for (const name of names) checkOrder(problems, limit, name, path);
  });
}

function checkLimitType(problems: Problems, type: string, field: string): void {
  const wrong = qualifiedName(type ?? '');
  for (const m of wrong) problems.invalid(field, type ?? '', m);
  if (
    wrong.length === 0 &&
    !type.includes('/') &&
    !['Pod', 'Container', 'PersistentVolumeClaim'].includes(type)
  )
    problems.invalid(field, type, 'must be a standard limit type or fully qualified');
}

/** For one resource: min, default request, default and max come in that order. */
function checkOrder(problems: Problems, limit: LimitRangeItem, name: string, path: string): void {
  const ofPod = limit.type === 'Pod';
  const value = (list: LimitList): Quantity | undefined => {
    const text =
      ofPod && (list === 'default' || list === 'defaultRequest')
        ? undefined
        : own(limit[list], name);
    return text === undefined ? undefined : parseQuantity(text);
  };
  const [min, max, limits, requests, ratio] = [
    value('min'),
    value('max'),
    value('default'),
    value('defaultRequest'),
    value('maxLimitRequestRatio'),
  ];
  const ordered = (
    low: Quantity | undefined,
    high: Quantity | undefined,
    list: LimitList,
    shown: Quantity | undefined,
    names: [string, string],
  ): void => {
    if (low && high && low.cmp(high) > 0)
      problems.invalid(
        `${path}.${list}[${name}]`,
        shown?.toString(),
        `${names[0]} ${low.toString()} is greater than ${names[1]} ${high.toString()}`,
      );
  };
  ordered(min, max, 'min', min, ['min value', 'max value']);
  ordered(min, requests, 'defaultRequest', requests, ['min value', 'default request value']);
  ordered(requests, max, 'defaultRequest', requests, ['default request value', 'max value']);
  ordered(requests, limits, 'defaultRequest', requests, [
    'default request value',
    'default limit value',
  ]);
  ordered(min, limits, 'default', min, ['min value', 'default value']);
  ordered(limits, max, 'default', max, ['default value', 'max value']);
  if (ratio) checkRatio(problems, ratio, min, max, `${path}.maxLimitRequestRatio[${name}]`);
  if (!isOvercommitAllowed(name) && limits && requests && !limits.equals(requests)) {
    problems.invalid(
      `${path}.defaultRequest[${name}]`,
      requests.toString(),
      `default value ${limits.toString()} must equal to defaultRequest value ` +
        `${requests.toString()} in ${name}`,
    );
  }
}

function checkRatio(
  problems: Problems,
  ratio: Quantity,
  min: Quantity | undefined,
  max: Quantity | undefined,
  field: string,
): void {
  const text = ratio.toString();
  if (ratio.cmp(one) < 0) problems.invalid(field, text, `ratio ${text} is less than 1`);
  if (!min || !max) return;
  const fine = [ratio, min, max].every((q) => q.value() < mostMilli);
  const number = (q: Quantity): number => (fine ? Number(q.milliValue()) : Number(q.value()));
  const most = number(max) / number(min);
  if (number(ratio) / (fine ? 1000 : 1) > most)
    problems.invalid(field, text, `ratio ${text} is greater than max/min = ${most.toFixed(6)}`);
}

export const limitRange: Rule<LimitRange> = {
  name: dns1123Subdomain,
  spec: checkLimitRange,
  updates: ['object'],
};

const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];
const computeQuotas = [
  'cpu',
  'memory',
  'limits.cpu',
  'limits.memory',
  'requests.cpu',
  'requests.memory',
];
const conflicts = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];
const valueless = [
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
];

function appliesTo(scope: string, resource: string): boolean {
  if (scope === 'BestEffort') return resource === 'pods';
  if (scope === 'VolumeAttributesClass')
    return ['persistentvolumeclaims', 'requests.storage'].includes(resource);
  return !scopes.includes(scope) || resource === 'pods' || computeQuotas.includes(resource);
}

function checkAmounts(
  problems: Problems,
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
): void {
  for (const [name, text] of Object.entries(amounts ?? {})) {
    const at = `${path}[${name}]`;
    checkResourceName(problems, name, at);
    if (!name.includes('/') && !isStandardQuotaResource(name))
      problems.invalid(at, name, 'must be a standard resource for quota');
    checkQuantity(problems, name, parseQuantity(text), at);
  }
}

function checkQuotaSpec(problems: Problems, spec: ResourceQuotaSpec): void {
  checkAmounts(problems, spec.hard, 'spec.hard');
  const limited = Object.keys(spec.hard ?? {})
    .sort()
    .filter(isStandardQuotaResource);
  for (const scope of spec.scopes ?? []) {
    if (!scopes.includes(scope)) problems.invalid('spec.scopes', spec.scopes, 'unsupported scope');
    for (const name of limited)
      if (!appliesTo(scope, name))
        problems.invalid('spec.scopes', spec.scopes, 'unsupported scope applied to resource');
  }
  checkConflicts(problems, spec.scopes ?? [], 'spec.scopes', spec.scopes);
  if (spec.scopeSelector) checkScopeSelector(problems, spec, limited);
}

function checkConflicts(
  problems: Problems,
  given: readonly string[],
  field: string,
  shown: unknown,
): void {
  for (const pair of conflicts)
    if (pair.every((scope) => given.includes(scope)))
      problems.invalid(field, shown, 'conflicting scopes');
}

function checkScopeSelector(
  problems: Problems,
  spec: ResourceQuotaSpec,
  limited: readonly string[],
): void {
  const path = 'spec.scopeSelector.matchExpressions';
  const terms = spec.scopeSelector?.matchExpressions ?? [];
  const shown = {
    MatchExpressions: terms.map((t) => ({
      ScopeName: t.scopeName,
      Operator: t.operator,
      Values: t.values ?? null,
    })),
  };
  for (const { scopeName, operator, values = [] } of terms) {
    if (!scopes.includes(scopeName))
      problems.invalid(`${path}.scopeName`, scopeName, 'unsupported scope');
    for (const name of limited)
      if (!appliesTo(scopeName, name))
        problems.invalid(path, shown, 'unsupported scope applied to resource');
    if (valueless.includes(scopeName) && operator !== 'Exists') {
      problems.invalid(
        `${path}.operator`,
        operator,
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, " +
          'ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ' +
          'ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity',
      );
    }
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        problems.required(
          `${path}.values`,
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        );
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        problems.invalid(
          `${path}.values`,
          values,
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        );
    } else problems.invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator');
  }
  checkConflicts(
    problems,
    terms.map((t) => t.scopeName),
    path,
    spec.scopes ?? null,
  );
}

function checkQuotaStatus(problems: Problems, { status }: ResourceQuota): void {
  checkAmounts(problems, status?.hard, 'status.hard');
  checkAmounts(problems, status?.used, 'status.used');
}

export const resourceQuota: Rule<ResourceQuota> = {
  name: dns1123Subdomain,
  spec(problems, object) {
    checkQuotaSpec(problems, object.spec ?? {});
    checkQuotaStatus(problems, object);
  },
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    checkQuotaSpec(problems, object.spec ?? {});
    const [now, before] = [object.spec?.scopes ?? [], old.spec?.scopes ?? []];
    if (!semanticEqual([...new Set(now)].sort(), [...new Set(before)].sort()))
      problems.invalid('spec.scopes', object.spec?.scopes ?? null, immutable);
  },
  subresources: {
    status(problems, object, old) {
      checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
      checkQuotaStatus(problems, object);
    },
  },
};
