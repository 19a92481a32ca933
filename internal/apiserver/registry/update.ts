import { deepCopy, type KubeObject } from '../../api/object.ts';
import { timeOf } from '../../api/times.ts';
import { badRequest, conflict, invalid, modifiedConflict, notFound } from '../../api/status.ts';
import type { KeyValue } from '../../store/store.ts';
import { limits } from '../limits.ts';
import type { Call } from './call.ts';
import type { Core } from './core.ts';
import { createObject, fixNamespace, writtenRecord, type Written } from './create.ts';
import { AllocationTaken } from './allocations.ts';
import { checkPreconditions } from './preconditions.ts';
import { removeRecord } from './delete.ts';
import { keyFor, whatOf, type ServedResource } from './resource.ts';
import { bufferOf, encode, viewOf } from './stored.ts';
import { read, replace } from './write.ts';

export interface UpdateSource {
  /**
   * Makes the new object from the present one (a frozen object); called again when the write
   * clashes.
   */
  make(old: KubeObject | undefined): Promise<KubeObject> | KubeObject;
  /**
   * What to do when there is nothing under the name: the object to create, or undefined for 404.
   */
  createIfMissing?: boolean;
  /** make() has already set managedFields (server-side apply). */
  tracked?: boolean;
  /**
   * The server's own change to one field: no strategy, no admission, no generation
   * (Storage.GuaranteedUpdate).
   */
  raw?: boolean;
  /**
   * A patch without resourceVersion may be tried again on the newer object; a PUT with one may not.
   */
  preconditions?: { uid?: string; resourceVersion?: string };
}

/** PUT, PATCH and every subresource that changes an object (registry/generic Store.Update). */
export async function updateObject(
  core: Core,
  call: Call,
  source: UpdateSource,
): Promise<Written & { created: boolean }> {
  const { resource } = call;
  for (let tries = 1; ; tries++) {
    const kv = await read(core, resource, call.namespace, call.name);
    if (!kv) {
      if (!source.createIfMissing) throw notFound(whatOf(resource), call.name);
      const object = await source.make(undefined);
      return {
        ...(await createObject(core, call, object, { tracked: source.tracked, byUpdate: true })),
        created: true,
      };
    }
    const done = await updateOnce(core, call, kv, source).catch((error: unknown) =>
      takenElsewhere(core, call, error),
    );
    if (done) return { ...done, created: false };
    if (tries >= limits.updateTries) throw conflict(whatOf(resource), call.name, modifiedConflict);
  }
}

/**
 * An address or port that another server gave away meanwhile: the update begins again, and knows.
 */
function takenElsewhere(core: Core, call: Call, error: unknown): undefined {
  if (!(error instanceof AllocationTaken)) throw error;
  core.hooks.of(call)?.taken?.(error.keys);
}

