import { Buffer } from 'node:buffer';
import type {
  DeviceTaint,
  DeviceToleration,
  OpaqueDeviceConfiguration,
} from '../generated/types/resource-v1.ts';
import { isDict } from '../loose.ts';
import { dns1123Subdomain, qualifiedName, validCIdentifier, validLabelValue } from '../names.ts';
import type { Problems } from './problems.ts';

/** What kinds of the group resource.k8s.io share (pkg/apis/resource/validation). */

const maxDriver = 63;
const maxPool = 253;
const maxIdentifier = 32;
const maxConditions = 4;
const maxParameters = 10 * 1024;
const effects = ['NoExecute', 'NoSchedule', 'None'];

export function checkDriver(problems: Problems, driver: string | undefined, path: string): void {
  if (!driver) problems.required(path);
  const name = driver ?? '';
  if (name.length > maxDriver) problems.tooLong(path, maxDriver);
  // Capitals are allowed.
  if (name)
    for (const why of dns1123Subdomain(name.toLowerCase())) problems.invalid(path, name, why);
}

/** Parts that could be names of objects, apart by slashes. */
export function checkPoolName(problems: Problems, name: string | undefined, path: string): void {
  if (!name) return problems.required(path);
  if (name.length > maxPool) problems.tooLong(path, maxPool);
  for (const part of name.split('/')) problems.check(path, part, dns1123Subdomain);
}

/**
 * An identifier, with the domain of who gave it or without. Three parts and more are let through,
 * as upstream does.
 */
export function checkQualified(problems: Problems, name: string, path: string): void {
  const [first = '', second, ...more] = name.split('/');
  if (more.length > 0) return;
  if (second === undefined) return checkIdentifier(problems, first, path);
  if (first === '') problems.invalid(path, '', 'the domain must not be empty');
  else checkDriver(problems, first, path);
  if (second === '') problems.invalid(path, '', 'the name must not be empty');
  else checkIdentifier(problems, second, path);
}

export function checkFullyQualified(problems: Problems, name: string, path: string): void {
  checkQualified(problems, name, path);
  if (!name.includes('/'))
    problems.invalid(
      path,
      name,
      'a fully qualified name must be a domain and a name separated by a slash',
    );
}

function checkIdentifier(problems: Problems, id: string, path: string): void {
  if (id.length > maxIdentifier) problems.tooLong(path, maxIdentifier);
  problems.check(path, id, validCIdentifier);
}

interface Many<T> {
  /** No limit when left out. */
  most?: number;
  each(item: T, path: string, i: number): void;
  /** What no two items may have in common. */
  key?(item: T): string;
  /** How a key is shown. */
  shown?(item: T): unknown;
}

/** Items one by one; where there are too many none is looked at. */
export function checkMany<T>(
  problems: Problems,
  items: readonly T[] | undefined,
  path: string,
  { most = Infinity, each, key, shown = key }: Many<T>,
): void {
  const all = items ?? [];
  if (all.length > most) return problems.tooMany(path, all.length, most);
  all.forEach((item, i) => each(item, `${path}[${i}]`, i));
  if (!key) return;
  const seen = new Set<string>();
  all.forEach((item, i) => {
    if (seen.has(key(item))) problems.duplicate(`${path}[${i}]`, shown?.(item));
    seen.add(key(item));
  });
}

/** The entries of a map; a key that is too long is told by its ends. */
export function checkMap<T>(
  problems: Problems,
  map: Readonly<Record<string, T>> | undefined,
  path: string,
  {
    most = Infinity,
    longestKey,
    key,
    each,
  }: {
    most?: number;
    longestKey: number;
    key(name: string, path: string): void;
    each(item: T, path: string): void;
  },
): void {
  const entries = Object.entries(map ?? {});
  if (entries.length > most) return problems.tooMany(path, entries.length, most);
  for (const [name, item] of entries) {
    key(name, path);
    each(item, `${path}[${shortened(name, longestKey)}]`);
  }
}

function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const left = most - 3;
  return (
    `${text.slice(0, Math.floor((left + 1) / 2))}...` +
    `${text.slice(text.length - Math.floor(left / 2))}`
  );
}

export function checkTaint(
  problems: Problems,
  { key, value, effect }: DeviceTaint,
  path: string,
): void {
  problems.check(`${path}.key`, key ?? '', qualifiedName);
  if (value) problems.check(`${path}.value`, value, validLabelValue);
  problems.oneOf(`${path}.effect`, effect, effects);
}

export function checkDeviceToleration(
  problems: Problems,
  { key, operator, value = '', effect }: DeviceToleration,
  path: string,
): void {
  if (key) problems.check(`${path}.key`, key, qualifiedName);
  if (operator === 'Exists') {
    if (value) problems.invalid(`${path}.value`, value, 'must be empty for operator `Exists`');
  } else if (operator === 'Equal') problems.check(`${path}.value`, value, validLabelValue);
  else problems.oneOf(`${path}.operator`, operator, ['Equal', 'Exists']);
  if (effect && !effects.includes(effect)) problems.notSupported(`${path}.effect`, effect, effects);
}

/** Conditions that must, and such that must not come true before a pod is bound. */
export function checkBindingConditions(
  problems: Problems,
  {
    bindingConditions = [],
    bindingFailureConditions = [],
  }: { bindingConditions?: string[]; bindingFailureConditions?: string[] },
  path: string,
): void {
  const names = (list: string[], at: string): void =>
    checkMany(problems, list, at, {
      most: maxConditions,
      each: (name, where) => problems.check(where, name, qualifiedName),
    });
  const repeated = (list: string[], at: string): void =>
    list.forEach((name, i) => list.indexOf(name) < i && problems.duplicate(`${at}[${i}]`, name));
  const [good, bad] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`];
  names(bindingConditions, good);
  names(bindingFailureConditions, bad);
  repeated(bindingConditions, good);
  repeated(bindingFailureConditions, bad);
  bindingFailureConditions.forEach((name, i) => {
    if (bindingConditions.includes(name))
      problems.invalid(
        `${bad}[${i}]`,
        name,
        'bindingFailureConditions must not overlap with bindingConditions',
      );
  });
  if (bindingConditions.length === 0 && bindingFailureConditions.length > 0)
    problems.invalid(good, null, 'bindingConditions are required to use bindingFailureConditions');
  if (bindingFailureConditions.length === 0 && bindingConditions.length > 0)
    problems.invalid(bad, null, 'bindingFailureConditions are required to use bindingConditions');
}

/** `stored`: it was there before the bound on its size was. */
export function checkOpaque(
  problems: Problems,
  opaque: OpaqueDeviceConfiguration | undefined,
  path: string,
  stored = false,
): void {
  if (!opaque) return problems.required(path);
  checkDriver(problems, opaque.driver, `${path}.driver`);
  checkRaw(problems, opaque.parameters, `${path}.parameters`, stored ? Infinity : maxParameters);
}

/** An object of a kind that is not ours. */
export function checkRaw(problems: Problems, value: unknown, path: string, most: number): void {
  if (value === undefined || value === null) problems.required(path);
  else if (Buffer.byteLength(JSON.stringify(value)) > most) problems.tooLong(path, most);
  else if (!isDict(value)) problems.invalid(path, '<value omitted>', 'must be a valid JSON object');
}
