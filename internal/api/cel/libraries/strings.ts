import { RE2JS } from 're2js';
import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import type { Value } from '../values.ts';
import { formatText, quoteText } from './format-text.ts';

/** Compiled patterns that are kept; rules use few. */
const maxPatterns = 256;
const patterns = new Map<string, RE2JS>();

function compiled(pattern: string): RE2JS {
  const known = patterns.get(pattern);
  if (known) return known;
  try {
    const made = RE2JS.compile(pattern);
    if (patterns.size >= maxPatterns) patterns.clear();
    patterns.set(pattern, made);
    return made;
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error));
  }
}

/**
 * States a pattern comes to once its repetitions are written out; a pattern that is none comes to
 * nothing.
 */
export function patternStates(pattern: string): number {
  try {
    return compiled(pattern).programSize();
  } catch {
    return 0;
  }
}

export function isPattern(text: string): boolean {
  try {
    return compiled(text) !== undefined;
  } catch {
    return false;
  }
}

function findAll(text: string, pattern: string, limit: bigint): string[] {
  const matcher = compiled(pattern).matcher(text);
  const found: string[] = [];
  while ((limit < 0n || found.length < limit) && matcher.find()) found.push(matcher.group(0) ?? '');
  return found;
}

function regex(registry: Registry): void {
  const matches = (text: string, pattern: string): boolean =>
    compiled(pattern).matcher(text).find();
  registry.define('string->matches(string): bool', matches);
  registry.define('matches(string, string): bool', matches);
  registry.define(
    'string->find(string): string',
    (text: string, pattern: string) => findAll(text, pattern, 1n)[0] ?? '',
  );
  registry.define('string->findAll(string): list<string>', (text: string, pattern: string) =>
    findAll(text, pattern, -1n),
  );
  registry.define('string->findAll(string, int): list<string>', findAll);
}

/** Positions count code points. */
function at(points: readonly string[], index: bigint): number {
  if (index < 0n || index > points.length) throw new CelError(`index out of range: ${index}`);
  return Number(index);
}

function indexOf(text: string, part: string, from: bigint): bigint {
  const points = Array.from(text);
  const start = points.slice(0, at(points, from)).join('').length;
  const found = text.indexOf(part, start);
  return found < 0 ? -1n : BigInt(Array.from(text.slice(0, found)).length);
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const points = Array.from(text);
  const start =
    from === undefined ? text.length : points.slice(0, at(points, from)).join('').length;
  const found = text.lastIndexOf(part, start);
  return found < 0 ? -1n : BigInt(Array.from(text.slice(0, found)).length);
}

function substring(text: string, from: bigint, to?: bigint): string {
  const points = Array.from(text);
  const start = at(points, from);
  const end = to === undefined ? points.length : at(points, to);
  if (start > end) throw new CelError(`invalid substring range. start: ${start}, end: ${end}`);
  return points.slice(start, end).join('');
}

/** As strings.SplitN: the last part holds what is left. */
function split(text: string, by: string, limit: bigint): string[] {
  if (limit === 0n) return [];
  const parts = by === '' ? Array.from(text) : text.split(by);
  if (limit < 0n || parts.length <= limit) return parts;
  const head = parts.slice(0, Number(limit) - 1);
  return [...head, parts.slice(Number(limit) - 1).join(by)];
}

function replace(text: string, from: string, to: string, limit: bigint): string {
  if (limit < 0n) return text.replaceAll(from, () => to);
  let left = limit;
  return text.replaceAll(from, (found) => (left-- > 0n ? to : found));
}

const trimmed = /^[\s\u0085]+|[\s\u0085]+$/g;

function pieces(registry: Registry): void {
  registry.define(
    'string->charAt(int): string',
    (text: string, index: bigint) => Array.from(text)[at(Array.from(text), index)] ?? '',
  );
  registry.define('string->indexOf(string): int', (text: string, part: string) =>
    indexOf(text, part, 0n),
  );
  registry.define('string->indexOf(string, int): int', indexOf);
  registry.define('string->lastIndexOf(string): int', (text: string, part: string) =>
    lastIndexOf(text, part),
  );
  registry.define('string->lastIndexOf(string, int): int', lastIndexOf);
  registry.define('string->substring(int): string', (text: string, from: bigint) =>
    substring(text, from),
  );
  registry.define('string->substring(int, int): string', substring);
  registry.define('string->split(string): list<string>', (text: string, by: string) =>
    split(text, by, -1n),
  );
  registry.define('string->split(string, int): list<string>', split);
  registry.define('list<string>->join(): string', (list: string[]) => joined(list, ''));
  registry.define('list<string>->join(string): string', joined);
}

function joined(list: readonly Value[], by: string): string {
  if (list.some((one) => typeof one !== 'string')) throw new CelError('no such overload: join');
  return list.join(by);
}

function changed(registry: Registry): void {
  registry.define(
    'string->replace(string, string): string',
    (text: string, from: string, to: string) => replace(text, from, to, -1n),
  );
  registry.define('string->replace(string, string, int): string', replace);
  registry.define('string->lowerAscii(): string', (text: string) =>
    text.replace(/[A-Z]+/g, (found) => found.toLowerCase()),
  );
  registry.define('string->upperAscii(): string', (text: string) =>
    text.replace(/[a-z]+/g, (found) => found.toUpperCase()),
  );
  registry.define('string->trim(): string', (text: string) => text.replace(trimmed, ''));
  registry.define('string->format(list<dyn>): string', formatText);
  registry.define('strings.quote(string): string', quoteText);
  registry.define('jsonpatch.escapeKey(string): string', (text: string) =>
    text.replaceAll('~', '~0').replaceAll('/', '~1'),
  );
}

export function strings(registry: Registry): void {
  registry.define('string->contains(string): bool', (text: string, part: string) =>
    text.includes(part),
  );
  registry.define('string->startsWith(string): bool', (text: string, part: string) =>
    text.startsWith(part),
  );
  registry.define('string->endsWith(string): bool', (text: string, part: string) =>
    text.endsWith(part),
  );
  regex(registry);
  pieces(registry);
  changed(registry);
}
