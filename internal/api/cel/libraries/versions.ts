import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import { Opaque, type Value } from '../values.ts';

type Numbers = readonly [major: bigint, minor: bigint, patch: bigint];

/** A version by the rules of semver.org 2.0. */
class SemverValue extends Opaque {
  readonly typeName = 'kubernetes.Semver';
  readonly numbers: Numbers;
  readonly prerelease: readonly string[];

  constructor(numbers: Numbers, prerelease: readonly string[]) {
    super();
    this.numbers = numbers;
    this.prerelease = prerelease;
  }

  /** What follows a plus sign does not count. */
  compare(other: SemverValue): number {
    for (const [i, number] of this.numbers.entries()) {
      const against = other.numbers[i] ?? 0n;
      if (number !== against) return number < against ? -1 : 1;
    }
    if (!this.prerelease.length || !other.prerelease.length)
      return Math.sign(
        Number(this.prerelease.length === 0) - Number(other.prerelease.length === 0),
      );
    for (const [i, part] of this.prerelease.entries()) {
      const against = other.prerelease[i];
      if (against === undefined) return 1;
      const found = compareParts(part, against);
      if (found !== 0) return found;
    }
    return this.prerelease.length === other.prerelease.length ? 0 : -1;
  }

  equals(other: Value): boolean {
    return other instanceof SemverValue && this.compare(other) === 0;
  }
}

const isNumber = (part: string): boolean => /^\d+$/.test(part);

/** Numbers come before words. */
function compareParts(a: string, b: string): number {
  if (a === b) return 0;
  if (isNumber(a) && isNumber(b)) return BigInt(a) < BigInt(b) ? -1 : 1;
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  return a < b ? -1 : 1;
}

const form =
  /^(0|[1-9]\d{0,19})\.(0|[1-9]\d{0,19})\.(0|[1-9]\d{0,19})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const tooLarge = 2n ** 64n;
/** Longer texts are not versions; the form would be looked for in vain. */
const maxText = 64 << 10;

/** A version as a value of an expression; undefined when the text is none. */
export function parseSemver(text: string): SemverValue | undefined {
  const found = text.length <= maxText ? form.exec(text) : null;
  if (!found) return undefined;
  const numbers: Numbers = [BigInt(found[1] ?? 0), BigInt(found[2] ?? 0), BigInt(found[3] ?? 0)];
  const prerelease = found[4]?.split('.') ?? [];
  const isWrong = (part: string): boolean =>
    isNumber(part) &&
    ((part.length > 1 && part.startsWith('0')) || part.length > 20 || BigInt(part) >= tooLarge);
  return numbers.some((one) => one >= tooLarge) || prerelease.some(isWrong)
    ? undefined
    : new SemverValue(numbers, prerelease);
}

/** `v01.2` as `1.2.0`: without a leading v, without leading zeros, with all three numbers. */
function normalized(text: string): string {
  const plain = text.replace(/^v/, '');
  const [major = '', minor, ...rest] = plain.split('.');
  const parts = [
    major,
    ...(minor === undefined ? [] : [minor]),
    ...(rest.length ? [rest.join('.')] : []),
  ].map(withoutZeros);
  if (parts.length === 3) return parts.join('.');
  if (/[+-]/.test(parts.at(-1) ?? '')) return '';
  return [...parts, '0', '0'].slice(0, 3).join('.');
}

function withoutZeros(part: string): string {
  if (part.length <= 1) return part;
  const rest = part.replace(/^0+/, '');
  return /^\d/.test(rest) ? rest : `0${rest}`;
}

function must(text: string, normalize = false): SemverValue {
  const version = parseSemver(normalize ? normalized(text) : text);
  if (!version) throw new CelError(`not a semantic version: ${JSON.stringify(text.slice(0, 100))}`);
  return version;
}

export function versions(registry: Registry): void {
  registry.define('semver(string): kubernetes.Semver', (text: string) => must(text));
  registry.define('semver(string, bool): kubernetes.Semver', must);
  registry.define('isSemver(string): bool', (text: string) => parseSemver(text) !== undefined);
  registry.define(
    'isSemver(string, bool): bool',
    (text: string, normalize: boolean) =>
      parseSemver(normalize ? normalized(text) : text) !== undefined,
  );
  for (const [i, name] of ['major', 'minor', 'patch'].entries()) {
    registry.define(`kubernetes.Semver->${name}(): int`, (a: SemverValue) =>
      BigInt.asIntN(64, a.numbers[i] ?? 0n),
    );
  }
  registry.define(
    'kubernetes.Semver->compareTo(kubernetes.Semver): int',
    (a: SemverValue, b: SemverValue) => BigInt(a.compare(b)),
  );
  registry.define(
    'kubernetes.Semver->isGreaterThan(kubernetes.Semver): bool',
    (a: SemverValue, b: SemverValue) => a.compare(b) > 0,
  );
  registry.define(
    'kubernetes.Semver->isLessThan(kubernetes.Semver): bool',
    (a: SemverValue, b: SemverValue) => a.compare(b) < 0,
  );
}
