import type { KubeObject } from '../../api/object.ts';
import { timeOf } from '../../api/times.ts';
import { alreadyExists, ApiError, badRequest, forbidden, invalid } from '../../api/status.ts';
import type { Attributes } from '../admission/chain.ts';
import type { KeyValue } from '../../store/store.ts';
import { denialText } from '../authz/authorizer.ts';
import { limits } from '../limits.ts';
import type { Call } from './call.ts';
import type { Core } from './core.ts';
import { AllocationTaken } from './allocations.ts';
import type { WriteHook } from './write-hooks.ts';
import { viewOf } from './stored.ts';
import { whatOf, type ServedResource } from './resource.ts';
import { read, writeNew } from './write.ts';
import type { Random } from '../../io/random.ts';

/** The result of a write: a record, or (dry run) only the object. */
export interface Written {
  kv?: KeyValue | undefined;
  readonly object: KubeObject;
}

/** A record that was written. Its object is made when somebody looks: clients get its bytes. */
export function writtenRecord(resource: ServedResource, kv: KeyValue): Written {
  return {
    kv,
    get object() {
      return viewOf(resource, kv);
    },
  };
}

const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const generatedSuffix = 5;
const longestGeneratedName = 63;

export function generatedName(base: string, random: Random): string {
  let name = base.slice(0, longestGeneratedName - generatedSuffix);
  for (let i = 0; i < generatedSuffix; i++)
    name += nameAlphabet[random.int(nameAlphabet.length)] ?? 'b';
  return name;
}

interface CreateOptions {
  /** managedFields are set already (server-side apply). */
  tracked?: boolean;
  /** Asked for by a PUT or an apply, which prove no right to create. */
  byUpdate?: boolean;
}

/**
 * POST (registry/generic Store.Create with the handler around it). The object is the caller's to
 * give away.
 */
export async function createObject(
  core: Core,
  call: Call,
  object: KubeObject,
  options: CreateOptions = {},
): Promise<Written> {
  const generate = !object.metadata.name && Boolean(object.metadata.generateName);
  const hook = hookOf(core, call);
  for (let tries = 1; ; tries++) {
    try {
      return await createOnce(
        core,
        call,
        tries === 1 && !generate && !hook?.allocations ? object : structuredClone(object),
        options,
      );
    } catch (error) {
      if (error instanceof AllocationTaken && tries < limits.updateTries) {
        hook?.taken?.(error.keys);
        continue;
      }
      const clash = error instanceof ApiError && error.reason === 'AlreadyExists';
      if (!clash || !generate || tries >= limits.generateNameTries) throw error;
    }
  }
}

async function createOnce(
  core: Core,
  call: Call,
  input: KubeObject,
  options: CreateOptions,
): Promise<Written> {
  const { resource } = call;
  fixNamespace(call, input);
  let object = input;
  const now = timeOf(core.clock.now());
  if (!options.tracked && resource.engine.track)
    object = resource.engine.track(undefined, object, {
      manager: call.fieldManager,
      subresource: call.subresource,
      now,
    });
  const attributes: Attributes = { call, operation: 'CREATE', object, old: undefined };
  await core.admission.admit(attributes);
  const stored = object.metadata.resourceVersion;
  fillSystemFields(core, object, now);
  if (!object.metadata.name && object.metadata.generateName) {
    object.metadata.name = generatedName(object.metadata.generateName, core.random);
    attributes.generatedName = true;
  }
  call.name = object.metadata.name ?? '';
  resource.engine.prepareForCreate(object, { now, user: call.user });
  const hook = hookOf(core, call);
  const undo = await hook?.beginCreate?.(call, object);
  try {
    const errors = resource.engine.validateCreate(object);
    if (!errors.length && !object.metadata.name)
      errors.push({
        type: 'FieldValueRequired',
        field: 'metadata.name',
        detail: 'name or generateName is required',
      });
    if (errors.length) throw invalid(resource, object.metadata.name ?? '', errors);
    call.warnings.push(...resource.engine.warnings(object, undefined, call.subresource));
    if (options.byUpdate) await mayCreate(core, call);
    await core.admission.validate(attributes);
    if (call.dryRun) {
      if (await read(core, resource, object.metadata.namespace ?? '', call.name))
        throw alreadyExists(whatOf(resource), call.name);
      undo?.();
      return { object };
    }
    // Said by the storage: a user without the right to create was refused before.
    if (stored && stored !== '0')
      throw new ApiError('', 'resourceVersion should not be set on objects to be created');
    const kv = await writeNew(
      core,
      resource,
      (await resource.engine.beforeStore?.(object)) ?? object,
      hook?.allocations?.(object, undefined),
    );
    await resource.engine.prepare?.([kv]);
    await hook?.afterCreate?.(call, object);
    return writtenRecord(resource, kv);
  } catch (error) {
    undo?.();
    throw error;
  }
}

/** Through a subresource an object is made as it is written: no address is given to it. */
function hookOf(core: Core, call: Call): WriteHook | undefined {
  return call.subresource === '' ? core.hooks.of(call) : undefined;
}

/**
 * The right to update or patch does not include the right to create (handlers/create.go
 * withAuthorization).
 */
async function mayCreate(core: Core, call: Call): Promise<void> {
  const { group, version, resource } = call.resource;
  const asked = {
    user: call.user,
    verb: 'create',
    group,
    version,
    resource,
    subresource: call.subresource,
    namespace: call.namespace,
    name: call.name,
  };
  const decision = await core.authorize(asked);
  if (!decision.allowed)
    throw forbidden({ group, resource }, call.name, denialText(asked, decision.reason));
}

/** The namespace of the object is that of the request. */
export function fixNamespace(call: Call, object: KubeObject): void {
  const meta = object.metadata;
  if (!call.resource.namespaced) {
    if (meta.namespace)
      throw badRequest(
        'the namespace of the provided object does not match the namespace sent on the request',
      );
    delete meta.namespace;
    return;
  }
  if (!call.namespace) throw badRequest('an empty namespace may not be set during creation');
  if (meta.namespace && meta.namespace !== call.namespace)
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  meta.namespace = call.namespace;
}

function fillSystemFields(core: Core, object: KubeObject, now: string): void {
  const meta = object.metadata;
  meta.creationTimestamp = now;
  meta.uid = core.random.uuid();
  delete meta.selfLink;
  delete meta.resourceVersion;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
}
