import { chmod, rm } from 'node:fs/promises';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { IoError, messageOf } from '../base/errors.ts';

/** One question and its answer; both are JSON. */
export type LocalHandler = (
  method: string,
  path: string,
  body: unknown,
) => Promise<{ status: number; body: unknown }>;

/** Only root may open the socket; still nobody may fill the memory. */
const largestBodyBytes = 1024 * 1024;
/**
 * Node checks slow requests with an interval; an idle server must not tick, so it is moved out of
 * sight.
 */
const neverMs = 0x7fffffff;

/**
 * HTTP on a socket in the file system that only its owner can open: how commands on the same
 * machine speak to a running process.
 */
export async function serveLocal(
  op: string,
  path: string,
  handler: LocalHandler,
): Promise<{ close(): Promise<void> }> {
  await rm(path, { force: true });
  const server: Server = createServer(
    { connectionsCheckingInterval: neverMs, requestTimeout: 0, keepAliveTimeout: 0 },
    (request, response) => {
      const answer = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
        response.end(JSON.stringify(body));
      };
      void bodyOf(request)
        .then((body) => handler(request.method ?? 'GET', request.url ?? '/', body))
        .then(
          ({ status, body }) => answer(status, body),
          (error: unknown) => answer(500, { message: messageOf(error) }),
        );
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new IoError(`${op}: cannot listen on ${path}: ${cause.message}`, { op, cause })),
    );
    // Readable by the owner alone, from the first moment on.
    const mask = process.umask(0o177);
    server.listen(path, resolve);
    process.umask(mask);
  });
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Asks over such a socket; undefined when nobody listens there. */
export function askLocal(
  op: string,
  path: string,
  question: { method: string; path: string; body?: unknown; timeoutMs: number },
): Promise<{ status: number; body: unknown } | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        socketPath: path,
        method: question.method,
        path: question.path,
        timeout: question.timeoutMs,
      },
      (response) => {
        bodyOf(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, body }),
          reject,
        );
      },
    );
    request.on('timeout', () =>
      request.destroy(new Error(`no answer in ${Math.round(question.timeoutMs / 1000)} s`)),
    );
    request.on('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED') return resolve(undefined);
      const denied = cause.code === 'EACCES' || cause.code === 'EPERM';
      reject(
        new IoError(`${op}: ${path}: ${denied ? 'permission denied' : cause.message}`, {
          op,
          code: cause.code ?? 'IO',
          cause,
          ...(denied ? { hint: 'run it as root' } : {}),
        }),
      );
    });
    request.end(question.body === undefined ? undefined : JSON.stringify(question.body));
  });
}

/** Whether a process listens on the socket. */
export function socketAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

function bodyOf(stream: IncomingMessage): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > largestBodyBytes) stream.destroy(new Error('the message is too large'));
      else chunks.push(chunk);
    });
    stream.on('error', reject);
    stream.on('end', () => {
      try {
        resolve(chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString()));
      } catch (error) {
        reject(error as Error);
      }
    });
  });
}

/** No answer of a program that is asked so is longer. */
const longestAnswerBytes = 1024 * 1024;

/**
 * Sends text over a socket of another program and gives what it answers before it ends. Throws
 * IoError when nobody listens, or not within `timeoutMs`.
 */
export function askProgram(
  op: string,
  path: string,
  { text, timeoutMs }: { text: string; timeoutMs: number },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    const failed = (cause: Error): void => {
      socket.destroy();
      reject(new IoError(`${op}: ${path}: ${cause.message}`, { op, cause }));
    };
    socket.setTimeout(timeoutMs, () => failed(new Error('no answer in time')));
    socket.once('error', failed);
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString();
      if (answer.length > longestAnswerBytes) failed(new Error('a longer answer than expected'));
    });
    socket.once('end', () => {
      socket.destroy();
      resolve(answer);
    });
    socket.end(text);
  });
}

export interface HeldProgram {
  close(): void;
}

/**
 * Keeps a connection open to a program that reads commands and prompts for more; `ended` is called
 * once when the connection is over, and not after `close`.
 */
export function holdProgram(_op: string, path: string, ended: () => void): HeldProgram {
  const socket = connect(path);
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    socket.destroy();
    ended();
  };
  socket.once('error', end);
  socket.once('close', end);
  socket.resume();
  socket.write('prompt\n');
  return {
    close: () => {
      over = true;
      socket.destroy();
    },
  };
}

/** Sends text to a program and gives what it says, as it comes, until it or `signal` ends it. */
export function followProgram(
  op: string,
  path: string,
  { text, said, signal }: { text: string; said(bytes: Buffer): void; signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('error', (cause) =>
      reject(new IoError(`${op}: ${path}: ${cause.message}`, { op, cause })),
    );
    socket.once('close', () => resolve());
    socket.on('data', said);
    signal.addEventListener('abort', () => socket.destroy());
    socket.write(text);
  });
}
