import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { WebSocket } from 'ws';
import { IoError } from '../base/errors.ts';
import type { Status } from '../api/generated/types/meta-v1.ts';
import type { Clock } from '../io/clock.ts';

/** Which server, which user, what is asked for. */
export interface ShellCall {
  /** `https://host:port` */
  server: string;
  tls: {
    ca?: string | Buffer | undefined;
    cert?: string | Buffer | undefined;
    key?: string | Buffer | undefined;
    servername?: string | undefined;
    rejectUnauthorized?: boolean;
  };
  token?: string | undefined;
  node: string;
  /** Nothing: root's own shell. */
  command: string[];
  /** Kind and size of the terminal; without it the program has pipes. */
  terminal?: Terminal | undefined;
}

interface Terminal {
  term: string;
  size(): { columns: number; rows: number };
  /** Calls when the size is another. */
  onResize(changed: () => void): void;
}

export interface ShellStreams {
  input: Readable;
  output: Writable;
  errors: Writable;
}

const op = 'shell';
const protocol = 'v5.channel.k8s.io';
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** More than this waiting to be sent, and the input waits. */
const highWaterBytes = 1024 * 1024;
const pingMs = 30_000;
/** A node whose tunnel is down may be waited for in vain. */
const openMs = 30_000;
/** A refusal longer than this is not from an API server. */
const mostRefusalBytes = 64 * 1024;

/**
 * Runs a program on a node, as root, and resolves to its exit status when it has ended. Throws what
 * the server refuses, and when the connection is lost. Closing it ends the program: `signal`, or
 * the end of this process.
 */
export async function runShell(
  call: ShellCall,
  streams: ShellStreams,
  { clock, signal }: { clock: Clock; signal?: AbortSignal },
): Promise<number> {
  const ws = dial(call);
  const status = await new Promise<Status>((resolve, reject) => {
    let last: Status | undefined;
    signal?.addEventListener('abort', () => ws.terminate());
    ws.on('unexpected-response', (_request, answer: IncomingMessage) => {
      refusal(answer).then(reject, reject);
    });
    ws.on('error', (cause) =>
      reject(new IoError(`${call.server}: ${cause.message}`, { op, cause })),
    );
    ws.on('open', () => begin(ws, call, streams));
    ws.on('message', (message: Buffer) => {
      const data = message.subarray(1);
      if (message[0] === channels.stdout) write(ws, streams.output, data);
      else if (message[0] === channels.stderr) write(ws, streams.errors, data);
      else if (message[0] === channels.error) last = JSON.parse(data.toString()) as Status;
    });
    ws.on('close', () => {
      if (last) return resolve(last);
      const lost = 'the connection to the node was lost before the command had ended';
      reject(new IoError(lost, { op }));
    });
    watchOver(ws, clock);
  });
  return exitCodeOf(status);
}

function dial({ server, tls, token, node, command, terminal }: ShellCall): WebSocket {
  const query = new URLSearchParams({ stdin: 'true', stdout: 'true', stderr: 'true' });
  if (terminal) query.set('tty', 'true');
  if (terminal) query.set('term', terminal.term);
  for (const part of command) query.append('command', part);
  const url = new URL(`/api/v1/nodes/${encodeURIComponent(node)}/shell?${query}`, server);
  return new WebSocket(url, [protocol], {
    ...tls,
    perMessageDeflate: false,
    handshakeTimeout: openMs,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
}

function begin(ws: WebSocket, { terminal }: ShellCall, { input }: ShellStreams): void {
  const tellSize = (): void => {
    const { columns, rows } = terminal?.size() ?? { columns: 0, rows: 0 };
    send(ws, channels.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })));
  };
  if (terminal) {
    tellSize();
    terminal.onResize(tellSize);
  }
  input.on('data', (data: Buffer) => {
    send(ws, channels.stdin, data, () => {
      if (input.isPaused() && ws.bufferedAmount <= highWaterBytes) input.resume();
    });
    if (ws.bufferedAmount > highWaterBytes) input.pause();
  });
  input.on('end', () => send(ws, channels.close, Buffer.from([channels.stdin])));
}

function send(ws: WebSocket, channel: number, data: Buffer, sent?: () => void): void {
  if (ws.readyState !== ws.OPEN) return;
  ws.send(Buffer.concat([Buffer.from([channel]), data]), () => sent?.());
}

function write(ws: WebSocket, to: Writable, data: Buffer): void {
  if (data.length === 0 || to.write(data)) return;
  ws.pause();
  to.once('drain', () => ws.resume());
}

/** A server that is silent is lost: no packet would say that its machine is off. */
function watchOver(ws: WebSocket, clock: Clock): void {
  let heard = true;
  ws.on('pong', () => (heard = true));
  const timer = clock.every('shell.ping', pingMs, () => {
    if (ws.readyState !== ws.OPEN) return;
    if (!heard && !ws.isPaused) return ws.terminate();
    heard = false;
    ws.ping();
  });
  ws.on('close', () => timer.cancel());
}

/** What the server says instead. */
async function refusal(answer: IncomingMessage): Promise<IoError> {
  let text = '';
  for await (const chunk of answer) {
    text += (chunk as Buffer).toString();
    if (text.length > mostRefusalBytes) break;
  }
  let message = text.trim();
  try {
    message = (JSON.parse(text) as Status).message ?? message;
  } catch {
    // It is told as it came.
  }
  return new IoError(message || `the server answered ${answer.statusCode}`, { op });
}

/** The exit status that a Status tells. Throws what was no end of a program. */
function exitCodeOf(status: Status): number {
  if (status.status === 'Success') return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  if (status.reason === 'NonZeroExitCode' && cause) return Number(cause.message);
  throw new IoError(status.message ?? 'the node does not say how it ended', { op });
}
