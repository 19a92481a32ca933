import { table } from '../../base/own.ts';
import type { Buffer } from 'node:buffer';
import type { KubeObject } from '../../api/object.ts';
import { ApiError, badRequest, forbidden, invalid, type FieldError } from '../../api/status.ts';
import { denialText, type AccessRequest, type Decision } from '../authz/authorizer.ts';
import type { Call } from '../registry/call.ts';
import { createObject, type Written } from '../registry/create.ts';
import { deleteObject, type DeleteOptions } from '../registry/delete.ts';
import { deleteCollection } from '../registry/delete-collection.ts';
import { getRecord, listRecords, type ListQuery } from '../registry/list.ts';
import { parsePatch, patchObject, patchTypeOf } from '../registry/patch.ts';
import type { ServedResource } from '../registry/resource.ts';
import { jsonOf, viewOf } from '../registry/stored.ts';
import { putSource, updateObject } from '../registry/update.ts';
import type { Server } from '../server.ts';
import { serveWatch } from '../watch/serve-watch.ts';
import { header, PlainError, readBody, send, warnDeprecated, type Exchange } from './exchange.ts';
import { bodyFormat } from './negotiate.ts';
import { renderList, renderObject } from './render.ts';
import { wantedFor } from './wanted.ts';
import { checkRoute, methodNotAllowed, pathNotFound } from './method-table.ts';
import {
  fieldTerms,
  first,
  flag,
  selectedName,
  type Query,
  type RequestInfo,
} from './request-info.ts';

/**
 * Requests under /api and /apis that name a resource of this server; whoever asks may do what he
 * asks.
 */
export async function serveResource(server: Server, exchange: Exchange): Promise<void> {
  const { info } = exchange;
  const resource = server.core.resources.find(info.group, info.version, info.resource);
  if (!resource) throw pathNotFound();
  checkRoute(resource, info);
  if (resource.deprecationWarning) warnDeprecated(exchange, resource.deprecationWarning);
  if (info.parts.length > 2 && info.verb !== 'watch')
    return server.subresources.serve(server, exchange, resource);
  const special = server.virtual.get(`${resource.group}/${resource.resource}`);
  if (special) return special(server, exchange, resource);
  const call = callFor(server, exchange, resource);
  switch (info.verb) {
    case 'get':
      return serveGet(server, exchange, call);
    case 'list':
      return serveList(server, exchange, call);
    case 'watch':
      return serveWatch(server, exchange, call, watchQuery(info));
    case 'create':
      return serveCreate(server, exchange, call);
    case 'update':
      return serveUpdate(server, exchange, call);
    case 'patch':
      return servePatch(server, exchange, call);
    case 'delete':
      return serveDelete(server, exchange, call);
    case 'deletecollection':
      return serveDeleteCollection(server, exchange, call);
    default:
      throw methodNotAllowed();
  }
}

/**
 * What a request asks an authorizer: about a resource, whether it is served or not, or about a
 * path.
 */
export function accessOf({ info, user }: Exchange): AccessRequest {
  if (!info.isResource) return { user, verb: info.verb, path: info.path };
  const { verb, group, version, resource, subresource, namespace, name } = info;
  const access: AccessRequest = {
    user,
    verb,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
  };
  if (info.prefix === '' && selecting.has(verb)) {
    access.fields = fieldTerms(first(info.query, 'fieldSelector') ?? '');
    access.labels = first(info.query, 'labelSelector');
  }
  return access;
}

/** The old watch paths know no selectors, so none counts there. */
const selecting = new Set(['list', 'watch', 'deletecollection']);

/** Throws when the request may not be. A promise only where a webhook is asked. */
export function authorize(server: Server, exchange: Exchange): Promise<void> | undefined {
  const request = accessOf(exchange);
  const decision = server.authorize(request);
  if (decision instanceof Promise)
    return decision.then((later) => enforce(exchange, request, later));
  enforce(exchange, request, decision);
  return undefined;
}

/** What is told in plain text must not pass for HTML. */
const escapes: Record<string, string> = table({ '&': '&amp;', '<': '&lt;', '>': '&gt;' });

/** kube-apiserver filters/authorization.go: an error counts only where nobody allowed. */
function enforce(
  { audit, request: { url = '' } }: Exchange,
  request: AccessRequest,
  { allowed, reason, error }: Decision,
): void {
  if (!allowed && error !== undefined) {
    audit?.annotate('authorization.k8s.io/reason', 'internal error');
    throw new PlainError(
      `Internal Server Error: ${JSON.stringify(url)}: ${error}`.replace(
        /[&<>]/g,
        (c) => escapes[c] ?? c,
      ),
    );
  }
  audit?.authorized(allowed, reason);
  if (!allowed)
    throw forbidden(
      { group: request.group ?? '', resource: request.resource ?? '' },
      request.name ?? '',
      denialText(request, reason),
    );
}

/** A watch of one object by its path is one with a selector for its name. */
export function watchQuery(info: RequestInfo): ReturnType<typeof listQuery> {
  const query = listQuery(info.query);
  if (info.parts.length < 2) return query;
  if (query.fieldSelector && selectedName(query.fieldSelector) !== info.name)
    throw badRequest("fieldSelector metadata.name doesn't match requested name");
  return { ...query, fieldSelector: query.fieldSelector ?? `metadata.name=${info.name}` };
}

