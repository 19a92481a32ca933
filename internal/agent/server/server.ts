import type { IncomingMessage } from 'node:http';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { breakOff } from '../../io/break-off.ts';
import {
  listenHttps,
  type HttpsListener,
  type ServerAnswer,
  type ServerRequest,
} from '../../io/https-server.ts';
import { refuse } from '../streams/runtime-connection.ts';
import { sayText } from './answer.ts';
import { makeAuthenticator } from './authenticate.ts';
import { makeAuthorizer } from './authorize.ts';
import { findPath, rightsFor, type FoundPath } from './paths.ts';
import { route, routeUpgrade, type RouteContext } from './routes.ts';
import { Rates } from './stats.ts';
import { speakHttp2 } from '../../wire/h2/http.ts';

export interface NodeServerOptions extends Omit<RouteContext, 'rates'> {
  host: string;
  /** 10250, or 0 for any. */
  port: number;
  /** PEM. `clientCa` signs the certificates that may ask. */
  tls: { key: string; cert: string; clientCa: string };
  client: Client;
}

/** Serves the node's HTTPS port until closed. */
export async function startNodeServer(options: NodeServerOptions): Promise<HttpsListener> {
  const context: RouteContext = { ...options, rates: new Rates() };
  const authenticate = makeAuthenticator(options);
  const authorize = makeAuthorizer({ ...options, nodeName: options.view.nodeName });

  /** What is asked for, once it is clear that the asker may. */
  const admit = async (
    request: ServerRequest,
  ): Promise<{ found: FoundPath } | { status: number; text: string }> => {
    const user = await authenticate(request);
    if (!user) return { status: 401, text: 'Unauthorized' };
    // The API server's own connections carry everybody's logs and terminals.
    listener.know(request, { name: user.name, bounded: !user.groups.includes('system:masters') });
    const found = findPath(request.url ?? '/');
    if (!found) return { status: 400, text: 'Bad Request' };
    const method = request.method ?? 'GET';
    const rights = rightsFor(found, method);
    // A node is no user's terminal, whatever it was granted.
    if (rights.verb === 'shell' && user.groups.includes('system:nodes'))
      return { status: 403, text: 'Forbidden: a node opens no shell' };
    if (!(await authorize(user, rights)))
      return {
        status: 403,
        text:
          `Forbidden (user=${user.name}, verb=${rights.verb}, resource=nodes, ` +
          `subresource(s)=[${rights.subresources.join(' ')}])`,
      };
    if (!found.entry) return { status: 404, text: '404 page not found\n' };
    if (!found.entry.methods.includes(method))
      return { status: 405, text: '405: Method Not Allowed' };
    return { found };
  };

  const listener = await listenHttps('node.listen', {
    http2: speakHttp2,
    host: options.host,
    port: options.port,
    key: options.tls.key,
    cert: options.tls.cert,
    ca: options.tls.clientCa,
    onRequest: (request, answer) => void serve(request, answer),
    onUpgrade: (request, socket, head) => void upgrade(request, { socket, head }),
  });
  return listener;

  async function serve(request: ServerRequest, answer: ServerAnswer): Promise<void> {
    try {
      const admitted = await admit(request);
      if ('status' in admitted) sayText(answer, admitted.status, admitted.text);
      else await route(context, admitted.found, { request, answer });
    } catch (error) {
      options.log.warn('request failed', { path: request.url, error: messageOf(error) });
      if (!answer.headersSent) sayText(answer, 500, messageOf(error));
      else breakOff(answer); // half an answer must not pass for a whole
    }
  }

  async function upgrade(
    request: IncomingMessage,
    connection: { socket: import('node:stream').Duplex; head: Buffer },
  ): Promise<void> {
    connection.socket.on('error', () => connection.socket.destroy());
    try {
      const admitted = await admit(request);
      if ('status' in admitted) refuse(connection.socket, admitted.status, admitted.text);
      else await routeUpgrade(context, admitted.found, { request, ...connection });
    } catch (error) {
      refuse(connection.socket, 500, messageOf(error));
    }
  }
}
