import { methodNotAllowed, pathNotFound } from '../registry/no-route.ts';
import type { Core } from '../registry/core.ts';
import { createObject, type Written } from '../registry/create.ts';
import { deleteCollection } from '../registry/delete-collection.ts';
import { deleteObject } from '../registry/delete.ts';
import { getRecord, listRecords } from '../registry/list.ts';
import { patchObject } from '../registry/patch.ts';
import { putSource, updateObject } from '../registry/update.ts';
import { placeOf, type ApiCall, type Input, type Operations, type Result } from './operation.ts';

/**
 * Carries out a call: the one way to the registry, for HTTP and for the parts of this process. Who
 * calls has identified the user and authorized the call; admission happens in here.
 */
export function operate(
  core: Core,
  operations: Operations,
  call: ApiCall,
  input: Input,
): Promise<Result> {
  checkServed(call);
  const own = operations.find(placeOf(call));
  if (own) return own(core, call, input);
  if (!isPart(call)) throw pathNotFound();
  switch (call.verb) {
    case 'get':
      return get(core, call, input);
    case 'list':
      return list(core, call, input);
    case 'create':
      return create(core, call, input);
    case 'update':
      return update(core, call, input);
    case 'patch':
      return patch(core, call, input);
    case 'delete':
      return remove(core, call, input);
    case 'deletecollection':
      return removeAll(core, call, input);
    default:
      throw methodNotAllowed();
  }
}

/** What discovery does not show does not exist, for any user. */
function checkServed({ resource, subresource, verb }: ApiCall): void {
  const place = subresource === '' ? resource : resource.subresources.get(subresource);
  if (!place) throw pathNotFound();
  if (!place.verbs.includes(verb)) throw methodNotAllowed();
}

/**
 * The object itself, or a part of it that has its kind: status, finalize, approval, resize,
 * ephemeralcontainers. The strategy says which part counts.
 */
function isPart({ resource, subresource }: ApiCall): boolean {
  return subresource === '' || resource.subresources.get(subresource)?.kind === resource.kind;
}

const stored = (code: number, written: Written): Result => ({ kind: 'stored', code, written });

async function get(core: Core, call: ApiCall, input: Input): Promise<Result> {
  const kv = await getRecord(core, call, input.query().resourceVersion);
  return { kind: 'record', code: 200, kv };
}

async function list(core: Core, call: ApiCall, input: Input): Promise<Result> {
  return { kind: 'list', code: 200, listed: await listRecords(core, call, input.query()) };
}

async function create(core: Core, call: ApiCall, input: Input): Promise<Result> {
  return stored(201, await createObject(core, call, await input.object()));
}

async function update(core: Core, call: ApiCall, input: Input): Promise<Result> {
  const written = await updateObject(core, call, putSource(call, await input.object()));
  return stored(written.created ? 201 : 200, written);
}

async function patch(core: Core, call: ApiCall, input: Input): Promise<Result> {
  const written = await patchObject(core, call, await input.patch());
  return stored(written.created ? 201 : 200, written);
}

async function remove(core: Core, call: ApiCall, input: Input): Promise<Result> {
  const options = await input.deleteOptions();
  if (options.dryRun?.length) call.dryRun = true;
  const deleted = await deleteObject(core, call, options);
  return !deleted.gone || call.resource.returnsDeleted
    ? stored(200, deleted)
    : { kind: 'deleted', code: 200, written: deleted };
}

async function removeAll(core: Core, call: ApiCall, input: Input): Promise<Result> {
  const options = await input.deleteOptions();
  if (options.dryRun?.length) call.dryRun = true;
  const listed = await deleteCollection(core, { ...call, name: '' }, input.query(), options);
  return { kind: 'list', code: 200, listed };
}
