import { table, setOwn } from '../../base/own.ts';
/**
 * JSON text to values. JSON.parse does the work; the parser below it is used when JSON.parse loses
 * something that matters: the wording of a syntax error, fields given twice, integers beyond 2^53.
 */

/**
 * Integers that a double cannot hold stay exact: they are read as bigint and written as the number
 * they are.
 */
declare global {
  interface BigInt {
    toJSON(): unknown;
  }
}
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;
// JSON.stringify throws on a bigint unless it says how it wants to be written.
Object.defineProperty(BigInt.prototype, 'toJSON', {
  configurable: true,
  writable: true,
  value: function (this: bigint): unknown {
    return rawJson(this.toString());
  },
});

/** A syntax error in the words of Go's encoding/json. */
export class JsonSyntaxError extends Error {}

/** The entries of an object that gave a field more than once, as they stand in the text. */
export type RepeatedFields = Map<object, [string, unknown][]>;

/**
 * Whole numbers that were written with a fraction or an exponent, by the list or map that holds
 * them: no integer in Go.
 */
export type WrittenFloats = Map<object, Map<string, string>>;

export interface ParsedJson {
  value: unknown;
  repeated: RepeatedFields;
  floats: WrittenFloats;
}

/**
 * A field or item whose text is such a number, as far as can be seen without knowing what is inside
 * a string.
 */
const maybeFloat = /(?:(?<!\\)" ?: ?|[[,]\s?)-?\d+(?:\.0+|(?:\.\d+)?[eE][-+]?\d+)\s*[,}\]]/;

/**
 * Numbers that JSON.parse would bend: integers beyond 2^53, and what a double cannot hold at all.
 */
const outsized = /\d{16}|[eE]\+?\d{3}/;

/**
 * How deep a value from outside may nest, in every format. Go's decoder stops at 10,000; all that
 * walks over values here calls itself, and must do so on any stack. Nothing that people write comes
 * near.
 */
export const maxNesting = 1_000;

/** The value of a JSON text. A field given twice has its last value. */
export function parseJson(text: string): unknown {
  if (text.length > maxNesting && nestsTooDeep(text))
    throw new JsonSyntaxError('exceeded max depth');
  if (outsized.test(text)) return new Parser(text).document().value;
  try {
    return JSON.parse(text);
  } catch {
    // Only to say where and why, as Go does.
    return new Parser(text).document().value;
  }
}

/** The same, and what JSON.parse does not tell. */
export function parseJsonExact(text: string, strict: boolean): ParsedJson {
  const value = parseJson(text);
  const plain = !maybeFloat.test(text) && (!strict || countFields(value) === countColons(text));
  return plain ? { value, repeated: new Map(), floats: new Map() } : new Parser(text).document();
}

export const parseJsonStrict = (text: string): ParsedJson => parseJsonExact(text, true);

function nestsTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 34) at = endOfString(text, at + 1);
    else if (code === 123 || code === 91) {
      if (++depth > maxNesting) return true;
    } else if (code === 125 || code === 93) depth--;
  }
  return false;
}

function countFields(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countFields(item);
    return count;
  }
  const values = Object.values(value);
  count = values.length;
  for (const item of values)
    if (item !== null && typeof item === 'object') count += countFields(item);
  return count;
}

/**
 * Every field has one colon outside of strings, so the two counts differ exactly when a field came
 * twice.
 */
function countColons(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 58) count++;
    else if (code === 34) at = endOfString(text, at + 1);
  }
  return count;
}

/**
 * Where the string that is open at `from` ends. Each slash is looked at once, however many stand in
 * a row.
 */
