import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { IoError } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import { statusOfSignal } from '../../io/processes.ts';
import type { OpenPty } from '../../io/pty.ts';
import type { Spawn } from '../../io/spawn.ts';
import type { Account } from './account.ts';

/** What a client asks for. */
export interface Wanted {
  /** Nothing: root's own shell. */
  command: string[];
  tty: boolean;
  /** The client's kind of terminal. */
  term: string;
}

/** A program of a session that runs. */
export interface Program {
  /** Of the program and of its session. */
  pid: number;
  input: Writable;
  outputs: { stdout: Readable; stderr?: Readable };
  endInput(): void;
  resize(columns: number, rows: number): void;
  /** Told once, after the output, or what of it comes soon after the end. */
  onEnd(ended: (status: number) => void): void;
  close(): void;
}

export interface ProgramDoors {
  spawn: Spawn;
  openPty: OpenPty;
  clock: Clock;
}

const op = 'shell.start';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const plainTerminal = 'xterm';
/**
 * A process that has left the session may hold its output open forever: wait only so long without
 * output.
 */
const silentMs = 1_000;
/** As shells say of a program that is not there. */
const notFound = 127;

/** Starts what is asked for as root, with an environment of its own. */
export async function startProgram(
  doors: ProgramDoors,
  account: Account,
  wanted: Wanted,
): Promise<Program> {
  const { home, shell } = account;
  const command = wanted.command.length ? wanted.command : [shell, '-l'];
  const env = { PATH: path, HOME: home, SHELL: shell, USER: 'root', LOGNAME: 'root' };
  return wanted.tty
    ? await onTerminal(doors, command, { home, env, term: wanted.term })
    : await onPipes(doors, command, { home, env });
}

async function onTerminal(
  { openPty }: ProgramDoors,
  command: string[],
  { home, env, term }: { home: string; env: Record<string, string>; term: string },
): Promise<Program> {
  const name = /^[A-Za-z0-9][\w.+-]{0,63}$/.test(term) ? term : plainTerminal;
  const pty = await openPty(op, command, { cwd: home, env, name });
  const { pid, stream } = pty;
  let over = false;
  return {
    pid,
    input: stream,
    outputs: { stdout: stream },
    // A terminal has no end of input; a program gets ^D instead.
    endInput: () => void (over || stream.write('\u0004')),
    resize: (columns, rows) => over || pty.resize(columns, rows),
    onEnd: (ended) =>
      pty.onExit(({ code, signal }) => {
        over = true;
        ended(signal ? 128 + signal : code);
      }),
    close: () => {
      over = true;
      pty.close();
    },
  };
}

async function onPipes(
  { spawn, clock }: ProgramDoors,
  command: string[],
  { home, env }: { home: string; env: Record<string, string> },
): Promise<Program> {
  const child = spawn.start(op, command, {
    cwd: home,
    env,
    inherit: false,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(new IoError(`cannot run ${command[0]}: ${cause.message}`, { op, cause })),
    );
  });
  const { stdin: input, stdout, stderr } = child;
  if (!input || !stdout || !stderr) throw new IoError(`${command[0]} has no pipes`, { op });
  input.on('error', () => undefined); // it may end without reading its input
  return {
    pid: child.pid ?? 0,
    input,
    outputs: { stdout, stderr },
    endInput: () => input.end(),
    resize: () => undefined,
    onEnd: (ended) => whenOver({ child, outputs: [stdout, stderr], clock }, ended),
    close: () => {
      for (const stream of [input, stdout, stderr]) stream.destroy();
    },
  };
}

/** Tells the end of a program when its output has ended, too, or nothing comes of it any more. */
function whenOver(
  { child, outputs, clock }: { child: ChildProcess; outputs: Readable[]; clock: Clock },
  ended: (status: number) => void,
): void {
  let [told, silent] = [false, false];
  let looks: Timer | undefined;
  const tell = (code: number | null, signal: NodeJS.Signals | null): void => {
    looks?.cancel();
    if (!told) ended(signal ? statusOfSignal(signal) : (code ?? notFound));
    told = true;
  };
  child.once('close', tell);
  child.once('exit', (code, signal) => {
    for (const output of outputs) output.on('data', () => (silent = false));
    looks = clock.every(op, silentMs, () => {
      // What is held back has not been said yet.
      if (silent && !outputs.some((output) => output.isPaused())) tell(code, signal);
      silent = true;
    });
  });
}
