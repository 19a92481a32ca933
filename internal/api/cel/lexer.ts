import { table } from '../../base/own.ts';
import { Buffer } from 'node:buffer';
import { CelCompileError } from './errors.ts';

export interface Token {
  type: 'ident' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'op' | 'end';
  text: string;
  at: number;
  bytes?: Uint8Array;
}

const spaces = /(?:[\t\n\f\r ]+|\/\/[^\n]*)+/y;
const numbers = /(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)/y;
const names = /[A-Za-z_][A-Za-z0-9_]*/y;
const quoted = /`[A-Za-z0-9_.\-/ ]+`/y;
const operators = /(?:&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()[\]{}])/y;
const openings = /(?:[rR][bB]?|[bB][rR]?)?("""|'''|"|')/y;

function take(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const space = take(spaces, source, at);
    if (space) {
      at += space.length;
      continue;
    }
    const [token, end] = next(source, at);
    tokens.push(token);
    at = end;
  }
  tokens.push({ type: 'end', text: '<EOF>', at: source.length });
  return tokens;
}

function next(source: string, at: number): [Token, number] {
  const opening = take(openings, source, at);
  if (opening) return text(source, at, opening);
  const number = take(numbers, source, at);
  if (number) return numberToken(source, at, number);
  const name = take(names, source, at);
  if (name) return [{ type: 'ident', text: name, at }, at + name.length];
  const back = take(quoted, source, at);
  if (back) return [{ type: 'ident', text: back, at }, at + back.length];
  const op = take(operators, source, at);
  if (op) return [{ type: 'op', text: op, at }, at + op.length];
  const wrong = source.slice(at, at + 2);
  throw new CelCompileError(source, [
    { at, message: `Syntax error: token recognition error at: '${wrong}'` },
  ]);
}

function numberToken(source: string, at: number, number: string): [Token, number] {
  const end = at + number.length;
  const isDouble = !number.startsWith('0x') && /[.eE]/.test(number);
  if (isDouble) return [{ type: 'double', text: number, at }, end];
  if (source[end] === 'u' || source[end] === 'U')
    return [{ type: 'uint', text: number, at }, end + 1];
  return [{ type: 'int', text: number, at }, end];
}

function text(source: string, at: number, opening: string): [Token, number] {
  const quote = /["']+$/.exec(opening)?.[0] ?? '"';
  const flags = opening.slice(0, opening.length - quote.length).toLowerCase();
  const start = at + opening.length;
  const raw = flags.includes('r');
  let end = start;
  while (!source.startsWith(quote, end)) {
    const broken = end >= source.length || (quote.length === 1 && source[end] === '\n');
    if (broken)
      throw new CelCompileError(source, [
        { at, message: `Syntax error: token recognition error at: '${source.slice(at, end)}'` },
      ]);
    end += !raw && source[end] === '\\' ? 2 : 1;
  }
  const body = source.slice(start, end);
  const stop = end + quote.length;
  if (flags.includes('b'))
    return [
      {
        type: 'bytes',
        text: body,
        at,
        bytes: raw ? Buffer.from(body) : unescapeBytes(source, at, body),
      },
      stop,
    ];
  return [{ type: 'string', text: raw ? body : unescape(source, at, body), at }, stop];
}

const simple: Record<string, string> = table({
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
});
const escapes =
  /\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]?))/g;

function unescape(source: string, at: number, body: string): string {
  return body.replace(
    escapes,
    (_all, hex?: string, short?: string, long?: string, octal?: string, other?: string) => {
      const code = hex ?? short ?? long;
      if (code !== undefined) return codePoint(source, at, Number.parseInt(code, 16));
      if (octal !== undefined) return codePoint(source, at, Number.parseInt(octal, 8));
      return simple[other ?? ''] ?? badEscape(source, at);
    },
  );
}

function badEscape(source: string, at: number): never {
  throw new CelCompileError(source, [{ at, message: 'Syntax error: invalid string escape' }]);
}

function codePoint(source: string, at: number, code: number): string {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return badEscape(source, at);
  return String.fromCodePoint(code);
}

/** In bytes, \x and octal stand for one byte each. */
function unescapeBytes(source: string, at: number, body: string): Uint8Array {
  const parts: Buffer[] = [];
  let last = 0;
  for (const found of body.matchAll(escapes)) {
    parts.push(Buffer.from(body.slice(last, found.index)));
    const byte = found[1]
      ? Number.parseInt(found[1], 16)
      : found[4]
        ? Number.parseInt(found[4], 8)
        : undefined;
    parts.push(
      byte === undefined ? Buffer.from(unescape(source, at, found[0])) : Buffer.from([byte]),
    );
    last = found.index + found[0].length;
  }
  parts.push(Buffer.from(body.slice(last)));
  return Buffer.concat(parts);
}