function endOfString(text: string, from: number): number {
  let at = from;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return text.length;
    let slashes = 0;
    while (quote - 1 - slashes >= at && text.charCodeAt(quote - 1 - slashes) === 92) slashes++;
    if (slashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

/**
 * Longer integers become floats, as all beyond 64 bits do in Go: to hold them exactly costs more
 * than their length.
 */
const maxExactDigits = 100;
const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const plainString = /[^"\\\u0000-\u001f]*/y;
const space = /[ \t\r\n]*/y;
const escapes: Record<string, string> = table({
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
});

class Parser {
  private readonly text: string;
  private at = 0;
  private depth = 0;
  private readonly repeated: RepeatedFields = new Map();
  private readonly floats: WrittenFloats = new Map();
  /** The text of the value just read, where that was such a float. */
  private float = '';

  constructor(text: string) {
    this.text = text;
  }

  document(): ParsedJson {
    const value = this.value('looking for beginning of value');
    this.space();
    if (this.at < this.text.length) this.fail('after top-level value');
    return { value, repeated: this.repeated, floats: this.floats };
  }

  private fail(where: string): never {
    const char = this.text[this.at];
    if (char === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
    throw new JsonSyntaxError(`invalid character ${quoteChar(char)} ${where}`);
  }

  private space(): void {
    space.lastIndex = this.at;
    space.exec(this.text);
    this.at = space.lastIndex;
  }

  private value(where: string): unknown {
    this.space();
    const char = this.text[this.at];
    if (char === '{') return this.object();
    if (char === '[') return this.array();
    if (char === '"') return this.string();
    if (char === 't') return this.word('true', true);
    if (char === 'f') return this.word('false', false);
    if (char === 'n') return this.word('null', null);
    if (char === '-' || (char !== undefined && char >= '0' && char <= '9')) return this.number();
    return this.fail(where);
  }

  private word<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      this.at++;
      if (this.text[this.at] !== word[i])
        this.fail(`in literal ${word} (expecting '${word[i] ?? ''}')`);
    }
    this.at++;
    return value;
  }

  private number(): number | bigint {
    number.lastIndex = this.at;
    const match = number.exec(this.text);
    if (!match) {
      this.at++;
      this.fail('in numeric literal');
    }
    this.at = number.lastIndex;
    const value = Number(match[0]);
    if (!Number.isFinite(value))
      throw new JsonSyntaxError(
        `json: cannot unmarshal number ${match[0]} into Go value of type float64`,
      );
    if ((match[1] || match[2]) && Number.isInteger(value)) this.float = match[0];
    return match[1] || match[2] || Number.isSafeInteger(value) || match[0].length > maxExactDigits
      ? value
      : BigInt(match[0]);
  }

  private string(): string {
    let out = '';
    this.at++;
    for (;;) {
      plainString.lastIndex = this.at;
      out += (plainString.exec(this.text) as RegExpExecArray)[0];
      this.at = plainString.lastIndex;
      const char = this.text[this.at];
      if (char === '"') break;
      if (char !== '\\') this.fail('in string literal');
      out += this.escape();
    }
    this.at++;
    return out;
  }

  private escape(): string {
    this.at++;
    const char = this.text[this.at] ?? '';
    if (char === 'u') {
      const hex = this.text.slice(this.at + 1, this.at + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) {
        this.at += 1 + Math.max(0, hex.search(/[^0-9a-fA-F]/));
        this.fail('in \\u hexadecimal character escape');
      }
      this.at += 5;
      return String.fromCharCode(parseInt(hex, 16));
    }
    const plain = escapes[char];
    if (plain === undefined) this.fail('in string escape code');
    this.at++;
    return plain;
  }

  private array(): unknown[] {
    const out: unknown[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === ']') {
      this.at++;
      return out;
    }
    this.deeper();
    for (;;) {
      out.push(this.value('looking for beginning of value'));
      this.noteFloat(out, String(out.length - 1));
      this.space();
      const char = this.text[this.at];
      if (char === ']') break;
      if (char !== ',') this.fail('after array element');
      this.at++;
    }
    this.at++;
    this.depth--;
    return out;
  }

  private object(): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    this.at++;
    this.space();
    if (this.text[this.at] === '}') {
      this.at++;
      return out;
    }
    this.deeper();
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.fail('looking for beginning of object key string');
      this.field(out, this.string());
      this.space();
      const char = this.text[this.at];
      if (char === '}') break;
      if (char !== ',') this.fail('after object key:value pair');
      this.at++;
    }
    this.at++;
    this.depth--;
    return out;
  }

  private field(out: Record<string, unknown>, key: string): void {
    this.space();
    if (this.text[this.at] !== ':') this.fail('after object key');
    this.at++;
    const value = this.value('looking for beginning of value');
    if (Object.hasOwn(out, key) && !this.repeated.has(out))
      this.repeated.set(out, Object.entries(out));
    this.repeated.get(out)?.push([key, value]);
    setOwn(out, key, value);
    this.noteFloat(out, key);
  }

  private noteFloat(holder: object, key: string): void {
    if (this.float === '') return this.floats.get(holder)?.delete(key) as never;
    const held = this.floats.get(holder) ?? new Map<string, string>();
    held.set(key, this.float);
    this.floats.set(holder, held);
    this.float = '';
  }

  private deeper(): void {
    if (++this.depth > maxNesting) throw new JsonSyntaxError('exceeded max depth');
  }
}

function quoteChar(char: string): string {
  if (char === "'") return `'\\''`;
  if (char === '"') return `'"'`;
  const text = JSON.stringify(char).slice(1, -1);
  return `'${text}'`;
}
