import { checkCost, nominal, perPatternLetter, traversal } from './cost-calls.ts';
import { CelBudgetError } from './errors.ts';
import { patternStates } from './libraries/strings.ts';
import { CelMap, Opaque, Optional, type Value } from './values.ts';

/**
 * No value of an expression may get longer: a request is at most 3 MiB, and what is made of it must
 * stay in proportion.
 */
const maxText = 32 << 20;
const maxItems = 4 << 20;

/**
 * As `size()` counts, but for characters beyond the basic plane. Everything without a length is 1.
 */
function lengthOf(value: Value | undefined): number {
  if (typeof value === 'string' || value instanceof Uint8Array || Array.isArray(value))
    return value.length;
  if (value instanceof CelMap) return value.size;
  return value instanceof Optional && value.value !== undefined ? lengthOf(value.value) : 1;
}

const read = (value: Value | undefined, factor = traversal): number =>
  Math.ceil(lengthOf(value) * factor);
const scans = new Set(['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf']);
const reads = new Set([
  'url',
  'lowerAscii',
  'upperAscii',
  'substring',
  'trim',
  'jsonpatch.escapeKey',
  'cidr',
  'ip',
  'isIP',
  'isCIDR',
  'quantity',
  'isQuantity',
  'semver',
  'isSemver',
  'startsWith',
  'endsWith',
  'strings.quote',
  'format',
]);
const twice = new Set(['replace', 'split', 'ip.isCanonical']);
const least = new Set(['_==_', '_!=_', '_<_', '_<=_', '_>_', '_>=_']);
const patterns = new Set(['matches', 'find', 'findAll']);
const squares = new Set(['distinct', 'sort']);
const formatPattern = 128;

/**
 * What a call costs by what it is called with, as Kubernetes counts it at run time. What depends on
 * the result comes in `costOfResult`.
 */
export function costOfArguments(name: string, args: readonly Value[]): number {
  const [first, second] = args;
  if (name === 'check') return checkCost;
  if (nominal(name)) return 1;
  if (scans.has(name)) return walk(first);
  if (reads.has(name)) return read(first);
  if (twice.has(name)) return read(first, 2 * traversal);
  if (patterns.has(name)) return costOfPattern(lengthOf(first), second);
  if (least.has(name))
    return first instanceof Opaque
      ? 1
      : Math.max(1, Math.ceil(Math.min(lengthOf(first), lengthOf(second)) * traversal));
  if (name.startsWith('sets.'))
    return 1 + lengthOf(first) * lengthOf(second) * (name === 'sets.equivalent' ? 2 : 1);
  if (squares.has(name)) return selfCompared(first);
  switch (name) {
    case '_+_':
      return Array.isArray(first) || typeof first === 'string' || first instanceof Uint8Array
        ? Math.max(1, Math.ceil((lengthOf(first) + lengthOf(second)) * traversal))
        : 1;
    case '@in':
      return Array.isArray(second) ? second.length : 1;
    case 'contains':
      return read(first) * read(second);
    case 'validate':
      return Math.ceil((1 + lengthOf(second)) * traversal) * formatPattern * perPatternLetter;
    case 'bytes':
    case 'string':
      return typeof first === 'string' || first instanceof Uint8Array ? read(first) : 1;
    case 'fieldSelector':
    case 'labelSelector':
      return 10 + read(second) + Math.ceil(lengthOf(second) / 2) * 50;
    case 'flatten':
    case 'reverse':
      return 11 + lengthOf(first);
    default:
      return name.startsWith('contains') ? 7 + read(second) : 1;
  }
}

/**
 * States of a pattern that its letters pay for: more of them are repetitions, which take as long as
 * if they were written out.
 */
const statesPerUnit = 16;
/** Reading a pattern takes longer than using it; short ones are read for nothing. */
const freeLetters = 1000;
/** What costs this much to read no budget pays for, so it is not even tried. */
const maxReading = 1_000_000;

function costOfPattern(length: number, pattern: Value | undefined): number {
  const letters = lengthOf(pattern);
  const rounds = Math.ceil((1 + length) * traversal);
  const reading = Math.max(0, letters - freeLetters) * 2;
  if (typeof pattern !== 'string' || reading > maxReading)
    return reading + rounds * Math.ceil(letters * perPatternLetter);
  return (
    reading +
    rounds *
      Math.max(
        Math.ceil(letters * perPatternLetter),
        Math.ceil(patternStates(pattern) / statesPerUnit),
      )
  );
}

/** Refuses before the work is done what would come to more than any value may be. */
export function boundResult(name: string, args: readonly Value[]): void {
  const [first, second, third] = args;
  if (
    name === '_+_' &&
    (typeof first === 'string' || Array.isArray(first) || first instanceof Uint8Array)
  )
    bound(lengthOf(first) + lengthOf(second), Array.isArray(first) ? maxItems : maxText);
  else if (name === 'replace')
    bound(lengthOf(first) + mostReplaced(first, second, args[3]) * lengthOf(third), maxText);
  else if (name === 'join' && Array.isArray(first))
    bound(
      (first as readonly Value[]).reduce<number>(
        (sum, one) => sum + lengthOf(one),
        first.length * (second === undefined ? 0 : lengthOf(second)),
      ),
      maxText,
    );
  else if (name === 'lists.range') bound(Number(first), maxItems);
  else if (name === 'format' && Array.isArray(second))
    bound(lengthOf(first) * 2 + textOf(second as readonly Value[]), maxText);
}

function bound(length: number, most: number): void {
  if (length > most) throw new CelBudgetError();
}

/** How often a text can be put in at most, looking no further than needed. */
function mostReplaced(
  text: Value | undefined,
  from: Value | undefined,
  limit: Value | undefined,
): number {
  const often =
    lengthOf(from) === 0 ? lengthOf(text) + 1 : Math.floor(lengthOf(text) / lengthOf(from));
  return typeof limit === 'bigint' && limit >= 0n ? Math.min(often, Number(limit)) : often;
}

/** About the length of values as text. */
function textOf(values: readonly Value[]): number {
  let sum = 0;
  const open: Value[] = [...values];
  for (let one = open.pop(); one !== undefined && sum <= maxText; one = open.pop()) {
    sum += typeof one === 'string' ? one.length : one instanceof Uint8Array ? one.length * 2 : 24;
    if (Array.isArray(one)) for (const item of one) open.push(item as Value);
    else if (one instanceof CelMap)
      for (const key of one.keys()) open.push(key, one.get(key) ?? null);
  }
  return sum;
}

const resulting = new Set(['slice', 'lists.range']);

export function costOfResult(name: string, result: Value): number {
  if (name === 'join') return read(result, 2 * traversal);
  if (name === 'format' || name === 'flatten') return read(result);
  return resulting.has(name) ? 11 + lengthOf(result) : 0;
}

/** One unit an item, more for long texts. */
function walk(value: Value | undefined): number {
  if (!Array.isArray(value)) return read(value);
  return (value as readonly Value[]).reduce<number>(
    (sum, one) =>
      sum +
      (typeof one === 'string' || one instanceof Uint8Array
        ? read(one)
        : Array.isArray(one) || one instanceof CelMap
          ? 1 + lengthOf(one)
          : 1),
    0,
  );
}

/** Every item may be compared with every other. */
export function selfCompared(list: Value | undefined): number {
  const length = lengthOf(list);
  const first = Array.isArray(list) ? (list as readonly Value[])[0] : undefined;
  return (
    11 +
    Math.floor(
      length *
        length *
        (typeof first === 'string' || first instanceof Uint8Array ? 2 + traversal : 2),
    )
  );
}