async function updateOnce(
  core: Core,
  call: Call,
  kv: KeyValue,
  source: UpdateSource,
): Promise<Written | undefined> {
  const { resource } = call;
  await resource.engine.prepare?.([kv]);
  const old = viewOf(resource, kv);
  checkPreconditions(call, old, source.preconditions);
  let object = await source.make(old);
  if (source.raw) return writeRaw(core, call, kv, object);
  fixNamespace(call, object);
  const wanted = object.metadata.resourceVersion ?? '';
  if (wanted && wanted !== '0' && wanted !== old.metadata.resourceVersion)
    throw conflict(whatOf(resource), call.name, modifiedConflict);
  if ((!wanted || wanted === '0') && !resource.unconditionalUpdate && !source.tracked) {
    throw invalid(resource, call.name, [
      {
        type: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        value: 0,
        detail: 'must be specified for an update',
      },
    ]);
  }
  if (object.metadata.uid && object.metadata.uid !== old.metadata.uid) {
    const key = keyFor(resource, call.namespace, call.name);
    const why =
      `Precondition failed: UID in precondition: ${object.metadata.uid}, UID in object meta: ` +
      `${old.metadata.uid}`;
    throw conflict(
      whatOf(resource),
      call.name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, ` +
        `AdditionalErrorMsg: ${why}`,
    );
  }
  const now = timeOf(core.clock.now());
  object.metadata.resourceVersion = old.metadata.resourceVersion;
  keepSystemFields(object, old);
  if (!source.tracked && resource.engine.track) {
    object = resource.engine.track(old, object, {
      manager: call.fieldManager,
      subresource: call.subresource,
      now,
    });
  }
  const attributes = { call, operation: 'UPDATE' as const, object, old };
  await core.admission.admit(attributes);
  return finishUpdate(core, call, kv, attributes, old);
}

async function writeRaw(
  core: Core,
  call: Call,
  kv: KeyValue,
  object: KubeObject,
): Promise<Written | undefined> {
  if (call.dryRun) return { object };
  const next = await replace(core, call.resource, kv, encode(call.resource, object));
  return next ? writtenRecord(call.resource, next) : undefined;
}

async function finishUpdate(
  core: Core,
  call: Call,
  kv: KeyValue,
  attributes: { call: Call; operation: 'UPDATE'; object: KubeObject; old: KubeObject },
  old: KubeObject,
): Promise<Written | undefined> {
  const { resource } = call;
  const { object } = attributes;
  object.metadata.generation = old.metadata.generation ?? undefined;
  resource.engine.prepareForUpdate(object, old, call.subresource, {
    now: timeOf(core.clock.now()),
    user: call.user,
  });
  const hook = core.hooks.of(call);
  const undo = await hook?.beginUpdate?.(call, object, old);
  let written = false;
  try {
    const errors = resource.engine.validateUpdate(object, old, call.subresource);
    if (errors.length) throw invalid(resource, call.name, errors);
    call.warnings.push(...resource.engine.warnings(object, old, call.subresource));
    await core.admission.validate(attributes);
    if (call.dryRun) return { object };
    if (finished(call.resource, object, old)) {
      const gone = await removeRecord(core, call, kv, object);
      written = gone !== undefined;
      return gone;
    }
    const value = encode(resource, (await resource.engine.beforeStore?.(object)) ?? object);
    if (bufferOf(kv.value).equals(value)) {
      written = true;
      return { kv, object: old };
    }
    const next = await replace(core, resource, kv, value, {
      allocations: hook?.allocations?.(object, old),
      subresource: call.subresource,
    });
    if (!next) return undefined;
    written = true;
    await resource.engine.prepare?.([next]);
    await hook?.afterUpdate?.(call, object, old);
    return writtenRecord(resource, next);
  } finally {
    if (!written) undo?.();
  }
}

/** The last finalizer of a deleted object has gone: the update removes it. */
function finished({ deletion }: ServedResource, object: KubeObject, old: KubeObject): boolean {
  if (!object.metadata.deletionTimestamp || object.metadata.finalizers?.length) return false;
  if (deletion?.held?.(object)) return false;
  return (old.metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

/** What no client may change: it is taken over from the stored object (rest.BeforeUpdate). */
function keepSystemFields(object: KubeObject, old: KubeObject): void {
  const meta = object.metadata;
  meta.uid = old.metadata.uid;
  meta.creationTimestamp = old.metadata.creationTimestamp;
  if (old.metadata.deletionTimestamp) meta.deletionTimestamp = old.metadata.deletionTimestamp;
  else delete meta.deletionTimestamp;
  if (old.metadata.deletionGracePeriodSeconds !== undefined)
    meta.deletionGracePeriodSeconds = old.metadata.deletionGracePeriodSeconds;
  else delete meta.deletionGracePeriodSeconds;
  delete meta.selfLink;
}

/** PUT: the body is the new object. */
export function putSource(call: Call, input: KubeObject): UpdateSource {
  if (!input.metadata.name)
    throw badRequest(
      `the name of the object (${call.name} based on URL) was undeterminable: name must be ` +
        'provided',
    );
  if (input.metadata.name !== call.name)
    throw badRequest(
      `the name of the object (${input.metadata.name}) does not match the name on the URL ` +
        `(${call.name})`,
    );
  return {
    createIfMissing:
      call.resource.createOnUpdate && (call.subresource === '' || call.subresource === 'status'),
    make: () => deepCopy(input),
  };
}
