import type { IncomingMessage } from 'node:http';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { listenHttps, type HttpsListener, type ServerAnswer, type ServerRequest } from '../../io/https-server.ts';
import { refuse } from '../streams/runtime-connection.ts';
import { sayText } from './answer.ts';
import { makeAuthenticator } from './authenticate.ts';
import { makeAuthorizer } from './authorize.ts';
import { route, routeUpgrade, type RouteContext } from './routes.ts';
import { Rates } from './stats.ts';

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

  /** The status to refuse with, or undefined for a welcome guest. */
  const refusal = async (request: ServerRequest): Promise<{ status: number; text: string } | undefined> => {
    const user = await authenticate(request);
    if (!user) return { status: 401, text: 'Unauthorized' };
    // The API server's own connections carry everybody's logs and terminals.
    listener.know(request, { name: user.name, bounded: !user.groups.includes('system:masters') });
    const path = new URL(request.url ?? '/', 'https://node').pathname;
    const allowed = await authorize(user, { method: request.method ?? 'GET', path });
    return allowed ? undefined : { status: 403, text: `Forbidden (user=${user.name}, verb=${request.method}, resource=nodes, path=${path})` };
  };

  const listener = await listenHttps('node.listen', {
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
      const refused = await refusal(request);
      if (refused) sayText(answer, refused.status, refused.text);
      else await route(context, request, answer);
    } catch (error) {
      options.log.warn('request failed', { path: request.url, error: messageOf(error) });
      if (!answer.headersSent) sayText(answer, 500, messageOf(error));
      else answer.end();
    }
  }

  async function upgrade(request: IncomingMessage, connection: { socket: import('node:stream').Duplex; head: Buffer }): Promise<void> {
    connection.socket.on('error', () => connection.socket.destroy());
    try {
      const refused = await refusal(request);
      if (refused) refuse(connection.socket, refused.status, refused.text);
      else await routeUpgrade(context, request, connection);
    } catch (error) {
      refuse(connection.socket, 500, messageOf(error));
    }
  }
}
