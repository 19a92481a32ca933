import { createSecureServer, type Http2SecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AddressInfo, Socket } from 'node:net';
import { IoError, messageOf } from '../base/errors.ts';

/** HTTP/2 and HTTP/1.1 behind TLS on one port; upgrades (WebSocket, SPDY) arrive as raw sockets. */
export interface HttpsListener {
  readonly port: number;
  /** Serves new connections with another certificate. */
  renew(tls: { key: string; cert: string; ca?: string }): void;
  /** Stops listening and ends what is open after `graceMs`. */
  close(): Promise<void>;
}

export type ServerRequest = IncomingMessage | Http2ServerRequest;
export type ServerAnswer = ServerResponse | Http2ServerResponse;

export interface HttpsServerOptions {
  host: string;
  port: number;
  key: string;
  cert: string;
  /** Client certificates are asked for, never required, and never judged here. */
  ca?: string;
  onRequest(request: ServerRequest, answer: ServerAnswer): void;
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Node checks slow HTTP/1 requests with an interval; an idle server must not tick, so it is moved out of sight. */
const neverMs = 0x7fffffff;

export async function listenHttps(op: string, options: HttpsServerOptions): Promise<HttpsListener> {
  const server: Http2SecureServer = createSecureServer({
    key: options.key,
    cert: options.cert,
    ca: options.ca,
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
    maxSessionMemory: 100,
    settings: { maxConcurrentStreams: 1000, initialWindowSize: 1 << 20, enableConnectProtocol: false },
    ...({ connectionsCheckingInterval: neverMs, maxHeaderSize: 1 << 20, keepAliveTimeout: 0, requestTimeout: 0 } as object),
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => {
    session.on('error', () => undefined);
    session.setLocalWindowSize(16 << 20);
  });
  server.on('request', options.onRequest);
  server.on('upgrade', options.onUpgrade);
  server.on('sessionError', () => undefined); // a broken client connection is the client's affair
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: unknown): void => reject(new IoError(`${op}: cannot listen on ${options.host}:${options.port}: ${messageOf(cause)}`, { op, cause }));
    server.once('error', failed);
    server.listen(options.port, options.host, () => {
      server.off('error', failed);
      server.on('error', () => undefined);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    renew: (tls) => server.setSecureContext(tls),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
