import { spawn } from '@lydell/node-pty';

/** A program that believes it sits at a terminal. */
interface Pty {
  readonly pid: number;
  onData(received: (data: Buffer) => void): void;
  onExit(ended: (status: { code: number; signal: number | undefined }) => void): void;
  write(data: string | Buffer): void;
  resize(columns: number, rows: number): void;
  kill(signal?: string): void;
}

/** Starts `command` on a new pseudo-terminal. */
export function openPty(
  command: string[],
  options: { columns?: number; rows?: number; cwd?: string; env?: Record<string, string> } = {},
): Pty {
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
}
