import { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Dial, DialTarget } from '../../io/dial.ts';
import { readAnswer } from '../proxy/read-answer.ts';

export interface JsonPost {
  /** Names the operation on the wire. */
  op: string;
  target: DialTarget;
  path: string;
  /** The whole address, for messages. */
  shown: string;
  headers: Record<string, string>;
  body: object;
  timeoutMs: number;
  maxAnswerBytes: number;
}

export interface Posted {
  statusCode: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** No whole answer came. The message is Go's: `Post "https://...": context deadline exceeded`. */
export class PostError extends Error {
  readonly timedOut: boolean;

  constructor(message: string, options: { cause: unknown; timedOut: boolean }) {
    super(message, { cause: options.cause });
    this.timedOut = options.timedOut;
  }
}

/**
 * One POST of JSON; the answer is whole within the time and the size, or it is a PostError. No
 * redirect is followed.
 */
export async function postJson(
  { dial, clock }: { dial: Dial; clock: Clock },
  { op, target, path, shown, headers, body, timeoutMs, maxAnswerBytes }: JsonPost,
): Promise<Posted> {
  const label = `Post "${shown}"`;
  const abort = new AbortController();
  const timer = clock.after(`${op}.timeout`, timeoutMs, () => abort.abort());
  try {
    const text = Buffer.from(JSON.stringify(body));
    const all = {
      host: target.tls?.servername ?? target.host,
      'content-type': 'application/json',
      accept: 'application/json, */*',
      'content-length': String(text.length),
      ...headers,
    };
    const done = await dial.request(op, target, {
      method: 'POST',
      path,
      headers: all,
      body: text,
      signal: abort.signal,
    });
    if (done.kind === 'upgrade') {
      done.socket.destroy();
      throw new Error('the server switched protocols without being asked');
    }
    const answered = (await readAnswer(done.message, maxAnswerBytes)).toString();
    return {
      statusCode: done.message.statusCode ?? 0,
      headers: done.message.headers,
      text: answered,
    };
  } catch (error) {
    const cause = (error as { cause?: unknown }).cause ?? error;
    const timedOut = abort.signal.aborted;
    throw new PostError(
      timedOut ? `${label}: context deadline exceeded` : `${label}: ${messageOf(cause)}`,
      { cause, timedOut },
    );
  } finally {
    timer.cancel();
  }
}
