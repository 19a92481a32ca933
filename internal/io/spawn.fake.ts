import { EventEmitter } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { partOf } from '../base/testing/part-of.ts';
import type { Finished, RunOptions, Spawn } from './spawn.ts';

/** How a program ends that only pretends to run; what is left out is success without a word. */
export type Pretended = Partial<Omit<Finished, 'stdout'>> & { stdout?: string | Uint8Array };

/** Throws where the program cannot start. */
type Answer = (
  command: string[],
  op: string,
  options: RunOptions,
) => Pretended | Promise<Pretended>;

/** The fake of `Spawn`: no program runs. What was asked for is noted, and answered as told. */
export class FakeSpawn implements Spawn {
  /** The commands that ran to their end, each as one line. */
  readonly ran: string[] = [];
  /** The programs that were to stay. */
  readonly started: FakeProgram[] = [];
  readonly #answer: Answer;

  constructor(answer: Answer = () => ({})) {
    this.#answer = answer;
  }

  async run(op: string, command: string[], options: RunOptions = {}): Promise<Finished> {
    this.ran.push(command.join(' '));
    const { stdout = '', ...rest } = await this.#answer(command, op, options);
    return { code: 0, signal: undefined, stderr: '', ...rest, stdout: Buffer.from(stdout) };
  }

  start(_op: string, command: string[]): ChildProcess {
    const program = new FakeProgram(command);
    this.started.push(program);
    return partOf<ChildProcess>(program as object);
  }
}

/** A program that stays until it is told to end, and says what it is told to say. */
class FakeProgram extends EventEmitter {
  readonly command: string[];
  readonly stdout = new EventEmitter();
  readonly stderr = new EventEmitter();

  constructor(command: string[]) {
    super();
    this.command = command;
  }

  say(line: string): void {
    this.stdout.emit('data', Buffer.from(`${line}\n`));
  }

  end(code: number): void {
    this.emit('exit', code, null);
    this.emit('close', code, null);
  }

  kill(): boolean {
    this.end(143);
    return true;
  }
}
