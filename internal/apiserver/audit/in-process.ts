import type { ResourceRef } from '../../api/object.ts';
import type { Random } from '../../io/random.ts';
import type { ServerRequest } from '../../io/https-server.ts';
import type { Exchange } from '../http/exchange.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Auditor } from './auditor.ts';
import type { Recorded } from './recorded.ts';

/** A call of one of the server's own parts. */
export interface AskedInside {
  verb: string;
  ref: ResourceRef;
  namespace?: string;
  name?: string;
  subresource?: string;
}

const methods: ReadonlyMap<string, string> = new Map([
  ['create', 'POST'],
  ['update', 'PUT'],
  ['patch', 'PATCH'],
  ['delete', 'DELETE'],
  ['deletecollection', 'DELETE'],
]);

/**
 * What the server's own parts do is audited as if it had come by HTTPS. Undefined when the policy
 * does not want it.
 */
export function beginInside(
  auditor: Auditor,
  random: Random,
  user: UserInfo,
  asked: AskedInside,
): Recorded | undefined {
  const { verb, ref, namespace = '', name = '', subresource = '' } = asked;
  const path = [
    ref.group ? `/apis/${ref.group}/${ref.version}` : `/api/${ref.version}`,
    ...(ref.namespaced && namespace ? ['namespaces', namespace] : []),
    ref.resource,
    // The name of what is created stands in its body; that of a subresource's owner in the path.
    ...(name && (verb !== 'create' || subresource) ? [name] : []),
    ...(subresource ? [subresource] : []),
  ].join('/');
  const exchange: Exchange = {
    request: { headers: {}, url: path, socket: {} } as ServerRequest,
    answer: undefined as never,
    info: {
      method: methods.get(verb) ?? 'GET',
      path,
      query: new Map(),
      isResource: true,
      verb,
      group: ref.group,
      version: ref.version,
      namespace: ref.namespaced ? namespace : '',
      resource: ref.resource,
      subresource,
      name,
      parts: [],
      prefix: '',
      scoped: false,
    },
    user,
    real: user,
    warnings: [],
    auditId: random.uuid(),
  };
  return auditor.begin(exchange);
}
