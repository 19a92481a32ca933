import { IoError, messageOf } from '../base/errors.ts';
import { embedded, loadAddon } from './assets.ts';

/** A program that believes it sits at a terminal. */
export interface Pty {
  readonly pid: number;
  onData(received: (data: Buffer) => void): void;
  onExit(ended: (status: { code: number; signal: number | undefined }) => void): void;
  write(data: string | Buffer): void;
  resize(columns: number, rows: number): void;
  kill(signal?: string): void;
}

/**
 * Starts `command` on a new pseudo-terminal. The addon is loaded at the first call: most processes
 * never need it.
 */
export async function openPty(
  op: string,
  command: string[],
  options: { columns?: number; rows?: number; cwd?: string; env?: Record<string, string> } = {},
): Promise<Pty> {
  try {
    if (embedded) await loadAddon('pty.node');
    const { spawn } = await import('@lydell/node-pty');
    const terminal = spawn(command[0] ?? '', command.slice(1), {
      name: 'xterm-256color',
      cols: options.columns ?? 80,
      rows: options.rows ?? 24,
      cwd: options.cwd ?? '/',
      env: options.env ?? (process.env as Record<string, string>),
      encoding: null,
    });
    return {
      pid: terminal.pid,
      // With encoding null the package hands out Buffers, whatever its types say.
      onData: (received) =>
        void terminal.onData((data) => received(Buffer.from(data as unknown as Buffer))),
      onExit: (ended) => void terminal.onExit((e) => ended({ code: e.exitCode, signal: e.signal })),
      write: (data) => terminal.write(data as string),
      resize: (columns, rows) => terminal.resize(columns, rows),
      kill: (signal) => terminal.kill(signal),
    };
  } catch (cause) {
    throw new IoError(`${op}: cannot open a terminal: ${messageOf(cause)}`, { op, cause });
  }
}
