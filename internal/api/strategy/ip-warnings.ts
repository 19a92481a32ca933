import {
  cidrOf,
  familyOf,
  isMapped,
  parseInterface,
  parseIp,
  unmapped,
  widthOf,
} from '../../base/addresses.ts';

/** A valid address in an unusual form. */
export function ipWarnings(path: string, value: string): string[] {
  const address = parseIp(value);
  if (!address) return [];
  const canonical = unmapped(address);
  const isV4 = familyOf(address) === 4;
  if (isMapped(address) || (isV4 && /(^|\.)0[0-9]/.test(value)))
    return [
      `${path}: non-standard IP address ${JSON.stringify(value)} is invalid: use ` +
        `${JSON.stringify(canonical)}`,
    ];
  if (!isV4 && canonical !== value)
    return [
      `${path}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format ` +
        `(${JSON.stringify(canonical)})`,
    ];
  return [];
}

/** A valid CIDR in an unusual form. */
export function cidrWarnings(path: string, value: string): string[] {
  const found = parseInterface(value);
  if (!found) return [];
  const { ip, bits } = found;
  const width = widthOf(familyOf(ip));
  const network = cidrOf(ip, bits);
  const warnings: string[] = [];
  if (network !== `${unmapped(ip)}/${bits}`) {
    warnings.push(
      `${path}: CIDR value ${JSON.stringify(value)} is ambiguous in this context (should be ` +
        `${JSON.stringify(network)} or ${JSON.stringify(`${unmapped(ip)}/${width}`)}?)`,
    );
  }
  if (/(^|\.|\/)0[0-9]/.test(value))
    warnings.push(
      `${path}: non-standard CIDR value ${JSON.stringify(value)} is invalid: use ` +
        `${JSON.stringify(network)}`,
    );
  else if (warnings.length === 0 && width === 128 && network !== value)
    warnings.push(
      `${path}: IPv6 CIDR value ${JSON.stringify(value)} should be in RFC 5952 canonical ` +
        `format (${JSON.stringify(network)})`,
    );
  return warnings;
}