export function callFor(_server: Server, exchange: Exchange, resource: ServedResource): Call {
  const { query } = exchange.info;
  const dryRun = query.get('dryRun');
  const unknown = dryRun?.find((one) => one !== 'All');
  if (unknown !== undefined) {
    throw invalidOptions(exchange, {
      type: 'FieldValueNotSupported',
      field: 'dryRun',
      value: dryRun,
      detail: 'supported values: "All"',
    });
  }
  return {
    user: exchange.user,
    resource,
    namespace:
      exchange.info.namespace === '' || !resource.namespaced ? '' : exchange.info.namespace,
    name: exchange.info.name,
    subresource: exchange.info.subresource,
    dryRun: dryRun !== undefined && dryRun.length > 0,
    fieldManager: managerOf(first(query, 'fieldManager'), header(exchange.request, 'user-agent')),
    validation: validationOf(exchange, first(query, 'fieldValidation')),
    warnings: exchange.warnings,
    audit: exchange.audit,
  };
}

const optionKinds: Record<string, string> = table({
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
});

function invalidOptions(exchange: Exchange, error: FieldError): ApiError {
  return invalid(
    { group: 'meta.k8s.io', kind: optionKinds[exchange.info.verb] ?? 'ListOptions' },
    '',
    [error],
  );
}

const longestManager = 128;

/** The manager named, or the program's name out of the user agent. */
function managerOf(named: string | undefined, agent: string | undefined): string {
  if (named) {
    if (named.length > longestManager)
      throw badRequest(
        `metadata.managedFields: Too long: may not be more than ${longestManager} bytes`,
      );
    return named;
  }
  return (agent ?? '').split('/')[0]?.slice(0, longestManager) || 'unknown';
}

function validationOf(exchange: Exchange, text: string | undefined): Call['validation'] {
  if (!text || text === 'Warn') return 'Warn';
  if (text === 'Strict' || text === 'Ignore') return text;
  throw invalidOptions(exchange, {
    type: 'FieldValueNotSupported',
    field: 'fieldValidation',
    value: text,
    detail: 'supported values: "", "Ignore", "Strict", "Warn"',
  });
}

export function listQuery(
  query: Query,
): ListQuery & { allowBookmarks: boolean; timeoutSeconds?: number } {
  const limit = first(query, 'limit');
  const timeout = first(query, 'timeoutSeconds');
  return {
    labelSelector: first(query, 'labelSelector'),
    fieldSelector: first(query, 'fieldSelector'),
    limit: limit ? wholeNumber(limit) : undefined,
    continue: first(query, 'continue'),
    resourceVersion: first(query, 'resourceVersion'),
    resourceVersionMatch: first(query, 'resourceVersionMatch'),
    sendInitialEvents: query.has('sendInitialEvents')
      ? flag(query, 'sendInitialEvents')
      : undefined,
    allowBookmarks: flag(query, 'allowWatchBookmarks'),
    timeoutSeconds: timeout ? wholeNumber(timeout) : undefined,
  };
}

function wholeNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

const includeOf = (exchange: Exchange): string =>
  first(exchange.info.query, 'includeObject') ?? 'Metadata';

async function serveGet(server: Server, exchange: Exchange, call: Call): Promise<void> {
  const wanted = wantedFor(exchange, call.resource);
  const kv = await getRecord(server.core, call, first(exchange.info.query, 'resourceVersion'));
  const out = renderObject(
    call.resource,
    wanted,
    () => viewOf(call.resource, kv),
    () => jsonOf(call.resource, kv),
    server.core.clock.now(),
    includeOf(exchange),
  );
  send(exchange, 200, out.contentType, out.body);
}

async function serveList(server: Server, exchange: Exchange, call: Call): Promise<void> {
  const wanted = wantedFor(exchange, call.resource, true);
  const listed = await listRecords(server.core, call, listQuery(exchange.info.query));
  const out = renderList(call, wanted, listed, server.core.clock.now(), includeOf(exchange));
  send(exchange, 200, out.contentType, out.body);
}

/** Answers with what a write left behind. */
export function sendWritten(
  server: Server,
  exchange: Exchange,
  call: Call,
  status: number,
  written: Written,
): void {
  const wanted = wantedFor(exchange, call.resource);
  const { kv } = written;
  const bytes = kv ? () => jsonOf(call.resource, kv) : undefined;
  const out = renderObject(
    call.resource,
    wanted,
    () => (kv ? viewOf(call.resource, kv) : written.object),
    bytes,
    server.core.clock.now(),
    includeOf(exchange),
  );
  send(exchange, status, out.contentType, out.body);
}

export async function decodeBody(
  exchange: Exchange,
  resource: ServedResource,
  validation: Call['validation'],
  bytes?: Buffer,
): Promise<KubeObject> {
  const format = bodyFormat(header(exchange.request, 'content-type'));
  const body = bytes ?? (await readBody(exchange.request));
  const { object, warnings } = resource.engine.decode(body, format, validation);
  exchange.warnings.push(...warnings);
  exchange.audit?.request(object);
  return object;
}

