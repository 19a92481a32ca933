import { Readable, type Duplex } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { IoError } from '../base/errors.ts';
import type { Dial, DialAnswer, DialRequest, DialTarget } from './dial.ts';

/** What a place on the net answers. */
export interface FakeHttpAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/**
 * A net in memory, the twin of `realDial`: `host:port` answers as it is told to, everything else
 * refuses the connection.
 */
export class FakeDial implements Dial {
  /** Every request: `GET http://host:port/path`. */
  readonly asked: string[] = [];
  readonly #places = new Map<
    string,
    (request: DialRequest, target: DialTarget) => FakeHttpAnswer | Promise<FakeHttpAnswer>
  >();
  readonly #sockets = new Map<string, () => Duplex>();

  /** From now on HTTP requests to a place are answered like this; undefined = refused again. */
  answer(
    place: string,
    by:
      | ((request: DialRequest, target: DialTarget) => FakeHttpAnswer | Promise<FakeHttpAnswer>)
      | undefined,
  ): void {
    if (by) this.#places.set(place, by);
    else this.#places.delete(place);
  }

  /** From now on connections to a place stand; `make` gives our end of each. */
  listen(place: string, make: () => Duplex): void {
    this.#sockets.set(place, make);
  }

  async request(op: string, target: DialTarget, request: DialRequest): Promise<DialAnswer> {
    const place = `${target.host}:${target.port}`;
    this.asked.push(`${request.method} ${target.tls ? 'https' : 'http'}://${place}${request.path}`);
    const by = this.#places.get(place);
    if (!by) throw refused(op, place);
    if (request.signal?.aborted) throw new IoError(`${op}: ${place}: aborted`, { op });
    const { status, headers = {}, body = '' } = await by(request, target);
    const message = Object.assign(Readable.from([Buffer.from(body)]), {
      statusCode: status,
      statusMessage: '',
      headers,
      rawHeaders: Object.entries(headers).flat(),
    });
    return { kind: 'answer', message: message as IncomingMessage };
  }

  async connect(op: string, target: DialTarget): Promise<Duplex> {
    const place = `${target.host}:${target.port}`;
    const make = this.#sockets.get(place);
    if (!make) throw refused(op, place);
    return make();
  }
}

function refused(op: string, place: string): IoError {
  return new IoError(`${op}: ${place}: connect ECONNREFUSED ${place}`, {
    op,
    code: 'ECONNREFUSED',
  });
}
