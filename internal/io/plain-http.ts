import { createServer, type Server } from 'node:http';
import { IoError } from '../base/errors.ts';

export interface PlainAnswer {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

/** Anybody may ask: few at once, and none for long. */
const mostConnections = 64;
const idleMs = 5_000;
/** Node looks for slow requests with an interval; an idle server must not tick. */
const neverMs = 0x7fffffff;

/**
 * Small answers over HTTP without TLS, to GET and HEAD alone; bodies are not read. IoError when the
 * port is taken.
 */
export async function listenPlainHttp(
  op: string,
  { address, port }: { address: string; port: number },
  answer: (path: string) => PlainAnswer,
): Promise<{ readonly port: number; close(): void }> {
  const server: Server = createServer(
    { connectionsCheckingInterval: neverMs, requestTimeout: 0 },
    (request, response) => {
      request.resume();
      const reads = request.method === 'GET' || request.method === 'HEAD';
      const { status, headers, body } = reads
        ? answer(request.url ?? '/')
        : { status: 405, headers: {}, body: '' };
      response.writeHead(status, { ...headers, connection: 'close' });
      response.end(body);
    },
  );
  server.maxConnections = mostConnections;
  server.timeout = idleMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new IoError(`${op}: ${cause.message}`, { op, code: cause.code ?? 'IO', cause })),
    );
    server.listen(port, address, resolve);
  });
  server.on('error', () => undefined);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
