import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Taint,
  Toleration,
  TopologySpreadConstraint,
  WeightedPodAffinityTerm,
} from '../generated/types/core-v1.ts';
import type { LabelSelector } from '../generated/types/meta-v1.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName, validLabelValue } from '../names.ts';
import { checkLabelSelector } from './metadata.ts';
import type { Problems } from './problems.ts';
import { repeats } from './repeats.ts';

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const outOfWeights = 'must be in the range 1-100';

export function checkAffinity(
  problems: Problems,
  affinity: Affinity | undefined,
  path: string,
): void {
  const node = affinity?.nodeAffinity;
  if (node?.requiredDuringSchedulingIgnoredDuringExecution)
    checkNodeSelector(
      problems,
      node.requiredDuringSchedulingIgnoredDuringExecution,
      `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`,
    );
  (node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).forEach(
    ({ weight, preference }, i) => {
      const at = `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
      if (weight <= 0 || weight > 100) problems.invalid(`${at}.weight`, weight, outOfWeights);
      checkTerm(problems, preference, `${at}.preference`, false);
    },
  );
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    (affinity?.[name]?.requiredDuringSchedulingIgnoredDuringExecution ?? []).forEach((term, i) =>
      checkPodTerm(
        problems,
        term,
        `${path}.${name}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`,
      ),
    );
    (affinity?.[name]?.preferredDuringSchedulingIgnoredDuringExecution ?? []).forEach(
      (term: WeightedPodAffinityTerm, i) => {
        const at = `${path}.${name}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
        if (term.weight <= 0 || term.weight > 100)
          problems.invalid(`${at}.weight`, term.weight, outOfWeights);
        checkPodTerm(problems, term.podAffinityTerm, `${at}.podAffinityTerm`);
      },
    );
  }
}

export function checkNodeSelector(problems: Problems, selector: NodeSelector, path: string): void {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0)
    problems.required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term');
  terms.forEach((term, i) => checkTerm(problems, term, `${path}.nodeSelectorTerms[${i}]`, true));
}

function checkTerm(
  problems: Problems,
  term: NodeSelectorTerm,
  path: string,
  values: boolean,
): void {
  (term.matchExpressions ?? []).forEach((r, i) =>
    checkRequirement(problems, r, `${path}.matchExpressions[${i}]`, values),
  );
  (term.matchFields ?? []).forEach((r, i) =>
    checkFieldRequirement(problems, r, `${path}.matchFields[${i}]`),
  );
}

function checkRequirement(
  problems: Problems,
  { key, operator, values = [] }: NodeSelectorRequirement,
  path: string,
  checkValues: boolean,
): void {
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      problems.required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0)
      problems.forbidden(
        `${path}.values`,
        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      );
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1)
      problems.required(
        `${path}.values`,
        "must be specified single value when `operator` is 'Lt' or 'Gt'",
      );
  } else problems.invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator');
  problems.check(`${path}.key`, key ?? '', qualifiedName);
  if (checkValues)
    values.forEach((value, i) => problems.check(`${path}.values[${i}]`, value, validLabelValue));
}

function checkFieldRequirement(
  problems: Problems,
  { key, operator, values = [] }: NodeSelectorRequirement,
  path: string,
): void {
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length !== 1)
      problems.required(
        `${path}.values`,
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      );
  } else problems.invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator');
  if (key !== 'metadata.name')
    problems.invalid(`${path}.key`, key ?? '', 'not a valid field selector key');
  else
    values.forEach((value, i) => problems.check(`${path}.values[${i}]`, value, dns1123Subdomain));
}

function checkPodTerm(problems: Problems, term: PodAffinityTerm, path: string): void {
  checkLabelSelector(problems, term.labelSelector, `${path}.labelSelector`);
  checkLabelSelector(problems, term.namespaceSelector, `${path}.namespaceSelector`);
  for (const name of term.namespaces ?? []) problems.check(`${path}.namespace`, name, dns1123Label);
  checkLabelKeys(
    problems,
    term.matchLabelKeys ?? [],
    term.mismatchLabelKeys ?? [],
    term.labelSelector,
    path,
  );
  if (!term.topologyKey) problems.required(`${path}.topologyKey`, 'can not be empty');
  problems.check(`${path}.topologyKey`, term.topologyKey ?? '', qualifiedName);
}

