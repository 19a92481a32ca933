import { SkiffError } from '../base/errors.ts';

/** How a quantity wants to be written: `12e6`, `12Mi` or `12M`. */
export type QuantityFormat = 'DecimalExponent' | 'BinarySI' | 'DecimalSI';

/** A text that is not a quantity. The message is what Kubernetes says. */
export class QuantityError extends SkiffError {
  constructor(message: string) {
    super(message, { code: 'QUANTITY', op: 'quantity.parse' });
  }
}

const wrongFormat =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const wrongNumber = 'unable to parse numeric part of quantity';
const wrongSuffix = "unable to parse quantity's suffix";

/**
 * Digits that surely fit an int64: up to here Kubernetes takes its exact fast path, which keeps the
 * text as written.
 */
const safeDigits = 18;
/** Nothing finer than a nano survives parsing. */
const finestScale = -9;
const greatestInt64 = 2n ** 63n - 1n;

const decimalSuffixes = new Map<string, number>([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const binarySuffixes = new Map<string, number>([
  ['Ki', 10],
  ['Mi', 20],
  ['Gi', 30],
  ['Ti', 40],
  ['Pi', 50],
  ['Ei', 60],
]);
const decimalByExponent = new Map(
  [...decimalSuffixes].map(([suffix, exponent]) => [exponent, suffix]),
);
const binaryByExponent = new Map(
  [...binarySuffixes].map(([suffix, exponent]) => [exponent, suffix]).concat([[0, '']]) as [
    number,
    string,
  ][],
);

const shape = /^([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)$/;

/**
 * An exact number with a unit, as apimachinery's resource.Quantity: `mantissa * 10^scale`.
 * Immutable. Its text is the canonical form: no fraction, the greatest suffix that loses nothing.
 */
export class Quantity {
  readonly mantissa: bigint;
  readonly scale: number;
  readonly format: QuantityFormat;
  #text: string | undefined;

  constructor(mantissa: bigint, scale: number, format: QuantityFormat, text?: string) {
    this.mantissa = mantissa;
    this.scale = scale;
    this.format = format;
    this.#text = text;
  }

  /** A whole number in plain decimal form. */
  static of(value: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(value), 0, format);
  }

  static ofMilli(value: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(value), -3, format);
  }

  isZero(): boolean {
    return this.mantissa === 0n;
  }

  sign(): -1 | 0 | 1 {
    return this.mantissa > 0n ? 1 : this.mantissa < 0n ? -1 : 0;
  }

  add(other: Quantity): Quantity {
    const [left, right, scale] = aligned(this, other);
    return new Quantity(left + right, scale, this.isZero() ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    const [left, right, scale] = aligned(this, other);
    return new Quantity(left - right, scale, this.isZero() ? other.format : this.format);
  }

  mul(factor: bigint | number): Quantity {
    return new Quantity(this.mantissa * BigInt(factor), this.scale, this.format);
  }

  neg(): Quantity {
    return new Quantity(-this.mantissa, this.scale, this.format);
  }

  cmp(other: Quantity): -1 | 0 | 1 {
    const [left, right] = aligned(this, other);
    return left < right ? -1 : left > right ? 1 : 0;
  }

  equals(other: Quantity): boolean {
    return this.cmp(other) === 0;
  }

  /** In units of 10^scale, rounded away from zero. */
  scaledValue(scale: number): bigint {
    const shift = this.scale - scale;
    if (shift >= 0) return this.mantissa * 10n ** BigInt(shift);
    const unit = 10n ** BigInt(-shift);
    const whole = this.mantissa / unit;
    if (whole * unit === this.mantissa) return whole;
    return this.mantissa > 0n ? whole + 1n : whole - 1n;
  }

  /** The whole number, rounded away from zero. */
  value(): bigint {
    return this.scaledValue(0);
  }

  /** Thousandths, rounded away from zero. */
  milliValue(): bigint {
    return this.scaledValue(-3);
  }

  /** The nearest number: for scores and shares, never for accounting. */
  asNumber(): number {
    return this.scale === 0
      ? Number(this.mantissa)
      : this.scale > 0
        ? Number(this.mantissa * 10n ** BigInt(this.scale))
        : Number(this.mantissa) / 10 ** -this.scale;
  }

  /** Has no fraction when counted in units of 10^scale. */
  isWhole(scale = 0): boolean {
    return this.scale >= scale || this.mantissa % 10n ** BigInt(scale - this.scale) === 0n;
  }

  toString(): string {
    return (this.#text ??= canonical(this));
  }

  toJSON(): string {
    return this.toString();
  }
}

function aligned(a: Quantity, b: Quantity): [bigint, bigint, number] {
  if (a.scale === b.scale) return [a.mantissa, b.mantissa, a.scale];
  return a.scale > b.scale
    ? [a.mantissa * 10n ** BigInt(a.scale - b.scale), b.mantissa, b.scale]
    : [a.mantissa, b.mantissa * 10n ** BigInt(b.scale - a.scale), a.scale];
}

/** Quantities repeat endlessly (`100m`, `64Mi`); what was parsed once is kept, up to this many. */
const remembered = new Map<string, Quantity>();
const rememberedLimit = 4096;

/**
 * Parses what JSON holds: a text, or a bare number. Throws QuantityError with Kubernetes' message.
 */
export function parseQuantity(input: string | number): Quantity {
  const text = typeof input === 'number' ? String(input) : input.trim();
  const known = remembered.get(text);
  if (known) return known;
  const parsed = parse(text);
  if (remembered.size >= rememberedLimit) remembered.clear();
  remembered.set(text, parsed);
  return parsed;
}

/** The text Kubernetes would answer with after reading `input`. */
export function canonicalQuantity(input: string | number): string {
  return parseQuantity(input).toString();
}

/** The quantity, or zero where there is none. */
export function quantityOf(input: string | number | null | undefined): Quantity {
  return input === null || input === undefined || input === ''
    ? zeroQuantity
    : parseQuantity(input);
}

export const zeroQuantity: Quantity = new Quantity(0n, 0, 'DecimalSI', '0');

function interpret(suffix: string): { exponent: number; format: QuantityFormat } {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { exponent: decimal, format: 'DecimalSI' };
  const binary = binarySuffixes.get(suffix);
  if (binary !== undefined) return { exponent: binary, format: 'BinarySI' };
  if (/^[eE][-+]?[0-9]+$/.test(suffix))
    return { exponent: Number(suffix.slice(1)), format: 'DecimalExponent' };
  throw new QuantityError(wrongSuffix);
}

function parse(text: string): Quantity {
  if (text === '0') return zeroQuantity;
  const match = text === '' ? null : shape.exec(text);
  if (!match) throw new QuantityError(wrongFormat);
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match;
  const { exponent, format } = interpret(suffix);
  const digits = (whole || '0') + fraction;
  // An absurd exponent would make BigInt allocate without end; nothing that large is a quantity.
  if (Math.abs(exponent) > 1000) throw new QuantityError(wrongNumber);
  const magnitude = BigInt(digits);
  const asWritten = keepsText(digits, fraction, exponent, format) ? text : undefined;
  const scale = (format === 'BinarySI' ? 0 : exponent) - fraction.length;
  const mantissa = format === 'BinarySI' ? magnitude << BigInt(exponent) : magnitude;
  return rounded({
    mantissa,
    scale,
    format,
    negative: sign === '-',
    text: asWritten,
    digits: digits.length,
  });
}

/** Where Kubernetes answers with the very text it was given. */
function keepsText(
  digits: string,
  fraction: string,
  exponent: number,
  format: QuantityFormat,
): boolean {
  if (format === 'BinarySI') {
    if (fraction !== '') return false;
    const room = 15 - digits.length - Math.trunc((exponent * 3) / 10) - 1;
    return room >= 0 && (BigInt(digits) & 7n) !== 0n;
  }
  const scale = exponent - fraction.length;
  return (
    digits.length <= safeDigits &&
    scale >= finestScale &&
    scale % 3 === 0 &&
    !digits.endsWith('000') &&
    digits[0] !== '0'
  );
}

interface Raw {
  mantissa: bigint;
  scale: number;
  format: QuantityFormat;
  negative: boolean;
  text: string | undefined;
  digits: number;
}

function rounded(raw: Raw): Quantity {
  let { mantissa, scale, format } = raw;
  if (scale < finestScale) {
    // A non-zero amount never becomes nothing: it is rounded up to the smallest unit.
    const unit = 10n ** BigInt(finestScale - scale);
    mantissa = (mantissa + unit - 1n) / unit;
    scale = finestScale;
  }
  if (format === 'BinarySI') {
    const unit = 10n ** BigInt(-scale);
    if (mantissa > greatestInt64 * unit) [mantissa, scale] = [greatestInt64, 0];
    else if (mantissa > 0n && mantissa < unit) format = 'DecimalSI';
  }
  return new Quantity(raw.negative ? -mantissa : mantissa, scale, format, raw.text);
}

function canonical(quantity: Quantity): string {
  if (quantity.isZero()) return '0';
  const { mantissa, scale, format } = quantity;
  if (format === 'BinarySI' && quantity.isWhole()) {
    const value = quantity.value();
    if (value <= -1024n || value >= 1024n) return binaryText(value);
  }
  return decimalText(mantissa, scale, format === 'DecimalExponent');
}

function binaryText(value: bigint): string {
  let times = 0;
  while (value % 1024n === 0n && times < 6) [value, times] = [value / 1024n, times + 1];
  return `${value}${binaryByExponent.get(times * 10) ?? ''}`;
}

function decimalText(mantissa: bigint, scale: number, exponential: boolean): string {
  while (mantissa % 10n === 0n) [mantissa, scale] = [mantissa / 10n, scale + 1];
  const excess = ((scale % 3) + 3) % 3;
  mantissa *= 10n ** BigInt(excess);
  scale -= excess;
  if (exponential) return scale === 0 ? `${mantissa}` : `${mantissa}e${scale}`;
  return `${mantissa}${decimalByExponent.get(scale) ?? ''}`;
}
