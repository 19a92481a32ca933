import {
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
  type Event,
  type ScalarEvent,
} from 'js-yaml';
import { setOwn } from '../../base/own.ts';
import { maxNesting } from './json-text.ts';
import { DecodeError } from './scalars.ts';

/**
 * YAML as Kubernetes reads it (sigs.k8s.io/yaml, which is go-yaml 2): the first document only, YAML
 * 1.1 words for booleans, octal with a leading zero, merge keys, keys turned into text, and keys in
 * sorted order as JSON would have them.
 */
export interface ParsedYaml {
  value: unknown;
  /** `line 5: key "name" already set in map` */
  duplicates: string[];
}

/**
 * How much of a document may come from aliases and merge keys, after go-yaml 2: nearly all of a
 * small one, a tenth of a large one, where a quarter of its sizes count as large, for a map costs
 * more here. Every node is counted each time it is used, keys too: a short text must not make much
 * work.
 */
const freeNodes = 1_000;
const freeAliased = 100;
const smallDocument = 100_000;
const largeDocument = 1_000_000;

export function parseYaml(text: string): ParsedYaml {
  let events: Event[];
  try {
    // The document and scalars count there too; sorted() is exact.
    events = parseEvents(text, { maxDepth: maxNesting + 2 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const line = error.mark ? `line ${error.mark.line + 1}: ` : '';
    throw new DecodeError(`yaml: ${line}${error.reason}`);
  }
  return new Builder(text, events).document();
}

type Values = Record<string, unknown>;
/** What an anchor names, and how many nodes that is. */
interface Anchored {
  value: unknown;
  nodes: number;
}

class Builder {
  private readonly text: string;
  private readonly events: Event[];
  private at = 1; // behind the document event
  private nodes = 0;
  private aliased = 0;
  private readonly anchors = new Map<string, Anchored>();
  private readonly duplicates: string[] = [];
  private lineStarts: number[] | undefined;

  constructor(text: string, events: Event[]) {
    this.text = text;
    this.events = events;
  }

  document(): ParsedYaml {
    const first = this.events[1];
    if (!first || first.type === EVENT_ID.POP) return { value: null, duplicates: [] };
    return { value: sorted(this.node(), 0), duplicates: this.duplicates };
  }

  private next(): Event {
    const event = this.events[this.at++];
    if (!event) throw new DecodeError('yaml: unexpected end of stream');
    this.nodes++;
    return event;
  }

  private node(): unknown {
    const before = this.nodes;
    const event = this.next();
    if (event.type === EVENT_ID.ALIAS) return this.alias(event.anchorStart, event.anchorEnd);
    const anchor =
      'anchorStart' in event && event.anchorStart >= 0
        ? this.text.slice(event.anchorStart, event.anchorEnd)
        : '';
    let value: unknown;
    if (event.type === EVENT_ID.SCALAR) value = this.scalar(event);
    else if (event.type === EVENT_ID.SEQUENCE) value = this.sequence();
    else if (event.type === EVENT_ID.MAPPING) value = this.mapping();
    else throw new DecodeError('yaml: unexpected end of collection');
    if (anchor) this.anchors.set(anchor, { value, nodes: this.nodes - before });
    return value;
  }

  private alias(start: number, end: number): unknown {
    const name = this.text.slice(start, end);
    const anchored = this.anchors.get(name);
    if (!anchored) throw new DecodeError(`yaml: unknown anchor '${name}' referenced`);
    this.nodes += anchored.nodes;
    this.aliased += anchored.nodes;
    if (
      this.nodes > freeNodes &&
      this.aliased > freeAliased &&
      this.aliased > this.nodes * allowedShare(this.nodes)
    ) {
      throw new DecodeError('yaml: document contains excessive aliasing');
    }
    return anchored.value;
  }

  private sequence(): unknown[] {
    const out: unknown[] = [];
    while (this.events[this.at]?.type !== EVENT_ID.POP) out.push(this.node());
    this.next();
    return out;
  }

  private mapping(): Values {
    const out: Values = {};
    // Fields that came by a merge key, which later keys of the map may replace.
    const merged = new Set<string>();
    while (this.events[this.at]?.type !== EVENT_ID.POP) this.pair(out, merged);
    this.next();
    return out;
  }

  private pair(out: Values, merged: Set<string>): void {
    const keyEvent = this.events[this.at] as Event;
    const plain = keyEvent.type === EVENT_ID.SCALAR && keyEvent.style === SCALAR_STYLE.PLAIN;
    const isMerge = plain && keyEvent.tagStart < 0 && getScalarValue(this.text, keyEvent) === '<<';
    const key = keyText(this.node());
    const value = this.node();
    if (isMerge) return mergeInto(out, value, merged);
    if (Object.hasOwn(out, key) && !merged.delete(key)) {
      const line = keyEvent.type === EVENT_ID.SCALAR ? this.lineOf(keyEvent.valueStart) : 0;
      this.duplicates.push(`line ${line}: key ${JSON.stringify(key)} already set in map`);
    }
    setOwn(out, key, value);
  }

  private lineOf(offset: number): number {
    if (!this.lineStarts) {
      this.lineStarts = [0];
      for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1))
        this.lineStarts.push(at + 1);
    }
    let low = 0;
    let high = this.lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  private scalar(event: ScalarEvent): unknown {
    const text = event.valueStart < 0 ? '' : getScalarValue(this.text, event);
    const tag = event.tagStart >= 0 ? this.text.slice(event.tagStart, event.tagEnd) : '';
    if (tag === '!!str' || tag === '!' || tag === '!<tag:yaml.org,2002:str>') return text;
    if (tag === '!!binary') return Buffer.from(text.replace(/\s/g, ''), 'base64').toString('utf8');
    const value = event.style === SCALAR_STYLE.PLAIN || tag ? resolvePlain(text) : text;
    if (tag === '!!float' && typeof value === 'bigint') return Number(value);
    return value;
  }
}

function allowedShare(nodes: number): number {
  const size = Math.min(Math.max(nodes, smallDocument), largeDocument);
  return 0.99 - (0.89 * (size - smallDocument)) / (largeDocument - smallDocument);
}

/**
 * sigs.k8s.io/yaml goes through Go maps, which JSON writes in the order of their keys. Levels are
 * counted here again, for aliases nest deeper than any text.
 */
function sorted(value: unknown, level: number): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (level >= maxNesting) throw new DecodeError(`yaml: exceeded max depth of ${maxNesting}`);
  if (Array.isArray(value)) return value.map((item) => sorted(item, level + 1));
  const out: Values = {};
  for (const key of Object.keys(value).sort())
    setOwn(out, key, sorted((value as Values)[key], level + 1));
  return out;
}

