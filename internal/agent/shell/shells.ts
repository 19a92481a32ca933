import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Processes } from '../../io/processes.ts';
import { openPty, type OpenPty } from '../../io/pty.ts';
import type { Spawn } from '../../io/spawn.ts';
import { channel, ChannelSocket, chooseProtocol } from '../streams/channel-socket.ts';
import { refuse } from '../streams/runtime-connection.ts';
import { offered } from '../streams/serve.ts';
import { acceptWebSocket } from '../streams/web-socket.ts';
import { rootAccount } from './account.ts';
import { endSession } from './end-session.ts';
import { startProgram, type Program, type Wanted } from './program.ts';

export interface ShellDoors {
  spawn: Spawn;
  processes: Processes;
  disk: Disk;
  clock: Clock;
  log: Log;
  /** Default: the real one. */
  openPty?: OpenPty;
}

export interface ShellRequest extends Wanted {
  /** In whose name the API server asks. */
  user: string;
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

/** Each holds a terminal and a connection; an operator has a handful. */
const mostShells = 32;
const pingMs = 30_000;
/** A terminal has no more; the kernel counts in 16 bits. */
const mostCells = 65_535;

/** The shells of this node. */
export class Shells {
  readonly #doors: Required<ShellDoors>;
  #open = 0;

  constructor(doors: ShellDoors) {
    this.#doors = { openPty, ...doors };
  }

  /** Serves one upgraded connection, which is allowed, until its program or its client ends. */
  async serve(asked: ShellRequest): Promise<void> {
    const { request, socket } = asked;
    const { log, clock } = this.#doors;
    const protocol = chooseProtocol(offered(request));
    if (String(request.headers.upgrade ?? '').toLowerCase() !== 'websocket')
      return refuse(socket, 400, 'a shell speaks WebSocket');
    if (protocol === undefined)
      return refuse(socket, 403, 'unable to upgrade: no known subprotocol');
    if (this.#open >= mostShells) return refuse(socket, 429, `${mostShells} shells are open here`);
    this.#open++;
    const started = clock.monotonicMs();
    const about = { user: asked.user, tty: asked.tty, command: asked.command.join(' ') };
    try {
      const ws = await acceptWebSocket({ ...asked, protocol });
      ws.pause();
      log.info('a shell is opened', about);
      await this.#run(new ChannelSocket(ws, protocol), asked);
    } finally {
      this.#open--;
      const seconds = Math.round((clock.monotonicMs() - started) / 1000);
      log.info('a shell is closed', { ...about, seconds });
    }
  }

  async #run(client: ChannelSocket, wanted: Wanted): Promise<void> {
    const { ws } = client;
    const gone = new Promise<void>((resolve) => ws.once('close', () => resolve()));
    let program: Program;
    try {
      program = await startProgram(this.#doors, await rootAccount(this.#doors.disk), wanted);
    } catch (error) {
      client.finish(failed(messageOf(error)));
      return;
    }
    const stopPings = this.#keepAlive(ws);
    const ended = new Promise<void>((resolve) =>
      program.onEnd((code) => {
        client.finish(statusOf(code));
        resolve();
      }),
    );
    join(client, program);
    ws.resume();
    await Promise.race([gone, ended]);
    stopPings();
    program.close();
    await endSession(this.#doors, program.pid);
  }

  /** Hangs up on a client that is silent: nobody else tells that its machine is off. */
  #keepAlive(ws: WebSocket): () => void {
    let heard = true;
    ws.on('pong', () => (heard = true));
    const timer = this.#doors.clock.every('shell.ping', pingMs, () => {
      // What is held back cannot be heard.
      if (!heard && !ws.isPaused) return ws.terminate();
      heard = false;
      ws.ping();
    });
    return () => timer.cancel();
  }
}

/** Bytes flow both ways, at the slower side's pace. */
function join(client: ChannelSocket, program: Program): void {
  const { ws } = client;
  const { stdout, stderr } = program.outputs;
  stdout.on('data', (data: Buffer) => client.send(channel.stdout, data, stdout));
  stderr?.on('data', (data: Buffer) => client.send(channel.stderr, data, stderr));
  // The client learns from an empty message that the streams stand.
  client.send(channel.stdout, Buffer.alloc(0), stdout);
  const input = {
    stdin: (data: Buffer) => void (program.input.writable && program.input.write(data)),
    stdinEnds: () => program.endInput(),
    resize: (data: Buffer) => {
      const size = sizeOf(data);
      if (size) program.resize(size.columns, size.rows);
    },
  };
  ws.on('message', (message: Buffer) => client.take(message, input, program.input));
}

/** `{"Width":80,"Height":24}` (client-go's TerminalSize); undefined for what is none. */
export function sizeOf(data: Buffer): { columns: number; rows: number } | undefined {
  const cells = (value: unknown): number =>
    Number.isInteger(value) && Number(value) > 0 && Number(value) <= mostCells ? Number(value) : 0;
  try {
    const told = JSON.parse(data.toString()) as { Width?: unknown; Height?: unknown } | null;
    const [columns, rows] = [cells(told?.Width), cells(told?.Height)];
    return columns && rows ? { columns, rows } : undefined;
  } catch {
    return undefined;
  }
}

const failed = (message: string): string =>
  JSON.stringify({ metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 });

/** How a program ended, as exec says it. */
export function statusOf(code: number): string {
  if (code === 0) return JSON.stringify({ metadata: {}, status: 'Success' });
  return JSON.stringify({
    metadata: {},
    status: 'Failure',
    message: `command terminated with exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  });
}
