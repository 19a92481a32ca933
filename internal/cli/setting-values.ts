import { isAddress } from '../base/addresses.ts';
import { ConfigError } from '../base/errors.ts';
import type { Settings } from './settings.ts';

const op = 'config';

export function text(settings: Settings, name: string): string | undefined {
  const value = settings.get(name);
  return value === undefined || value === '' ? undefined : String(value);
}

export function list(settings: Settings, name: string): string[] {
  const value = settings.get(name);
  return Array.isArray(value) ? value : [];
}

export function port(settings: Settings, name: string): number | undefined {
  const value = settings.get(name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (number < 0 || number > 65535)
    throw new ConfigError(`--${name}: ${number} is not a port`, { op });
  return number;
}

export function address(settings: Settings, name: string): string | undefined {
  const value = text(settings, name);
  if (value !== undefined && !isAddress(value))
    throw new ConfigError(`--${name}: "${value}" is not an IP address`, { op });
  return value;
}

export function addresses(settings: Settings, name: string): string[] {
  for (const value of list(settings, name))
    if (!isAddress(value))
      throw new ConfigError(`--${name}: "${value}" is not an IP address`, { op });
  return list(settings, name);
}

export function pairs(name: string, values: string[], pattern: RegExp, form: string): string[] {
  for (const value of values)
    if (!pattern.test(value)) throw new ConfigError(`--${name}: "${value}" is not ${form}`, { op });
  return values;
}

/** DNS names. */
export function names(settings: Settings, name: string): string[] {
  for (const value of list(settings, name))
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/i.test(value))
      throw new ConfigError(`--${name}: "${value}" is not a DNS name`, { op });
  return list(settings, name);
}
