import ipaddr from 'ipaddr.js';

type Address = InstanceType<typeof ipaddr.IPv4> | InstanceType<typeof ipaddr.IPv6>;

/** Reads an address as Go's sloppy parser does: leading zeros are decimal. */
export function parseSloppyIp(value: string): Address | undefined {
  if (/^[0-9]{1,}(\.[0-9]+){3}$/.test(value)) {
    const parts = value.split('.').map(Number);
    return parts.every((p) => p <= 255) ? new ipaddr.IPv4(parts) : undefined;
  }
  if (!value.includes(':') || value.includes('%') || !ipaddr.IPv6.isValid(value)) return undefined;
  return ipaddr.IPv6.parse(value);
}

/** RFC 5952, as Go prints addresses; an IPv4-mapped one as IPv4. */
export function goIp(address: Address): string {
  if (address.kind() === 'ipv4') return address.toString();
  const six = address as InstanceType<typeof ipaddr.IPv6>;
  return six.isIPv4MappedAddress() ? six.toIPv4Address().toString() : six.toRFC5952String();
}

/** A valid address in an unusual form. */
export function ipWarnings(path: string, value: string): string[] {
  const address = parseSloppyIp(value);
  if (!address) return [];
  const canonical = goIp(address);
  const mapped =
    address.kind() === 'ipv6' &&
    (address as InstanceType<typeof ipaddr.IPv6>).isIPv4MappedAddress();
  const leadingZero = address.kind() === 'ipv4' && /(^|\.)0[0-9]/.test(value);
  if (mapped || leadingZero)
    return [
      `${path}: non-standard IP address ${JSON.stringify(value)} is invalid: use ` +
        `${JSON.stringify(canonical)}`,
    ];
  if (address.kind() === 'ipv6' && canonical !== value)
    return [
      `${path}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format ` +
        `(${JSON.stringify(canonical)})`,
    ];
  return [];
}

/** The network that an address lies in, as text. */
export function networkOf(address: Address, prefix: number): string {
  const bytes = address
    .toByteArray()
    .map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, (i + 1) * 8 - prefix))) & 0xff);
  return `${goIp(ipaddr.fromByteArray(bytes))}/${prefix}`;
}

/** A valid CIDR in an unusual form. */
export function cidrWarnings(path: string, value: string): string[] {
  const slash = value.lastIndexOf('/');
  const address = slash < 0 ? undefined : parseSloppyIp(value.slice(0, slash));
  const prefix = Number(value.slice(slash + 1));
  if (!address || !Number.isInteger(prefix)) return [];
  const width = address.kind() === 'ipv4' ? 32 : 128;
  const network = networkOf(address, prefix);
  const warnings: string[] = [];
  if (network !== `${goIp(address)}/${prefix}`) {
    warnings.push(
      `${path}: CIDR value ${JSON.stringify(value)} is ambiguous in this context (should be ` +
        `${JSON.stringify(network)} or ${JSON.stringify(`${goIp(address)}/${width}`)}?)`,
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
