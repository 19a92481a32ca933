import { table } from '../../base/own.ts';
import { forbidden } from '../../api/status.ts';
import { denialText, type AccessRequest, type Decision } from '../authz/authorizer.ts';
import type { Server } from '../server.ts';
import { PlainError, type Exchange } from './exchange.ts';
import { fieldTerms, first } from './request-info.ts';

/**
 * What a request asks an authorizer: about a resource, whether it is served or not, or about a
 * path.
 */
function accessOf({ info, user }: Exchange): AccessRequest {
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

/** Plain text must not be taken for HTML. */
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
