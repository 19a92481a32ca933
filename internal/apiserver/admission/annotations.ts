import { qualifiedName } from '../../api/names.ts';
import type { Attributes } from './chain.ts';

/**
 * Puts an annotation on the request's audit event (apiserver pkg/admission/attributes.go). The key
 * is PREFIX/NAME, a qualified name; another is left out. What was set first stays.
 */
export function addAnnotation(
  { call }: Pick<Attributes, 'call'>,
  key: string,
  value: string,
  least?: 'Request',
): void {
  if (!call.audit || key.split('/').length !== 2 || qualifiedName(key).length > 0) return;
  call.audit.annotate(key, value, least);
}

/** JSON as Go's encoding/json writes it: safe within HTML. */
export function goJson(value: object): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
