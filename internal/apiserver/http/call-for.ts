import { table } from '../../base/own.ts';
import { badRequest, invalid, type ApiError, type FieldError } from '../../api/status.ts';
import type { ApiCall } from '../operations/operation.ts';
import type { Call } from '../registry/call.ts';
import type { ListQuery } from '../registry/list.ts';
import type { ServedResource } from '../registry/resource.ts';
import { header, type Exchange } from './exchange.ts';
import { first, flag, selectedName, type Query, type RequestInfo } from './request-info.ts';

/** A watch of one object by its path is one with a selector for its name. */
export function watchQuery(info: RequestInfo): ReturnType<typeof listQuery> {
  const query = listQuery(info.query);
  if (info.parts.length < 2) return query;
  if (query.fieldSelector && selectedName(query.fieldSelector) !== info.name)
    throw badRequest("fieldSelector metadata.name doesn't match requested name");
  return { ...query, fieldSelector: query.fieldSelector ?? `metadata.name=${info.name}` };
}

/** A request as a call; it is authorized already. */
export function callFor(exchange: Exchange, resource: ServedResource): ApiCall {
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
    verb: exchange.info.verb,
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

export function invalidOptions(exchange: Exchange, error: FieldError): ApiError {
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

export function wholeNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text))
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}
