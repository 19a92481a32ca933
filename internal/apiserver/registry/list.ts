import { registryRoot } from '../../api/registry-key.ts';
import { Buffer } from 'node:buffer';
import type { KubeObject } from '../../api/object.ts';
import { ApiError, badRequest, invalid, notFound, type FieldError } from '../../api/status.ts';
import { parseLabelSelector, type FieldSelector, type LabelSelector } from '../../api/selectors.ts';
import { turn } from '../../io/turn.ts';
import { keyOf as storeKey, prefixEnd, textOf, type KeyValue } from '../../store/store.ts';
import type { Call } from './call.ts';
import type { Core } from './core.ts';
import { fieldSelectorFor, keyFor, scopePrefix, whatOf, type ServedResource } from './resource.ts';
import { viewOf } from './stored.ts';

export interface ListQuery {
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: string;
  sendInitialEvents?: boolean;
}

export interface Listed {
  kvs: KeyValue[];
  revision: number;
  continue: string;
  remaining?: number;
  /** Nothing was left out by a selector. */
  whole?: boolean;
}

/** What an object must look like; `undefined` lets everything pass. */
export interface Filter {
  labels: LabelSelector;
  fields: FieldSelector;
  matches(object: KubeObject): boolean;
  empty: boolean;
}

export function filterFor(
  resource: ServedResource,
  query: { labelSelector?: string; fieldSelector?: string },
): Filter {
  const labels = parseLabelSelector(query.labelSelector ?? '');
  const fields = fieldSelectorFor(resource, query.fieldSelector ?? '');
  return {
    labels,
    fields,
    empty: labels.empty && fields.empty,
    matches: (object) =>
      (labels.empty || labels.matches(object.metadata.labels)) &&
      (fields.empty || fields.matches((field) => resource.engine.field(object, field))),
  };
}

export async function getRecord(
  core: Core,
  call: Call,
  resourceVersion?: string,
): Promise<KeyValue> {
  if (resourceVersion) await caughtUp(core, parseRevision(resourceVersion));
  const found = await core.store.range({
    key: storeKey(keyFor(call.resource, call.namespace, call.name)),
  });
  const kv = found.kvs[0];
  if (!kv) throw notFound(whatOf(call.resource), call.name);
  await call.resource.engine.prepare?.([kv]);
  return kv;
}

/** So many records are looked at in one turn of the event loop. */
const matchedAtOnce = 200;
/** A page is read in pieces of this many records when a selector throws some away. */
const selectorPage = 500;

