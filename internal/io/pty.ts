import type { Duplex } from 'node:stream';
import type { IPty } from '@lydell/node-pty';
import { IoError, messageOf } from '../base/errors.ts';
import { embedded, loadAddon } from './assets.ts';

/** A program that believes it sits at a terminal. */
export interface Pty {
  /** Of the program, which leads a session of its own. */
  readonly pid: number;
  /** The other end of the terminal. */
  readonly stream: Duplex;
  /** Called after the last of its output. */
  onExit(ended: (status: { code: number; signal: number }) => void): void;
  resize(columns: number, rows: number): void;
  /** Hangs up: the kernel tells the programs of the terminal. */
  close(): void;
}

export interface PtyOptions {
  cwd: string;
  /** All that the program gets. */
  env: Record<string, string>;
  /** What the terminal is called (TERM). */
  name: string;
}

export type OpenPty = (op: string, command: string[], options: PtyOptions) => Promise<Pty>;

/**
 * Starts `command` on a new pseudo-terminal. The package and its addon are loaded with the first:
 * most processes never need them.
 */
export const openPty: OpenPty = async (op, command, options) => {
  try {
    if (embedded) await loadAddon('pty.node');
    const { spawn } = await import('@lydell/node-pty');
    // Without an encoding its socket gives bytes.
    const terminal = spawn(command[0] ?? '', command.slice(1), { ...options, encoding: null });
    const stream = streamOf(terminal);
    return {
      pid: terminal.pid,
      stream,
      onExit: (ended) =>
        void terminal.onExit(({ exitCode, signal }) =>
          ended({ code: exitCode, signal: signal ?? 0 }),
        ),
      resize: (columns, rows) => terminal.resize(columns, rows),
      close: () => (terminal as IPty & { destroy(): void }).destroy(),
    };
  } catch (cause) {
    throw new IoError(`${op}: cannot open a terminal: ${messageOf(cause)}`, { op, cause });
  }
};

/** What the package hands out has no word for what waits to be written, its socket has. */
function streamOf(terminal: IPty): Duplex {
  const { _socket: socket } = terminal as IPty & { _socket?: Duplex };
  if (!socket) throw new Error('the package has no socket for its terminal any more');
  return socket;
}
