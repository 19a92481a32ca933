import { kindOf } from '../kinds/kinds.ts';
import type { KubeObject } from '../object.ts';

/**
 * What is allowed but unwise, in the words of kube-apiserver: sent as Warning headers. Writes to
 * subresources warn of nothing.
 */
export function warningsFor(
  info: { group: string; kind: string; custom?: boolean },
  object: KubeObject,
  old: KubeObject | undefined,
  subresource: string,
): string[] {
  return subresource === '' ? (kindOf(info)?.warnings?.(object, old) ?? []) : [];
}
