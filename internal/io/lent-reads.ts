import { Socket, type SocketConstructorOpts } from 'node:net';

/**
 * One buffer for all connections of the thread: a read is handed on before the next one begins.
 * Node would allocate 64 KB for each read and then cut it to size, which costs more than most
 * requests and leaves holes in the memory.
 */
let lent: Buffer | undefined;
const lentBytes = 64 * 1024;

interface Handled {
  /** Node's own; what `child_process` moves between processes in the same way. */
  _handle?: object | null;
}

/**
 * Makes the socket give its bytes to `take`, which may only look at them until it returns. Node
 * offers this to sockets that connect (`onread`), not to those that a server accepted, so the
 * connection moves to a socket that has it. Asks for a server with `pauseOnConnect`. Whatever
 * cannot be moved (TLS) is read in the ordinary way.
 */
export function lendReads(accepted: Socket, take: (bytes: Buffer) => void): Socket {
  const handle = (accepted as Handled)._handle;
  if (!handle || accepted.constructor !== Socket) {
    accepted.on('data', take);
    accepted.resume();
    return accepted;
  }
  const buffer = (lent ??= Buffer.allocUnsafeSlow(lentBytes));
  const callback = (count: number): boolean => {
    take(buffer.subarray(0, count));
    return true;
  };
  const options = { handle, onread: { buffer, callback }, readable: true, writable: true };
  const socket = new Socket(options as SocketConstructorOpts);
  (accepted as Handled)._handle = null;
  // The server counts the one that it accepted.
  socket.on('close', () => accepted.destroy());
  socket.resume();
  return socket;
}
