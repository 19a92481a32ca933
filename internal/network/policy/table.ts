import { stampSet } from '../nft/guards.ts';
import type { Text } from './text.ts';

/** What a set or map of the table holds, by the type of its key. Verdict maps lead to chains. */
export interface Collection {
  /** `set g1v4 { type ipv4_addr;`, without the name. */
  head: Text;
  kind: 'set' | 'map';
  elements: Map<Text, Text | ''>;
}

interface Journal {
  newCollections: Set<Text>;
  goneCollections: Set<Text>;
  newChains: Set<Text>;
  goneChains: Set<Text>;
  /**
   * Per collection, what each touched key had when the kernel was last written; undefined =
   * nothing.
   */
  touched: Map<Text, Map<Text, Text | '' | undefined>>;
}

const emptyJournal = (): Journal => ({
  newCollections: new Set(),
  goneCollections: new Set(),
  newChains: new Set(),
  goneChains: new Set(),
  touched: new Map(),
});

export const tableName = 'skiff-policy';
const where = `inet ${tableName}`;

/**
 * The wanted content of the table, and what has changed since it was last written. Chains never
 * change: another body is another chain, and verdicts are moved to it.
 */
export class Table {
  readonly #collections = new Map<Text, Collection>();
  readonly #chains = new Map<Text, readonly Text[]>();
  #journal = emptyJournal();

  get collections(): ReadonlyMap<Text, Collection> {
    return this.#collections;
  }

  get chains(): ReadonlyMap<Text, readonly Text[]> {
    return this.#chains;
  }

  /** Something is to be written. */
  get isDirty(): boolean {
    const { newCollections, goneCollections, newChains, goneChains, touched } = this.#journal;
    return (
      newCollections.size + goneCollections.size + newChains.size + goneChains.size + touched.size >
      0
    );
  }

  addCollection(name: Text, kind: Collection['kind'], head: Text): void {
    this.#collections.set(name, { kind, head, elements: new Map() });
    this.#journal.newCollections.add(name);
  }

  dropCollection(name: Text): void {
    this.#collections.delete(name);
    this.#journal.touched.delete(name);
    if (!this.#journal.newCollections.delete(name)) this.#journal.goneCollections.add(name);
  }

  addChain(name: Text, lines: readonly Text[]): void {
    this.#chains.set(name, lines);
    this.#journal.newChains.add(name);
  }

  dropChain(name: Text): void {
    this.#chains.delete(name);
    if (!this.#journal.newChains.delete(name)) this.#journal.goneChains.add(name);
  }

  /** Sets an element; undefined takes it away. */
  put(name: Text, key: Text, value: Text | '' | undefined): void {
    const { elements } = this.#collections.get(name) as Collection;
    const before = elements.get(key);
    if (before === value) return;
    if (!this.#journal.newCollections.has(name)) {
      let touched = this.#journal.touched.get(name);
      if (!touched) this.#journal.touched.set(name, (touched = new Map()));
      if (!touched.has(key)) touched.set(key, before);
      else if (touched.get(key) === value) {
        touched.delete(key);
        if (touched.size === 0) this.#journal.touched.delete(name);
      }
    }
    if (value === undefined) elements.delete(key);
    else elements.set(key, value);
  }

  /** The whole table in one transaction, whatever was there before. */
  takeFull(fixed: readonly Text[]): string {
    this.#journal = emptyJournal();
    const lines = [`add table ${where}`, `delete table ${where}`, `table ${where} {`, stampSet];
    for (const [name, c] of this.#collections)
      if (c.kind === 'set') lines.push(`${c.kind} ${name} { ${c.head};${elementList(c)} }`);
    for (const [name, body] of this.#chains) lines.push(`chain ${name} {`, ...body, '}');
    for (const [name, c] of this.#collections)
      if (c.kind === 'map') lines.push(`${c.kind} ${name} { ${c.head};${elementList(c)} }`);
    return `${[...lines, ...fixed, '}'].join('\n')}\n`;
  }

  /**
   * The transaction that leads from what was taken last to what is wanted; empty when that is the
   * same.
   */
  takeChange(): string {
    const { newCollections, goneCollections, newChains, goneChains, touched } = this.#journal;
    const lines: string[] = [];
    for (const name of newCollections) {
      const c = this.#collections.get(name) as Collection;
      lines.push(`add ${c.kind} ${where} ${name} { ${c.head}; }`);
      if (c.elements.size > 0)
        lines.push(
          `add element ${where} ${name} { ${[...c.elements].map(elementText).join(', ')} }`,
        );
    }
    for (const name of newChains) {
      lines.push(`add chain ${where} ${name}`);
      for (const line of this.#chains.get(name) ?? [])
        lines.push(`add rule ${where} ${name} ${line}`);
    }
    for (const [name, keys] of touched)
      lines.push(...elementChanges(name, keys, this.#collections.get(name) as Collection));
    for (const name of goneChains)
      lines.push(`flush chain ${where} ${name}`, `delete chain ${where} ${name}`);
    for (const name of goneCollections) lines.push(`delete set ${where} ${name}`);
    this.#journal = emptyJournal();
    return lines.length > 0 ? `${lines.join('\n')}\n` : '';
  }
}

/** What an element had goes before what it gets comes: a map has one value for a key. */
function elementChanges(
  name: Text,
  touched: Map<Text, Text | '' | undefined>,
  { elements }: Collection,
): string[] {
  const gone: Text[] = [];
  const come: string[] = [];
  for (const [key, before] of touched) {
    const now = elements.get(key);
    if (before !== undefined) gone.push(key);
    if (now !== undefined) come.push(elementText([key, now]));
  }
  const lines: string[] = [];
  if (gone.length > 0) lines.push(`delete element ${where} ${name} { ${gone.join(', ')} }`);
  if (come.length > 0) lines.push(`add element ${where} ${name} { ${come.join(', ')} }`);
  return lines;
}

function elementList({ elements }: Collection): string {
  return elements.size > 0 ? ` elements = { ${[...elements].map(elementText).join(', ')} };` : '';
}

const elementText = ([key, value]: [Text, Text | '']): string =>
  value ? `${key} : ${value}` : key;
