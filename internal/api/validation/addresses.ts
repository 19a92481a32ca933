import { goIp, parseSloppyIp } from '../strategy/ip-warnings.ts';
import type { Problems } from './problems.ts';

/** An address of a field that took sloppy forms before: what the old object had stays allowed. */
export function checkIp(
  problems: Problems,
  field: string,
  value: string,
  old: readonly string[] = [],
): boolean {
  if (old.includes(value)) return true;
  const address = parseSloppyIp(value);
  if (!address) {
    problems.invalid(field, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    return false;
  }
  if (/(^|\.)0[0-9]/.test(value) && !value.includes(':'))
    problems.invalid(field, value, 'must not have leading 0s');
  if (isMapped(value, address.kind()))
    problems.invalid(field, value, 'must not be an IPv4-mapped IPv6 address');
  return true;
}

export const isIpv6 = (value: string): boolean => value.includes(':');

export function checkCidr(
  problems: Problems,
  field: string,
  value: string,
  old: readonly string[] = [],
): boolean {
  if (old.includes(value)) return true;
  const slash = value.lastIndexOf('/');
  const address = slash < 0 ? undefined : parseSloppyIp(value.slice(0, slash));
  const bits = value.slice(slash + 1);
  if (!address || !/^[0-9]+$/.test(bits) || Number(bits) > (address.kind() === 'ipv4' ? 32 : 128)) {
    problems.invalid(
      field,
      value,
      'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    );
    return false;
  }
  if (/(^|\.)0[0-9]/.test(value) || /\/0[0-9]/.test(value))
    problems.invalid(field, value, 'must not have leading 0s in IP or prefix length');
  else if (isMapped(value, address.kind()))
    problems.invalid(field, value, 'must not have an IPv4-mapped IPv6 address');
  else if (hasHostBits(address.toByteArray(), Number(bits)))
    problems.invalid(field, value, 'must not have bits set beyond the prefix length');
  return true;
}

const isMapped = (value: string, kind: string): boolean =>
  kind === 'ipv6' && /^::ffff:/i.test(value) && value.includes('.');

function hasHostBits(bytes: readonly number[], prefix: number): boolean {
  return bytes.some((byte, i) => (byte & (0xff >> Math.min(8, Math.max(0, prefix - i * 8)))) !== 0);
}

/** At most one address of each family. */
export function isDualStackAtMost(addresses: readonly string[]): boolean {
  return (
    addresses.length <= 2 &&
    (addresses.length < 2 || isIpv6(addresses[0] ?? '') !== isIpv6(addresses[1] ?? ''))
  );
}

interface Range {
  bytes: readonly number[];
  prefix: number;
}

function rangeOf(value: string): Range | undefined {
  const [ip = '', bits = ''] = value.split('/');
  const address = parseSloppyIp(ip);
  return address && /^[0-9]+$/.test(bits)
    ? { bytes: address.toByteArray(), prefix: Number(bits) }
    : undefined;
}

/** Whether a range is a part of another, and not all of it; undefined when one is no range. */
export function isWithin(inner: string, outer: string): boolean | undefined {
  const [small, large] = [rangeOf(inner), rangeOf(outer)];
  if (!small || !large) return undefined;
  if (small.bytes.length !== large.bytes.length || small.prefix <= large.prefix) return false;
  return large.bytes.every(
    (byte, i) =>
      ((byte ^ (small.bytes[i] ?? 0)) &
        ~(0xff >> Math.min(8, Math.max(0, large.prefix - i * 8))) &
        0xff) ===
      0,
  );
}

/** A range of a newer field, which has one form only. */
export function checkCanonicalCidr(problems: Problems, field: string, value: string): void {
  const before = problems.list.length;
  checkCidr(problems, field, value);
  if (problems.list.length > before) return;
  const [ip = '', bits = ''] = value.split('/');
  const address = parseSloppyIp(ip);
  const canonical = address ? `${goIp(address)}/${Number(bits)}` : value;
  if (canonical !== value)
    problems.invalid(field, value, `must be in canonical form (${JSON.stringify(canonical)})`);
}

/** An address with the length of its prefix, in its one form. */
export function checkInterfaceAddress(problems: Problems, field: string, value: string): void {
  const slash = value.lastIndexOf('/');
  const address = slash < 0 ? undefined : parseSloppyIp(value.slice(0, slash));
  const bits = value.slice(slash + 1);
  if (!address || !/^[0-9]+$/.test(bits) || Number(bits) > (address.kind() === 'ipv4' ? 32 : 128))
    return problems.invalid(
      field,
      value,
      'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
    );
  const canonical = `${goIp(address)}/${Number(bits) - (isMapped(value, address.kind()) ? 96 : 0)}`;
  if (canonical !== value)
    problems.invalid(field, value, `must be in canonical form (${JSON.stringify(canonical)})`);
}
