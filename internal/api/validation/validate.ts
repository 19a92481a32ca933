import type { KubeObject } from '../object.ts';
import { dns1123Subdomain, pathSegmentName } from '../names.ts';
import type { FieldError } from '../status.ts';
import { checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { ruleOf } from './rules.ts';

/** What validation needs to know of a kind. */
export interface ValidationInfo {
  group: string;
  version: string;
  kind: string;
  namespaced: boolean;
  custom?: boolean;
}

const unknownKind: Rule<KubeObject> = { name: pathSegmentName };
const customKind: Rule<KubeObject> = { name: dns1123Subdomain, update: (problems, object, old) => checkMetadataUpdate(problems, object.metadata, old.metadata, { anyFinalizer: true }) };

const of = (info: ValidationInfo): Rule<KubeObject> => (info.custom ? customKind : (ruleOf(info.group, info.kind, info.version) ?? unknownKind));

/** All that is wrong with a new object, in the order Kubernetes finds it. */
export function validateCreate(info: ValidationInfo, object: KubeObject): FieldError[] {
  const problems = new Problems();
  const rule = of(info);
  if (rule.create) rule.create(problems, object);
  else {
    checkMetadata(problems, object.metadata, { namespaced: info.namespaced, name: rule.name, anyFinalizer: info.custom === true });
    rule.spec?.(problems, object);
  }
  // What all kinds share is looked at only when the kind itself has no complaint.
  if (!problems.found) checkShared(problems, info, object);
  return problems.list;
}

/** All that is wrong with a changed object. `subresource` is '' for the resource itself. */
export function validateUpdate(info: ValidationInfo, object: KubeObject, old: KubeObject, subresource = ''): FieldError[] {
  const problems = new Problems();
  checkShared(problems, info, object);
  checkMetadataUpdate(problems, object.metadata, old.metadata, { anyFinalizer: true });
  const rule = of(info);
  const update = subresource ? rule.subresources?.[subresource] : rule.update;
  if (update) update(problems, object, old);
  else {
    if (rule.updateFirst !== 'object') checkMetadataUpdate(problems, object.metadata, old.metadata);
    if (!subresource) rule.spec?.(problems, object);
    if (rule.updateFirst === 'object') checkMetadataUpdate(problems, object.metadata, old.metadata);
    if (!subresource) rule.change?.(problems, object, old);
  }
  return problems.list;
}

function checkShared(problems: Problems, info: ValidationInfo, object: KubeObject): void {
  checkMetadata(problems, object.metadata, { namespaced: info.namespaced, name: pathSegmentName, anyFinalizer: true });
}