export async function listRecords(core: Core, call: Call, query: ListQuery): Promise<Listed> {
  checkListQuery(call.resource, query);
  const filter = filterFor(call.resource, query);
  const prefix = storeKey(scopePrefix(call.resource, call.namespace));
  const end = prefixEnd(prefix);
  const place = await startPlace(core, prefix, query);
  const limit =
    query.limit && query.limit > 0 && !(query.resourceVersion === '0' && !query.continue)
      ? query.limit
      : 0;
  const one = exactKey(call, filter);
  const range = one ? { key: one } : { key: place.key, end };
  const kvs: KeyValue[] = [];
  let revision = place.revision;
  let from = range.key;
  let more = false;
  let count = 0;
  for (;;) {
    const pageSize = limit === 0 ? 0 : filter.empty ? limit - kvs.length : selectorPage;
    const page = await core.store
      .range({ ...range, key: from, limit: pageSize || undefined, revision: revision || undefined })
      .catch((error: unknown) => rangeFailed(error, query, core));
    if (revision === 0) revision = page.revision;
    count = page.count;
    await call.resource.engine.prepare?.(page.kvs);
    let taken = 0;
    for (const kv of page.kvs) {
      if (limit && kvs.length >= limit) break;
      if (++taken % matchedAtOnce === 0 && !filter.empty) await turn();
      if (filter.empty || filter.matches(viewOf(call.resource, kv))) kvs.push(kv);
    }
    const lastTaken = page.kvs[taken - 1];
    more = taken < page.kvs.length || page.more;
    if (!more || !lastTaken || (limit && kvs.length >= limit)) {
      if (lastTaken) from = `${lastTaken.key}\0`;
      count -= taken;
      break;
    }
    from = `${lastTaken.key}\0`;
  }
  const whole = filter.empty;
  if (!more || !limit) return { kvs, revision, continue: '', whole };
  const token = encodeContinue({
    v: 'meta.k8s.io/v1',
    rv: revision,
    start: textOf(from.slice(prefix.length - 1)).replace(/^\//, ''),
  });
  return { kvs, revision, continue: token, remaining: whole ? count : undefined, whole };
}

/** A list that a field selector pins to one name reads one key. */
function exactKey(call: Call, filter: Filter): string | undefined {
  if (filter.fields.empty) return undefined;
  const name = filter.fields.exact('metadata.name');
  if (!name || (call.resource.namespaced && !call.namespace)) return undefined;
  return storeKey(keyFor(call.resource, call.namespace, name));
}

interface Token {
  v: string;
  rv: number;
  start: string;
}

function encodeContinue(token: Token): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeContinue(text: string): Token {
  let token: Token;
  const bad = text.search(/[^\w-]/);
  if (bad >= 0)
    throw badRequest(
      `invalid continue token: continue key is not valid: illegal base64 data at input byte ${bad}`,
    );
  const decoded = Buffer.from(text, 'base64url').toString('latin1');
  try {
    token = JSON.parse(Buffer.from(decoded, 'latin1').toString()) as Token;
  } catch {
    throw badRequest(
      'invalid continue token: continue key is not valid: invalid character ' +
        `'${decoded[0] ?? ''}' looking for beginning of value`,
    );
  }
  if (token.v !== 'meta.k8s.io/v1')
    throw badRequest(
      'invalid continue token: continue key is not valid: server does not recognize this ' +
        `encoded version ${JSON.stringify(token.v)}`,
    );
  if (!token.start)
    throw badRequest(
      'invalid continue token: continue key is not valid: encoded start resourceVersion ' +
        'invalid (missing start)',
    );
  if (token.start.split('/').some((part) => part === '..'))
    throw badRequest(
      `invalid continue token: continue key is not valid: ${JSON.stringify(token.start)}`,
    );
  return token;
}

async function startPlace(
  core: Core,
  prefix: string,
  query: ListQuery,
): Promise<{ key: string; revision: number }> {
  if (query.continue) {
    const token = decodeContinue(query.continue);
    if (query.resourceVersion && query.resourceVersion !== '0')
      throw badRequest('specifying resource version is not allowed when using continue');
    const key = prefix + storeKey(token.start);
    if (token.rv > 0 && token.rv < core.store.compactRevision) throw expiredContinue(core, token);
    return { key, revision: token.rv > 0 ? token.rv : 0 };
  }
  const wanted = query.resourceVersion ? parseRevision(query.resourceVersion) : 0;
  await caughtUp(core, wanted);
  if (query.resourceVersionMatch === 'Exact' && wanted > 0) {
    if (wanted < core.store.compactRevision) throw tooOld();
    return { key: prefix, revision: wanted };
  }
  return { key: prefix, revision: 0 };
}

/**
 * The page's revision is gone: the client may go on from here with what there is now (apiserver
 * storage/etcd3/errors.go).
 */
function expiredContinue(core: Core, token: Token): ApiError {
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can ' +
    'start a new list without the continue parameter, or use the continue token in this ' +
    'response to retrieve the remainder of the results. Continuing with the provided token ' +
    'results in an inconsistent list - objects that were created, modified, or deleted ' +
    'between the time the first chunk was returned and now may show up in the list.';
  void core;
  return new ContinueExpired(message, encodeContinue({ ...token, rv: -1 }));
}

class ContinueExpired extends ApiError {
  readonly continueToken: string;
  constructor(message: string, token: string) {
    super('Expired', message);
    this.continueToken = token;
  }

  override toStatus(): ReturnType<ApiError['toStatus']> {
    const status = super.toStatus();
    return { ...status, metadata: { continue: this.continueToken } } as ReturnType<
      ApiError['toStatus']
    >;
  }
}

const tooOld = (): ApiError =>
  new ApiError('Expired', 'The resourceVersion for the provided list is too old.');

function rangeFailed(error: unknown, query: ListQuery, core: Core): never {
  const code = (error as { code?: string }).code;
  if (code === 'COMPACTED')
    throw query.continue ? expiredContinue(core, decodeContinue(query.continue)) : tooOld();
  if (code === 'FUTURE_REVISION')
    throw tooLarge(Number(query.resourceVersion), core.store.revision);
  throw error;
}

export function parseRevision(text: string, watching = false): number {
  if (!/^\d+$/.test(text)) {
    const shown =
      `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ` +
      `${JSON.stringify(text)}: invalid syntax`;
    throw watching ? new ApiError('', shown) : badRequest(`invalid resource version: ${shown}`);
  }
  return Number(text);
}

/**
 * A client may have seen on another server what this one has not seen yet: the store is asked
 * before the answer is no.
 */
export async function caughtUp(core: Core, wanted: number): Promise<void> {
  if (wanted <= core.store.revision) return;
  const { revision } = await core.store.range({ key: storeKey(registryRoot), countOnly: true });
  if (wanted > revision) throw tooLarge(wanted, revision);
}

function tooLarge(wanted: number, current: number): ApiError {
  return new ApiError('Timeout', `Too large resource version: ${wanted}, current: ${current}`, {
    details: {
      causes: [
        {
          reason: 'ResourceVersionTooLarge',
          message: 'Too large resource version',
          field: '',
        } as never,
      ],
      retryAfterSeconds: 1,
    },
  });
}

function invalidQuery(errors: FieldError[]): ApiError {
  return invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
}

/** apimachinery internalversion/validation ValidateListOptions. */
export function checkListQuery(resource: ServedResource, query: ListQuery, watching = false): void {
  const errors: FieldError[] = [];
  const forbidden = (field: string, detail: string): void =>
    void errors.push({ type: 'FieldValueForbidden', field, detail });
  const match = query.resourceVersionMatch ?? '';
  if (query.sendInitialEvents !== undefined) {
    if (!watching) forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list');
    else if (match !== 'NotOlderThan')
      forbidden(
        'resourceVersionMatch',
        'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      );
    if (watching && query.continue)
      forbidden('sendInitialEvents', 'sendInitialEvents is forbidden with continue');
  } else if (match) {
    if (watching)
      forbidden(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      );
    else checkMatch(query, match, errors, forbidden);
  }
  if (errors.length) throw invalidQuery(errors);
  void resource;
}

function checkMatch(
  query: ListQuery,
  match: string,
  errors: FieldError[],
  forbidden: (field: string, detail: string) => void,
): void {
  if (!query.resourceVersion)
    forbidden(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  if (query.continue)
    forbidden(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden when continue is provided',
    );
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    errors.push({
      type: 'FieldValueNotSupported',
      field: 'resourceVersionMatch',
      value: match,
      detail: 'supported values: "Exact", "NotOlderThan", ""',
    });
  }
  if (match === 'Exact' && query.resourceVersion === '0')
    forbidden(
      'resourceVersionMatch',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
}
