import type { PodTemplateSpec } from '../generated/types/core-v1.ts';
import type { LabelSelector, ObjectMeta } from '../generated/types/meta-v1.ts';
import type { IntOrString } from '../generated/types/intstr.ts';
import { validPercent } from '../names.ts';
import { selectorFromMap, selectorFromObject } from '../selectors.ts';
import type { LabelSelector as Selector } from '../selectors.ts';
import { checkAnnotations, checkLabelSelector, checkLabels } from './metadata.ts';
import { checkPodSpec } from './pod-spec.ts';
import { inOrder } from './problems.ts';
import type { Problems } from './problems.ts';

const noPodSpec = { containers: [] };

export function checkTemplate(problems: Problems, template: PodTemplateSpec, path: string): void {
  const meta: ObjectMeta = template.metadata ?? {};
  checkLabels(problems, meta.labels, `${path}.labels`);
  checkAnnotations(problems, meta.annotations, `${path}.annotations`);
  checkPodSpec(problems, template.spec ?? noPodSpec, undefined, `${path}.spec`, false);
  if (template.spec?.ephemeralContainers?.length)
    problems.forbidden(
      `${path}.spec.ephemeralContainers`,
      'ephemeral containers not allowed in pod template',
    );
}

/** The template of a controller that keeps pods running. */
export function checkLongRunning(
  problems: Problems,
  template: PodTemplateSpec,
  path: string,
  kind: string,
): void {
  const { restartPolicy, activeDeadlineSeconds } = template.spec ?? {};
  if (restartPolicy !== 'Always')
    problems.notSupported(`${path}.spec.restartPolicy`, restartPolicy ?? '', ['Always']);
  if (activeDeadlineSeconds !== undefined)
    problems.forbidden(
      `${path}.spec.activeDeadlineSeconds`,
      `activeDeadlineSeconds in ${kind} is not Supported`,
    );
}

export function checkTemplateLabels(
  problems: Problems,
  selector: Selector,
  template: PodTemplateSpec,
  path: string,
): void {
  const labels = template.metadata?.labels;
  if (!selector.empty && !selector.matches(labels))
    problems.invalid(
      `${path}.metadata.labels`,
      inOrder(labels),
      '`selector` does not match template `labels`',
    );
}

/** Checks the selector of a workload and returns it parsed, or undefined when it cannot be. */
export function checkWorkloadSelector(
  problems: Problems,
  selector: LabelSelector | undefined,
  path: string,
  options: { kind: string; required: boolean; broken: string },
): Selector | undefined {
  if (!selector) {
    if (options.required) problems.required(path);
    return undefined;
  }
  checkLabelSelector(problems, selector, path);
  const empty =
    Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
  if (empty) problems.invalid(path, selector, `empty selector is invalid for ${options.kind}`);
  try {
    return selectorFromObject(selector);
  } catch {
    problems.invalid(path, selector, options.broken);
    return undefined;
  }
}

export function checkCount(
  problems: Problems,
  value: IntOrString | undefined,
  field: string,
): void {
  if (typeof value === 'string')
    for (const m of validPercent(value)) problems.invalid(field, value, m);
  else if (typeof value === 'number') problems.nonNegative(field, value);
}

export function checkAtMostAll(
  problems: Problems,
  value: IntOrString | undefined,
  field: string,
): void {
  if (typeof value === 'string' && /^[0-9]+%$/.test(value) && Number.parseInt(value, 10) > 100)
    problems.invalid(field, value, 'must not be greater than 100%');
}

/** The number, or the number before the percent sign. */
export function countValue(value: IntOrString | undefined): number {
  return typeof value === 'number' ? value : Number.parseInt(String(value ?? 0), 10) || 0;
}

export function checkSelectorMap(
  problems: Problems,
  selector: Readonly<Record<string, string>> | undefined,
  path: string,
): Selector {
  const parsed = selectorFromMap(selector);
  if (parsed.empty) problems.required(path);
  return parsed;
}
