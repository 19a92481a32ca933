import { IoError } from '../base/errors.ts';
import type { Finished, RunOptions, Spawn } from './spawn.ts';

/** What a program leaves; what is not said is status 0 and nothing written. */
export type FakeAnswer = Partial<Omit<Finished, 'stdout'>> & { stdout?: string };

/**
 * Programs that answer as they are told to, the twin of `realSpawn`. A program that nobody knows
 * cannot start. Programs that stay (`start`) there are none.
 */
export class FakeSpawn implements Spawn {
  /** Every command that was run, in words. */
  readonly ran: string[] = [];
  readonly #programs = new Map<
    string,
    (command: string[], options: RunOptions) => FakeAnswer | Promise<FakeAnswer>
  >();

  /** From now on a program (the first word of a command) answers like this. */
  program(
    name: string,
    answer: (command: string[], options: RunOptions) => FakeAnswer | Promise<FakeAnswer>,
  ): this {
    this.#programs.set(name, answer);
    return this;
  }

  async run(op: string, command: string[], options: RunOptions = {}): Promise<Finished> {
    this.ran.push(command.join(' '));
    const answer = await this.#known(op, command)(command, options);
    return {
      code: 0,
      signal: undefined,
      stderr: '',
      ...answer,
      stdout: Buffer.from(answer.stdout ?? ''),
    };
  }

  start(op: string, command: string[]): never {
    this.#known(op, command);
    throw new IoError(`${op}: ${command[0]}: stays nowhere but on a real machine`, {
      op,
      code: 'ENOSYS',
    });
  }

  #known(op: string, [name = '']: string[]) {
    const answer = this.#programs.get(name);
    if (!answer) throw new IoError(`${op}: spawn ${name} ENOENT`, { op, code: 'ENOENT' });
    return answer;
  }
}
