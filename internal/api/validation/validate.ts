import { kindOf } from '../kinds/kinds.ts';
import type { KubeObject } from '../object.ts';
import { dns1123Subdomain, pathSegmentName } from '../names.ts';
import type { FieldError } from '../status.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { Problems } from './problems.ts';
import type { Rule, UpdateStep } from './rule.ts';

/** What validation needs to know of a kind. */
export interface ValidationInfo {
  group: string;
  version: string;
  kind: string;
  namespaced: boolean;
  custom?: boolean;
}

const unknownKind: Rule<KubeObject> = { name: pathSegmentName, anyFinalizer: true };
const customKind: Rule<KubeObject> = { name: dns1123Subdomain, anyFinalizer: true };

const of = (info: ValidationInfo): Rule<KubeObject> =>
  info.custom ? customKind : (kindOf(info)?.validation ?? unknownKind);

/** All that is wrong with a new object, in the order Kubernetes finds it. */
export function validateCreate(info: ValidationInfo, object: KubeObject): FieldError[] {
  const problems = new Problems();
  checkObject(problems, info, of(info), object);
  // What all kinds share is looked at only when the kind itself has no complaint.
  if (!problems.found) checkShared(problems, info, object);
  return problems.list;
}

const usualSteps: readonly UpdateStep[] = ['metadata', 'spec', 'change'];

/** All that is wrong with a changed object. `subresource` is '' for the resource itself. */
export function validateUpdate(
  info: ValidationInfo,
  object: KubeObject,
  old: KubeObject,
  subresource = '',
): FieldError[] {
  const problems = new Problems();
  checkShared(problems, info, object);
  checkMetadataUpdate(problems, object.metadata, old.metadata, { anyFinalizer: true });
  const rule = of(info);
  const update = subresource ? rule.subresources?.[subresource] : rule.update;
  if (update) update(problems, object, old);
  else
    for (const step of subresource ? (['metadata'] as const) : (rule.updates ?? usualSteps))
      checkStep(step, problems, info, rule, object, old);
  return problems.list;
}

function checkStep(
  step: UpdateStep,
  problems: Problems,
  info: ValidationInfo,
  rule: Rule<KubeObject>,
  object: KubeObject,
  old: KubeObject,
): void {
  if (step === 'object') checkObject(problems, info, rule, object);
  else if (step === 'metadata') checkMetadataUpdate(problems, object.metadata, old.metadata, rule);
  else if (step === 'spec') rule.spec?.(problems, object);
  else rule.change?.(problems, object, old);
}

function checkObject(
  problems: Problems,
  info: ValidationInfo,
  rule: Rule<KubeObject>,
  object: KubeObject,
): void {
  if (rule.create) return rule.create(problems, object);
  checkMetadata(problems, object.metadata, {
    namespaced: info.namespaced,
    name: rule.name,
    ...(rule.anyFinalizer ? { anyFinalizer: true } : {}),
  });
  rule.spec?.(problems, object);
}

function checkShared(problems: Problems, info: ValidationInfo, object: KubeObject): void {
  checkMetadata(problems, object.metadata, {
    namespaced: info.namespaced,
    name: pathSegmentName,
    anyFinalizer: true,
  });
}