function checkLabelKeys(
  problems: Problems,
  match: readonly string[],
  mismatch: readonly string[],
  selector: LabelSelector | undefined,
  path: string,
): void {
  for (const [name, keys] of [
    ['matchLabelKeys', match],
    ['mismatchLabelKeys', mismatch],
  ] as const) {
    if (keys.length === 0) continue;
    if (!selector)
      problems.forbidden(`${path}.${name}`, 'must not be specified when labelSelector is not set');
    else keys.forEach((key, i) => problems.check(`${path}.${name}[${i}]`, key, qualifiedName));
  }
  const known = new Set(Object.keys(selector?.matchLabels ?? {}));
  const first = new Map(match.map((key, i) => [key, i] as const).toReversed());
  for (const { key } of selector?.matchExpressions ?? []) {
    const at = first.get(key);
    if (at !== undefined && known.has(key))
      problems.invalid(`${path}[${at}]`, key, 'exists in both matchLabelKeys and labelSelector');
    known.add(key);
  }
  const others = new Set(mismatch);
  match.forEach((key, i) => {
    if (others.has(key))
      problems.invalid(
        `${path}.matchLabelKeys[${i}]`,
        key,
        'exists in both matchLabelKeys and mismatchLabelKeys',
      );
  });
}

export function checkTolerations(
  problems: Problems,
  tolerations: readonly Toleration[],
  path: string,
): void {
  tolerations.forEach(({ key, operator, value = '', effect, tolerationSeconds }, i) => {
    const at = `${path}[${i}]`;
    if (key) problems.check(`${at}.key`, key, qualifiedName);
    else if (operator !== 'Exists')
      problems.invalid(
        `${at}.operator`,
        operator ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      );
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      problems.invalid(
        `${at}.effect`,
        effect ?? '',
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      );
    if (!operator || operator === 'Equal') {
      const wrong = validLabelValue(value);
      if (wrong.length > 0) problems.invalid(`${at}.operator`, value, wrong.join(';'));
    } else if (operator === 'Exists') {
      if (value)
        problems.invalid(
          `${at}.operator`,
          value,
          "value must be empty when `operator` is 'Exists'",
        );
    } else
      problems.notSupported(
        `${at}.operator`,
        operator,
        operator === 'Lt' || operator === 'Gt'
          ? ['Equal', 'Exists', 'Lt', 'Gt']
          : ['Equal', 'Exists'],
      );
    if (effect && !taintEffects.includes(effect))
      problems.notSupported(`${at}.effect`, effect, taintEffects);
  });
}

export function checkTaints(problems: Problems, taints: readonly Taint[], path: string): void {
  const seen = new Set<string>();
  taints.forEach((taint, i) => {
    const at = `${path}[${i}]`;
    problems.check(`${at}.key`, taint.key ?? '', qualifiedName);
    const wrong = validLabelValue(taint.value ?? '');
    if (wrong.length > 0) problems.invalid(`${at}.value`, taint.value, wrong.join(';'));
    problems.oneOf(`${at}.effect`, taint.effect, taintEffects);
    const id = `${taint.effect} ${taint.key}`;
    // Upstream shows its own struct with Go's field names.
    if (seen.has(id))
      problems.list.push({
        type: 'FieldValueDuplicate',
        field: at,
        value: goTaint(taint),
        detail: 'taints must be unique by key and effect pair',
      });
    seen.add(id);
  });
}

function goTaint(taint: Taint): Record<string, unknown> {
  return {
    Key: taint.key,
    Value: taint.value ?? '',
    Effect: taint.effect,
    TimeAdded: taint.timeAdded ?? null,
  };
}

export function checkSpread(
  problems: Problems,
  constraints: readonly TopologySpreadConstraint[],
  path: string,
): void {
  // Of those that are the same, all but the last are named.
  const again = repeats(
    constraints.map((c) => JSON.stringify([c.topologyKey, c.whenUnsatisfiable])).toReversed(),
  ).toReversed();
  constraints.forEach((constraint, i) => {
    const at = `${path}[${i}]`;
    const { maxSkew, topologyKey, whenUnsatisfiable: action, minDomains } = constraint;
    if (!(maxSkew > 0))
      problems.invalid(`${at}.maxSkew`, maxSkew ?? 0, 'must be greater than zero');
    if (!topologyKey) problems.required(`${at}.topologyKey`, 'can not be empty');
    if (!['DoNotSchedule', 'ScheduleAnyway'].includes(action))
      problems.notSupported(`${at}.whenUnsatisfiable`, action ?? '', [
        'DoNotSchedule',
        'ScheduleAnyway',
      ]);
    if (again[i])
      problems.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${action}}`);
    if (minDomains !== undefined) {
      if (minDomains <= 0)
        problems.invalid(`${at}.minDomains`, minDomains, 'must be greater than zero');
      if (action !== 'DoNotSchedule')
        problems.invalid(
          `${at}.minDomains`,
          minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`,
        );
    }
    for (const name of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const policy = constraint[name];
      if (policy !== undefined && !['Honor', 'Ignore'].includes(policy))
        problems.notSupported(`${at}.${name}`, policy, ['Honor', 'Ignore']);
    }
    checkLabelKeys(problems, constraint.matchLabelKeys ?? [], [], constraint.labelSelector, at);
    checkLabelSelector(problems, constraint.labelSelector, `${at}.labelSelector`);
  });
}
