import type { IncomingMessage } from 'node:http';
import { Readable, type Duplex } from 'node:stream';
import type { Dial, DialAnswer, DialRequest, DialTarget } from './dial.ts';

export interface Replied {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
}

export type Asked = DialRequest & { target: DialTarget };

/** The fake of `Dial`: nothing is connected to. Requests are noted, and answered as told. */
export class FakeDial implements Dial {
  readonly asked: Asked[] = [];
  readonly #reply: (asked: Asked) => Replied | Error | 'never';

  /** An error: it cannot be reached. `never`: no answer until the caller gives up. */
  constructor(reply: (asked: Asked) => Replied | Error | 'never') {
    this.#reply = reply;
  }

  request(_op: string, target: DialTarget, request: DialRequest): Promise<DialAnswer> {
    const asked = { ...request, target };
    this.asked.push(asked);
    const reply = this.#reply(asked);
    if (reply instanceof Error) return Promise.reject(reply);
    if (reply === 'never')
      return new Promise((_resolve, reject) => {
        request.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const { status: statusCode = 200, headers = {}, body = '' } = reply;
    const message = Object.assign(Readable.from([Buffer.from(body)]), { statusCode, headers });
    return Promise.resolve({ kind: 'answer', message: message as IncomingMessage });
  }

  connect(op: string): Promise<Duplex> {
    return Promise.reject(new Error(`${op}: nothing is connected to`));
  }
}
