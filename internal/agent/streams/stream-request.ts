import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dial } from '../../io/dial.ts';
import type { Log } from '../../io/log.ts';

export interface StreamRequest {
  kind: 'exec' | 'attach' | 'portForward';
  /**
   * What CRI's Exec, Attach or PortForward gave: `http://127.0.0.1:port/exec/TOKEN`, good for one
   * use.
   */
  url: string;
  request: IncomingMessage;
  /** The client's connection after its upgrade request. */
  socket: Duplex;
  head: Buffer;
  /** For exec and attach. */
  wants: Wants;
  /** For the WebSocket form of port-forward: the ports of the query. */
  ports: number[];
}

export interface StreamContext {
  dial: Dial;
  log: Log;
}

export interface Wants {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}
