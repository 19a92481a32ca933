import { dirname } from 'node:path';
import { realHost } from '../../io/host.ts';
import { startWorker, type Worker } from '../../io/worker.ts';
import type { Encryption } from '../cipher.ts';
import { InvariantError } from '../../base/errors.ts';
import { noRoom, readOnly, StoreError } from '../errors.ts';
import type { Batch, Journal, RoomState } from '../journal.ts';
import type { LogFileOptions } from './log-file.ts';
import { Mailbox } from './mailbox.ts';
import type { Answer, Question, RoomNews, WriterData } from './protocol.ts';

/** The journal on a writer thread: SQLite is synchronous, and a card's fsync takes up to 100 ms. */
export class SqliteJournal implements Journal {
  readonly #worker: Worker;
  readonly #mailbox = new Mailbox();
  readonly #waiting: ((answer: Answer) => void)[] = [];
  readonly #cores = realHost.cpus();
  #committing: ((answer: Answer) => void) | undefined;
  #gone: string | undefined;
  #held = false;
  #closing = false;
  #room: (state: RoomState) => void = () => undefined;
  readonly folder: string;

  constructor(options: LogFileOptions) {
    this.folder = dirname(options.path);
    const data: WriterData = { options, shared: this.#mailbox.shared };
    this.#worker = startWorker('store/sqlite/writer.ts', data, { name: 'store' });
    this.#worker.on('message', (answer: Answer | RoomNews) =>
      'room' in answer && !('ok' in answer)
        ? this.#room(answer.room)
        : this.#waiting.shift()?.(answer),
    );
    this.#worker.on('error', (error) => this.#fail(error.message));
    this.#worker.on('exit', () => this.#fail('the writer thread has ended'));
    this.#worker.unref();
  }

  async commit(batch: Batch): Promise<void> {
    // A large buffer moves to the thread instead of being copied.
    if (!Mailbox.fits(batch))
      return void (await this.#ask({ do: 'commit', ...batch }, [
        batch.rows.buffer as ArrayBuffer,
        batch.deletes.buffer as ArrayBuffer,
      ]));
    this.#open('commit');
    const answer = await new Promise<Answer>((resolve) => {
      this.#committing = resolve;
      this.#keepAlive();
      this.#mailbox.commit({ ...batch, awake: batch.awake === true && this.#cores > 1 }).then(
        () => resolve({ ok: true }),
        ({ code, message }: { code: string; message: string }) =>
          resolve({ ok: false, code, message }),
      );
    });
    this.#committing = undefined;
    this.#keepAlive();
    if (!answer.ok) throw errorOf('commit', answer.code, answer.message);
  }

  onRoom(fn: (state: RoomState) => void): void {
    this.#room = fn;
  }

  async lookForRoom(): Promise<RoomState> {
    return (await this.#ask({ do: 'room' })).room ?? 'ample';
  }

  hold(on: boolean): void {
    this.#held = on;
    this.#keepAlive();
  }

  async size(): Promise<{ bytes: number; inUseBytes: number }> {
    const answer = await this.#ask({ do: 'size' });
    return { bytes: answer.bytes ?? 0, inUseBytes: answer.inUseBytes ?? 0 };
  }

  async defragment(): Promise<void> {
    await this.#ask({ do: 'defragment' });
  }

  async giveBack(): Promise<void> {
    await this.#ask({ do: 'give-back' });
  }

  async snapshot(path: string): Promise<void> {
    await this.#ask({ do: 'snapshot', path });
  }

  async encrypt(encryption: Encryption | undefined): Promise<void> {
    await this.#ask({ do: 'encrypt', encryption });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#ask({ do: 'close' });
  }

  async #ask(
    question: Question,
    transfer: ArrayBuffer[] = [],
  ): Promise<Extract<Answer, { ok: true }>> {
    this.#open(question.do);
    // While something is under way, the thread keeps the process alive.
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.push(resolve);
      this.#keepAlive();
      this.#worker.postMessage(question, transfer);
      this.#mailbox.ring();
    });
    this.#keepAlive();
    if (!answer.ok) throw errorOf(question.do, answer.code, answer.message);
    return answer;
  }

  #open(op: string): void {
    if (this.#gone !== undefined) throw new StoreError('UNAVAILABLE', this.#gone, { op });
  }

  #keepAlive(): void {
    if (this.#held || this.#waiting.length > 0 || this.#committing !== undefined)
      this.#worker.ref();
    else this.#worker.unref();
  }

  #fail(message: string): void {
    if (this.#gone !== undefined) return;
    this.#gone = message;
    for (const resolve of [
      ...this.#waiting.splice(0),
      ...(this.#committing ? [this.#committing] : []),
    ])
      resolve({ ok: false, code: 'GONE', message });
    if (this.#closing) return;
    // Nothing can be written any more, and nobody could repair that from within: the process ends
    // and is started again.
    throw new InvariantError(`the writer thread of the store is gone: ${message}`, 'store');
  }
}

export function errorOf(op: string, code: string, message: string): StoreError {
  if (code === 'SQLITE_FULL') return noRoom();
  if (code === 'READ_ONLY') return readOnly();
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return new StoreError('CORRUPT', message, { op, hint: 'restore a snapshot' });
  return new StoreError('UNAVAILABLE', `${op}: ${code}: ${message}`, {
    op,
    hint: 'look at the kernel log for errors of the disk',
  });
}
