import type { Batch } from '../journal.ts';
import { afterTurn } from '../../io/turn.ts';

/**
 * Batches up to this size go through shared memory, larger ones are posted to the thread as
 * messages.
 */
const slotBytes = 128 * 1024;

/**
 * Words of the mailbox: what wakes the writer, questions posted to its port, commits asked for and
 * done, and the length of an error.
 */
const bell = 0;
const posted = 1;
const asked = 2;
const done = 3;
const errorBytes = 4;
const awake = 5;
/**
 * Numbers of a batch behind the words, in this order, 8 bytes each; then the deletes, then the
 * rows.
 */
const words = 16;
const numbersAt = words * Int32Array.BYTES_PER_ELEMENT;
const numbers = 8;
const dataAt = numbersAt + numbers * Float64Array.BYTES_PER_ELEMENT;

/**
 * How often a side looks again before it goes to sleep: 10 to 20 microseconds of the writer's time,
 * some hundred turns of the event loop.
 */
const writerLooks = 4000;
const ownerLooks = 400;

/**
 * Memory shared by the event loop and the writer thread, with room for one batch. A message between
 * threads costs 130 microseconds there and back, most of it cloning and the waking of sleepers;
 * this way takes 100, and 30 where the event loop looks again instead of sleeping.
 */
export class Mailbox {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #numbers: Float64Array<SharedArrayBuffer>;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;

  constructor(shared = new SharedArrayBuffer(dataAt + slotBytes)) {
    this.shared = shared;
    this.#words = new Int32Array(shared, 0, words);
    this.#numbers = new Float64Array(shared, numbersAt, numbers);
    this.#bytes = new Uint8Array(shared, dataAt);
  }

  static fits(batch: Batch): boolean {
    return batch.rows.byteLength + batch.deletes.byteLength <= slotBytes;
  }

  /** Owner: says that a question was posted to the port. */
  ring(): void {
    Atomics.add(this.#words, posted, 1);
    this.#wake();
  }

  /** Owner: asks for a commit; resolves when it is done. Only one at a time. */
  async commit(batch: Batch): Promise<void> {
    const { seal, rows, deletes } = batch;
    this.#numbers.set([
      batch.firstSeq,
      batch.rowCount,
      rows.byteLength,
      deletes.length,
      seal.revision,
      seal.ceiling,
      seal.horizon,
      seal.clean ? 1 : 0,
    ]);
    new Float64Array(this.shared, dataAt, deletes.length).set(deletes);
    this.#bytes.set(rows, deletes.byteLength);
    this.#words[awake] = batch.awake ? 1 : 0;
    const before = Atomics.load(this.#words, done);
    Atomics.add(this.#words, asked, 1);
    this.#wake();
    if (batch.awake === true && (await this.#look(before))) return this.#check();
    const waiting = Atomics.waitAsync(this.#words, done, before);
    if (waiting.async) await waiting.value;
    this.#check();
  }

  /**
   * Writer: sleeps until there is something, and takes it: a batch, or 'port' for a question that
   * was posted.
   */
  take(): Batch | 'port' {
    for (let looks = this.#words[awake] === 1 ? writerLooks : 0; ; looks--) {
      if (Atomics.load(this.#words, asked) !== Atomics.load(this.#words, done))
        return this.#batch();
      if (Atomics.load(this.#words, posted) > 0) {
        Atomics.sub(this.#words, posted, 1);
        return 'port';
      }
      if (looks > 0) continue;
      Atomics.wait(this.#words, bell, 0);
      Atomics.store(this.#words, bell, 0);
    }
  }

  /** Writer: the commit is done, or failed. */
  finish(error?: { code: string; message: string }): void {
    const text = error
      ? Buffer.from(JSON.stringify([error.code, error.message])).subarray(0, slotBytes)
      : undefined;
    if (text) this.#bytes.set(text);
    this.#words[errorBytes] = text?.length ?? 0;
    Atomics.store(this.#words, done, Atomics.load(this.#words, asked));
    Atomics.notify(this.#words, done);
  }

  #wake(): void {
    Atomics.store(this.#words, bell, 1);
    Atomics.notify(this.#words, bell);
  }

  /** Goes on with the event loop, looking once a turn. */
  #look(before: number): Promise<boolean> {
    return new Promise((resolve) => {
      let looks = ownerLooks;
      const again = (): void => {
        if (Atomics.load(this.#words, done) !== before) resolve(true);
        else if (--looks === 0) resolve(false);
        else afterTurn(again);
      };
      afterTurn(again);
    });
  }

  #check(): void {
    const length = this.#words[errorBytes] as number;
    if (length === 0) return;
    const [code, message] = JSON.parse(Buffer.from(this.#bytes.slice(0, length)).toString()) as [
      string,
      string,
    ];
    throw Object.assign(new Error(message), { code });
  }

  #batch(): Batch {
    const [
      firstSeq = 0,
      rowCount = 0,
      rowBytes = 0,
      deleteCount = 0,
      revision = 0,
      ceiling = 0,
      horizon = 0,
      clean = 0,
    ] = this.#numbers;
    const deletes = new Float64Array(
      this.shared,
      dataAt,
      deleteCount,
    ).slice() as Float64Array<ArrayBuffer>;
    // Copied out of the shared memory: not every function takes views of it.
    const rows = Uint8Array.prototype.slice.call(
      this.#bytes.subarray(deletes.byteLength, deletes.byteLength + rowBytes),
    ) as Uint8Array<ArrayBuffer>;
    return {
      firstSeq,
      rowCount,
      rows,
      deletes,
      seal: { revision, ceiling, horizon, clean: clean === 1 },
    };
  }
}
