/** Answers that are remembered; the names of a node's pods are far fewer. */
const mostAnswers = 2048;
/** Longer ones are rare, and would take the memory of many. */
const mostBytes = 512;
const idBytes = 2;

/** An answer as it was sent, and how it counts. */
export interface KeptAnswer {
  bytes: Buffer;
  type: number;
  rcode: number;
}

/**
 * Answers over UDP that came from the cluster's objects alone. The key is the whole question but
 * for its id: its letters, flags and EDNS are in the answer. Any change of an object forgets all.
 */
export class KeptAnswers {
  readonly #byQuestion = new Map<string, KeptAnswer>();
  /** Counts the changes: what was looked up before one is not kept after it. */
  version = 0;

  get size(): number {
    return this.#byQuestion.size;
  }

  /** An object of the zone has changed. */
  forget(): void {
    this.version++;
    this.#byQuestion.clear();
  }

  /** The answer to this question, with its id. */
  find(question: Buffer): KeptAnswer | undefined {
    if (question.length <= idBytes) return undefined;
    const kept = this.#byQuestion.get(keyOf(question));
    if (!kept) return undefined;
    // A copy: the socket may still have the last one.
    const bytes = Buffer.from(kept.bytes);
    bytes[0] = question[0] as number;
    bytes[1] = question[1] as number;
    return { bytes, type: kept.type, rcode: kept.rcode };
  }

  /** Keeps an answer that was looked up at `version`. */
  add(question: Buffer, answer: KeptAnswer, version: number): void {
    if (version !== this.version) return;
    if (question.length > mostBytes || answer.bytes.length > mostBytes) return;
    // Whoever asks for many names makes all of them be looked up again, and holds no memory.
    if (this.#byQuestion.size >= mostAnswers) this.#byQuestion.clear();
    this.#byQuestion.set(keyOf(question), answer);
  }
}

const keyOf = (question: Buffer): string => question.toString('latin1', idBytes);
