import type { KubeObject } from '../../api/object.ts';
import { badRequest } from '../../api/status.ts';
import type { Exchange } from '../http/exchange.ts';
import { first, flag, type RequestInfo } from '../http/request-info.ts';
import { callFor } from '../http/call-for.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';

/**
 * Webhooks and policies may refuse a connection: exec and its kin, and every request through a
 * proxy.
 */
export async function connectAdmission(
  server: Server,
  exchange: Exchange,
  resource: ServedResource,
): Promise<void> {
  if (exchange.info.query.has('dryRun')) throw badRequest('dryRun is not supported');
  const { subresource } = exchange.info;
  // What is asked for of a node's shell has the fields that exec has.
  const kind =
    subresource === 'shell'
      ? 'PodExecOptions'
      : (resource.subresources.get(subresource)?.kind ?? '');
  const object = {
    kind,
    apiVersion: 'v1',
    metadata: {},
    ...optionsOf(exchange.info),
  } as KubeObject;
  const attributes = {
    call: callFor(exchange, resource),
    operation: 'CONNECT' as const,
    object,
    old: undefined,
  };
  await server.core.admission.admit(attributes);
  await server.core.admission.validate(attributes);
}

/** What a connection asks for, in the fields of its options kind. */
function optionsOf({ subresource, query, parts }: RequestInfo): object {
  if (subresource === 'proxy') return parts.length > 3 ? { path: parts.slice(3).join('/') } : {};
  if (subresource === 'portforward')
    return query.has('ports')
      ? { ports: (query.get('ports') ?? []).flatMap((one) => one.split(',')).map(Number) }
      : {};
  const streams = {
    stdin: flag(query, 'stdin'),
    stdout: flag(query, 'stdout'),
    stderr: flag(query, 'stderr'),
    tty: flag(query, 'tty'),
    container: first(query, 'container') ?? '',
  };
  return subresource === 'exec' || subresource === 'shell'
    ? { ...streams, command: query.get('command') ?? [] }
    : streams;
}