function mergeInto(out: Values, value: unknown, merged: Set<string>): void {
  const sources = Array.isArray(value) ? value : [value];
  for (const source of sources) {
    if (source === null || typeof source !== 'object' || Array.isArray(source))
      throw new DecodeError('yaml: map merge requires map or sequence of maps as the value');
    for (const [key, item] of Object.entries(source)) {
      if (Object.hasOwn(out, key)) continue;
      merged.add(key);
      setOwn(out, key, item);
    }
  }
}

function keyText(key: unknown): string {
  if (typeof key === 'string') return key;
  if (typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean')
    return String(key);
  if (key === null) return 'null';
  throw new DecodeError('yaml: invalid map key');
}

const words = new Map<string, unknown>([
  ['', null],
  ['~', null],
  ['null', null],
  ['Null', null],
  ['NULL', null],
]);
for (const word of ['y', 'yes', 'true', 'on'])
  for (const form of forms(word)) words.set(form, true);
for (const word of ['n', 'no', 'false', 'off'])
  for (const form of forms(word)) words.set(form, false);

function forms(word: string): string[] {
  return [word, word.toUpperCase(), (word[0] ?? '').toUpperCase() + word.slice(1)];
}

const infinite = /^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/;
const integer = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;

/** What an untagged plain scalar means to go-yaml 2. */
function resolvePlain(text: string): unknown {
  if (words.has(text)) return words.get(text);
  const first = text.charCodeAt(0);
  // Only digits, signs and dots begin a number.
  if (!((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46)) return text;
  if (infinite.test(text))
    throw new DecodeError(
      'json: unsupported value: ' +
        `${/nan/i.test(text) ? 'NaN' : text.startsWith('-') ? '-Inf' : '+Inf'}`,
    );
  const plain = text.replaceAll('_', '');
  if (integer.test(plain)) return wholeNumber(plain);
  return float.test(plain) ? Number(plain) : text;
}

function wholeNumber(text: string): number | bigint {
  const sign = text.startsWith('-') ? -1n : 1n;
  const digits = text.replace(/^[-+]/, '');
  const octal = /^0[0-7]+$/.test(digits);
  const value = sign * BigInt(octal ? `0o${digits.slice(1)}` : digits.toLowerCase());
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  // Beyond uint64 go-yaml falls back to a float.
  return value > 18_446_744_073_709_551_615n || value < -9_223_372_036_854_775_808n
    ? number
    : value;
}
