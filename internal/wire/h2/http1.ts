import type { PlainAnswer } from '../../io/grpc-server.ts';
import type { Transport } from '../../io/wire-socket.ts';

/** A request line and its headers; probes send a few hundred bytes. */
const mostHeadBytes = 8 * 1024;
const reasons: Record<number, string> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  503: 'Service Unavailable',
};

/**
 * Answers one HTTP/1.1 request on a connection that turned out not to speak HTTP/2, and closes it.
 */
export class PlainHttp {
  readonly #answer: (path: string) => Promise<PlainAnswer>;
  readonly #transport: Transport;
  #head = '';
  #asked = false;

  constructor(answer: (path: string) => Promise<PlainAnswer>, transport: Transport) {
    this.#answer = answer;
    this.#transport = transport;
  }

  receive(bytes: Buffer): void {
    if (this.#asked) return;
    this.#head += bytes.toString('latin1');
    const whole = this.#head.includes('\r\n\r\n');
    if (!whole && this.#head.length <= mostHeadBytes) return;
    this.#asked = true;
    const [, method, path] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r\n/.exec(this.#head) ?? [];
    if (!whole || method === undefined || path === undefined)
      return this.#write('', text(400, 'not a request'));
    if (method !== 'GET' && method !== 'HEAD') return this.#write(method, text(405, 'only GET'));
    void this.#answer(path).then((answer) => this.#write(method, answer));
  }

  #write(method: string, { status, type, body }: PlainAnswer): void {
    const bytes = Buffer.from(body);
    const head =
      `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\ncontent-type: ${type}\r\ncontent-length: ` +
      `${bytes.length}\r\nconnection: close\r\n\r\n`;
    this.#transport.write(method === 'HEAD' ? [Buffer.from(head)] : [Buffer.from(head), bytes]);
    this.#transport.end();
  }
}

function text(status: number, body: string): PlainAnswer {
  return { status, type: 'text/plain', body: `${body}\n` };
}
