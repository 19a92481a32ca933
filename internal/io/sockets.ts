import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { IoError } from '../base/errors.ts';

/** A bound UDP socket. */
export interface Datagrams {
  readonly port: number;
  send(data: Uint8Array, port: number, address: string): void;
  close(): void;
}

/** A listening TCP socket. */
export interface Listener {
  readonly port: number;
  close(): void;
}

const failed = (op: string, cause: NodeJS.ErrnoException): IoError =>
  new IoError(`${op}: ${cause.message}`, { op, code: cause.code ?? 'IO', cause });

/** Binds a UDP socket and calls `received` for each datagram. */
export function bindUdp(
  op: string,
  options: { address: string; port: number },
  received: (data: Buffer, from: { address: string; port: number }) => void,
): Promise<Datagrams> {
  return new Promise((resolve, reject) => {
    const socket: UdpSocket = createSocket({
      type: options.address.includes(':') ? 'udp6' : 'udp4',
      // Only addresses are sent to; Node would wait a turn with each of them.
      lookup: (address, family, done) => done(null, address, Number(family)),
    });
    socket.once('error', (cause) => reject(failed(op, cause)));
    socket.on('message', (data, from) => received(data, from));
    socket.bind(options.port, options.address, () => {
      socket.removeAllListeners('error');
      // a send that fails is a lost datagram: the asker asks again
      socket.on('error', () => undefined);
      let open = true;
      resolve({
        port: socket.address().port,
        // An answer that comes after the end is lost as well; Node would throw.
        send: (data, port, address) => void (open && socket.send(data, port, address)),
        close: () => {
          if (open) socket.close();
          open = false;
        },
      });
    });
  });
}

/** Listens for TCP connections. */
export function listenTcp(
  op: string,
  options: { address: string; port: number },
  connected: (socket: Socket) => void,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server: Server = createServer(connected);
    server.once('error', (cause) => reject(failed(op, cause)));
    server.listen(options.port, options.address, () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address ? address.port : options.port,
        close: () => void server.close(),
      });
    });
  });
}

/** Opens a TCP connection, or throws IoError. */
export function dialTcp(
  op: string,
  options: { address: string; port: number; timeoutMs: number },
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: options.address,
      port: options.port,
      timeout: options.timeoutMs,
    });
    socket.once('error', (cause) => reject(failed(op, cause)));
    socket.once('timeout', () =>
      socket.destroy(
        new Error(`no answer from ${options.address}:${options.port} in ${options.timeoutMs} ms`),
      ),
    );
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
