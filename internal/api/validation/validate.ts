import type { KubeObject } from '../object.ts';
import type { FieldError } from '../status.ts';

/** What validation needs to know of a kind. */
export interface ValidationInfo {
  group: string;
  version: string;
  kind: string;
  namespaced: boolean;
}

/** All that is wrong with a new object, in the order Kubernetes finds it. */
export function validateCreate(_info: ValidationInfo, _object: KubeObject): FieldError[] {
  return [];
}

/** All that is wrong with a changed object. */
export function validateUpdate(_info: ValidationInfo, _object: KubeObject, _old: KubeObject, _subresource = ''): FieldError[] {
  return [];
}
