import {
  baseOf,
  bitsOf,
  cidrHolds,
  cidrOf,
  isMapped,
  parseCidr,
  parseInterface,
  parseIp,
  unmapped,
  parseStrictIp,
} from '../../base/addresses.ts';
import type { Problems } from './problems.ts';

/** An address of a field that took sloppy forms before: what the old object had stays allowed. */
export function checkIp(
  problems: Problems,
  field: string,
  value: string,
  old: readonly string[] = [],
): boolean {
  if (old.includes(value)) return true;
  const address = parseIp(value);
  if (!address) {
    problems.invalid(field, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    return false;
  }
  if (!parseStrictIp(value)) problems.invalid(field, value, 'must not have leading 0s');
  if (isMapped(address)) problems.invalid(field, value, 'must not be an IPv4-mapped IPv6 address');
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
  const found = parseInterface(value);
  if (!found) {
    problems.invalid(
      field,
      value,
      'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    );
    return false;
  }
  if (!parseStrictIp(value.slice(0, value.indexOf('/'))) || /\/0[0-9]/.test(value))
    problems.invalid(field, value, 'must not have leading 0s in IP or prefix length');
  else if (isMapped(found.ip))
    problems.invalid(field, value, 'must not have an IPv4-mapped IPv6 address');
  else if (baseOf(cidrOf(found.ip, found.bits)) !== found.ip)
    problems.invalid(field, value, 'must not have bits set beyond the prefix length');
  return true;
}

/** At most one address of each family. */
export function isDualStackAtMost(addresses: readonly string[]): boolean {
  return (
    addresses.length <= 2 &&
    (addresses.length < 2 || isIpv6(addresses[0] ?? '') !== isIpv6(addresses[1] ?? ''))
  );
}

/** Whether a range is a part of another, and not all of it; undefined when one is no range. */
export function isWithin(inner: string, outer: string): boolean | undefined {
  const [small, large] = [parseCidr(inner), parseCidr(outer)];
  return small && large && bitsOf(small) > bitsOf(large) && cidrHolds(large, small);
}

/** A range of a newer field, which has one form only. */
export function checkCanonicalCidr(problems: Problems, field: string, value: string): void {
  const before = problems.list.length;
  checkCidr(problems, field, value);
  if (problems.list.length > before) return;
  const found = parseInterface(value);
  const canonical = found ? `${unmapped(found.ip)}/${found.bits}` : value;
  if (canonical !== value)
    problems.invalid(field, value, `must be in canonical form (${JSON.stringify(canonical)})`);
}

/** An address with the length of its prefix, in its one form. */
export function checkInterfaceAddress(problems: Problems, field: string, value: string): void {
  const found = parseInterface(value);
  if (!found)
    return problems.invalid(
      field,
      value,
      'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
    );
  const canonical = `${unmapped(found.ip)}/${found.bits - (isMapped(found.ip) ? 96 : 0)}`;
  if (canonical !== value)
    problems.invalid(field, value, `must be in canonical form (${JSON.stringify(canonical)})`);
}
