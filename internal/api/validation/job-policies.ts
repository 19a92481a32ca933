import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../generated/types/batch-v1.ts';
import { qualifiedName } from '../names.ts';
import { countIndexes } from './job-indexes.ts';
import { noValue } from '../status.ts';
import type { Problems } from './problems.ts';
import { repeats } from './repeats.ts';

const maxRules = 20;
const maxExitCodes = 255;
const maxPatterns = 20;
const maxIndexesText = 64 * 1024;
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const valid = (values: readonly string[]): string =>
  `valid values: [${values.map((v) => JSON.stringify(v)).join(' ')}]`;

/** A value out of a set, with the set named when there is none. */
function oneOf(
  problems: Problems,
  field: string,
  value: string | undefined,
  supported: readonly string[],
): void {
  if (!value) problems.required(field, valid(supported));
  else if (!supported.includes(value)) problems.notSupported(field, value, supported);
}

export function checkFailurePolicy(problems: Problems, spec: JobSpec, path: string): void {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (rules.length > maxRules) problems.tooMany(`${path}.rules`, rules.length, maxRules);
  const pod = spec.template?.spec;
  const names = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])].map((c) => c.name);
  rules.forEach((rule, i) => checkFailureRule(problems, spec, rule, names, `${path}.rules[${i}]`));
}

function checkFailureRule(
  problems: Problems,
  spec: JobSpec,
  rule: PodFailurePolicyRule,
  names: readonly string[],
  path: string,
): void {
  if (rule.action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined)
      problems.invalid(
        `${path}.action`,
        rule.action,
        'requires the backoffLimitPerIndex to be set',
      );
  } else oneOf(problems, `${path}.action`, rule.action, actions);
  const conditions = rule.onPodConditions ?? [];
  if (rule.onExitCodes) checkExitCodes(problems, rule.onExitCodes, names, `${path}.onExitCodes`);
  if (conditions.length > maxPatterns)
    problems.tooMany(`${path}.onPodConditions`, conditions.length, maxPatterns);
  conditions.forEach(({ type, status }, i) => {
    problems.check(`${path}.onPodConditions[${i}].type`, type ?? '', qualifiedName);
    oneOf(problems, `${path}.onPodConditions[${i}].status`, status, ['False', 'True', 'Unknown']);
  });
  if (rule.onExitCodes && conditions.length > 0)
    problems.invalid(
      path,
      noValue,
      'specifying both OnExitCodes and OnPodConditions is not supported',
    );
  if (!rule.onExitCodes && conditions.length === 0)
    problems.invalid(
      path,
      noValue,
      'specifying one of OnExitCodes and OnPodConditions is required',
    );
}

function checkExitCodes(
  problems: Problems,
  codes: PodFailurePolicyOnExitCodesRequirement,
  names: readonly string[],
  path: string,
): void {
  oneOf(problems, `${path}.operator`, codes.operator, ['In', 'NotIn']);
  if (codes.containerName !== undefined && !names.includes(codes.containerName))
    problems.invalid(
      `${path}.containerName`,
      codes.containerName,
      'must be one of the container or initContainer names in the pod template',
    );
  const values = codes.values ?? [];
  if (values.length === 0)
    problems.invalid(`${path}.values`, codes.values ?? null, 'at least one value is required');
  else if (values.length > maxExitCodes)
    problems.tooMany(`${path}.values`, values.length, maxExitCodes);
  const again = repeats(values);
  values.forEach((value, i) => {
    if (codes.operator === 'In' && value === 0)
      problems.invalid(`${path}.values[${i}]`, value, 'must not be 0 for the In operator');
    if (again[i]) problems.duplicate(`${path}.values[${i}]`, value);
  });
  if (values.some((value, i) => i > 0 && (values[i - 1] ?? 0) > value))
    problems.invalid(`${path}.values`, values, 'must be ordered');
}

export function checkSuccessPolicy(problems: Problems, spec: JobSpec, path: string): void {
  const rules = spec.successPolicy?.rules ?? [];
  if (rules.length === 0)
    problems.required(
      `${path}.rules`,
      'at least one rules must be specified when the successPolicy is specified',
    );
  if (rules.length > maxRules) problems.tooMany(`${path}.rules`, rules.length, maxRules);
  rules.forEach((rule, i) =>
    checkSuccessRule(problems, rule, spec.completions ?? 0, `${path}.rules[${i}]`),
  );
}

function checkSuccessRule(
  problems: Problems,
  { succeededCount: count, succeededIndexes: indexes }: SuccessPolicyRule,
  completions: number,
  path: string,
): void {
  if (count === undefined && indexes === undefined)
    problems.required(path, 'at least one of succeededCount or succeededIndexes must be specified');
  let total = 0;
  if (indexes !== undefined) {
    if (indexes.length > maxIndexesText)
      problems.tooLong(`${path}.succeededIndexes`, maxIndexesText);
    const counted = countIndexes(indexes, completions);
    if (typeof counted === 'string')
      problems.invalid(
        `${path}.succeededIndexes`,
        indexes,
        `error parsing succeededIndexes: ${counted}`,
      );
    else total = counted;
  }
  if (count === undefined) return;
  const at = `${path}.succeededCount`;
  problems.nonNegative(at, count);
  if (count > completions)
    problems.invalid(
      at,
      count,
      `must be less than or equal to ${completions} (the number of specified completions)`,
    );
  if (indexes !== undefined && count > total)
    problems.invalid(
      at,
      count,
      `must be less than or equal to ${total} (the number of indexes in the specified ` +
        'succeededIndexes field)',
    );
}