async function serveCreate(server: Server, exchange: Exchange, call: Call): Promise<void> {
  wantedFor(exchange, call.resource);
  const object = await decodeBody(exchange, call.resource, call.validation);
  const written = await createObject(server.core, call, object);
  sendWritten(server, exchange, call, 201, written);
}

async function serveUpdate(server: Server, exchange: Exchange, call: Call): Promise<void> {
  wantedFor(exchange, call.resource);
  const object = await decodeBody(exchange, call.resource, call.validation);
  const written = await updateObject(server.core, call, putSource(call, object));
  sendWritten(server, exchange, call, written.created ? 201 : 200, written);
}

export async function servePatch(server: Server, exchange: Exchange, call: Call): Promise<void> {
  wantedFor(exchange, call.resource);
  const type = patchTypeOf(call, header(exchange.request, 'content-type'));
  const { query } = exchange.info;
  if (type === 'apply' && !first(query, 'fieldManager')) {
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for ' +
        'apply patch',
      {
        details: {
          group: 'meta.k8s.io',
          kind: 'PatchOptions',
          causes: [
            {
              reason: 'FieldValueRequired',
              message: 'Required value: is required for apply patch',
              field: 'fieldManager',
            } as never,
          ],
        },
      },
    );
  }
  if (type !== 'apply' && query.has('force')) {
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for ' +
        'non-apply patch',
      {
        details: {
          group: 'meta.k8s.io',
          kind: 'PatchOptions',
          causes: [
            {
              reason: 'FieldValueForbidden',
              message: 'Forbidden: may not be specified for non-apply patch',
              field: 'force',
            } as never,
          ],
        },
      },
    );
  }
  const body = parsePatch(type, (await readBody(exchange.request)).toString(), call);
  exchange.audit?.request(body, { patch: true });
  const written = await patchObject(server.core, call, { type, body, force: flag(query, 'force') });
  sendWritten(server, exchange, call, written.created ? 201 : 200, written);
}

function readDeleteOptions(
  server: Server,
  body: Buffer,
  contentType: string | undefined,
): DeleteOptions {
  return server.spoken.decode(
    { group: '', version: 'v1', kind: 'DeleteOptions' },
    body,
    bodyFormat(contentType),
  ).object as DeleteOptions;
}

async function deleteOptions(
  server: Server,
  exchange: Exchange,
  call: Call,
): Promise<DeleteOptions> {
  const { query } = exchange.info;
  const body = await readBody(exchange.request);
  const options: DeleteOptions = body.length
    ? readDeleteOptions(server, body, header(exchange.request, 'content-type'))
    : {};
  const grace = first(query, 'gracePeriodSeconds');
  if (body.length) exchange.audit?.request(options);
  if (body.length === 0) {
    if (grace !== undefined) options.gracePeriodSeconds = wholeNumber(grace);
    const policy = first(query, 'propagationPolicy');
    if (policy) options.propagationPolicy = policy as DeleteOptions['propagationPolicy'];
    if (query.has('orphanDependents')) options.orphanDependents = flag(query, 'orphanDependents');
  }
  if (options.dryRun?.length) call.dryRun = true;
  const policy = options.propagationPolicy;
  if (policy && !['Foreground', 'Background', 'Orphan'].includes(policy)) {
    throw invalidOptions(exchange, {
      type: 'FieldValueNotSupported',
      field: 'propagationPolicy',
      value: policy,
      detail: 'supported values: "Foreground", "Background", "Orphan", "nil"',
    });
  }
  if (policy && options.orphanDependents !== undefined && options.orphanDependents !== null) {
    throw invalidOptions(exchange, {
      type: 'FieldValueInvalid',
      field: 'propagationPolicy',
      value: policy,
      detail: 'orphanDependents and deletionPropagation cannot be both set',
    });
  }
  return options;
}

async function serveDelete(server: Server, exchange: Exchange, call: Call): Promise<void> {
  const options = await deleteOptions(server, exchange, call);
  const deleted = await deleteObject(server.core, call, options);
  if (!deleted.gone || call.resource.returnsDeleted)
    return sendWritten(server, exchange, call, 200, deleted);
  const { metadata } = deleted.object;
  const details = {
    name: metadata.name,
    ...(call.resource.group ? { group: call.resource.group } : {}),
    kind: call.resource.resource,
    uid: metadata.uid,
  };
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  send(exchange, 200, 'application/json', `${JSON.stringify(status)}\n`);
}

async function serveDeleteCollection(
  server: Server,
  exchange: Exchange,
  call: Call,
): Promise<void> {
  const options = await deleteOptions(server, exchange, call);
  const listed = await deleteCollection(
    server.core,
    { ...call, name: '' },
    listQuery(exchange.info.query),
    options,
  );
  const wanted = wantedFor(exchange, call.resource, true);
  const out = renderList(call, wanted, listed, server.core.clock.now(), includeOf(exchange));
  send(exchange, 200, out.contentType, out.body);
}
