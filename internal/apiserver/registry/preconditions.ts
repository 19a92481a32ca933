import type { KubeObject } from '../../api/object.ts';
import { conflict } from '../../api/status.ts';
import type { Call } from './call.ts';

/** The preconditions of a client must still hold. */
export function checkPreconditions(
  call: Call,
  old: KubeObject,
  preconditions: { uid?: string; resourceVersion?: string } | undefined,
): void {
  if (!preconditions) return;
  const kind = { group: call.resource.group, resource: call.resource.kind };
  if (preconditions.uid && preconditions.uid !== old.metadata.uid) {
    throw conflict(
      kind,
      call.name,
      `the UID in the precondition (${preconditions.uid}) does not match the UID in record ` +
        `(${old.metadata.uid}). The object might have been deleted and then recreated`,
    );
  }
  if (
    preconditions.resourceVersion &&
    preconditions.resourceVersion !== old.metadata.resourceVersion
  ) {
    const text =
      `the ResourceVersion in the precondition (${preconditions.resourceVersion}) does not ` +
      `match the ResourceVersion in record (${old.metadata.resourceVersion}). The object might ` +
      'have been modified';
    throw conflict(kind, call.name, text);
  }
}
