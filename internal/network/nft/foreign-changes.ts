/**
 * Finds, in what `nft monitor` says, transactions of others that touched the table. Each of ours
 * carries a stamp: an element that it adds to the set `stamp`, and that nobody else would. A
 * process id would tell them apart as well, but not through a pid namespace.
 */
export class ForeignChanges {
  readonly #table: string;
  readonly #own = new Set<string>();
  #touched = false;
  #stamped = false;

  /** `family name`. */
  constructor(table: string) {
    this.#table = ` ${table}`;
  }

  /** A transaction with this stamp is ours. */
  expect(stamp: number): void {
    // Those that failed never come; a few are enough to remember.
    if (this.#own.size >= mostExpected) this.#own.delete([...this.#own][0] as string);
    this.#own.add(hex(stamp));
  }

  /**
   * Takes a line. `foreign`: with it ends a transaction that somebody else made in the table;
   * `lost`: lines are missing before it.
   */
  line(text: string): 'foreign' | 'lost' | undefined {
    if (text.startsWith('# ERROR')) {
      this.#touched = this.#stamped = false;
      return 'lost';
    }
    if (text.startsWith('# new generation')) {
      const foreign = this.#touched && !this.#stamped;
      this.#touched = this.#stamped = false;
      return foreign ? 'foreign' : undefined;
    }
    const at = text.indexOf(this.#table);
    const after = text[at + this.#table.length];
    if (at < 0 || (after !== undefined && after !== ' ')) return undefined;
    this.#touched = true;
    const stamp = /^add element \S+ \S+ stamp \{ (0x[0-9a-f]{8}) \}/.exec(text)?.[1];
    if (stamp !== undefined && this.#own.delete(stamp)) this.#stamped = true;
    return undefined;
  }
}

const mostExpected = 16;

const hex = (stamp: number): string => `0x${stamp.toString(16).padStart(8, '0')}`;
