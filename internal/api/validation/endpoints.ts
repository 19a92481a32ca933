import {
  parseIp,
  unmapped,
  isLinkLocal,
  isLinkLocalMulticast,
  isLoopback,
  isUnspecified,
} from '../../base/addresses.ts';
import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Endpoints,
} from '../generated/types/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../generated/types/discovery-v1.ts';
import { semanticEqual } from '../loose.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  qualifiedName,
  validLabelValue,
  validPortNumber,
} from '../names.ts';
import { checkIp, isIpv6 } from './addresses.ts';
import { protocols } from './containers.ts';
import { checkLabels, checkMetadata, checkMetadataUpdate } from './metadata.ts';
import { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { repeats } from './repeats.ts';

/** Addresses that traffic may not be sent to on someone's word. */
export function checkEndpointIp(problems: Problems, value: string, field: string): void {
  const address = parseIp(value);
  if (!address) return problems.invalid(field, value, 'must be a valid IP address');
  const ip = unmapped(address);
  if (isUnspecified(ip)) problems.invalid(field, value, `may not be unspecified (${value})`);
  if (isLoopback(ip))
    problems.invalid(field, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (isLinkLocal(ip))
    problems.invalid(
      field,
      value,
      'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    );
  if (isLinkLocalMulticast(ip))
    problems.invalid(
      field,
      value,
      'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    );
}

function checkAddress(problems: Problems, address: EndpointAddress, path: string): void {
  checkIp(problems, `${path}.ip`, address.ip);
  if (address.hostname) problems.check(`${path}.hostname`, address.hostname, dns1123Label);
  if (address.nodeName !== undefined)
    problems.check(`${path}.nodeName`, address.nodeName, dns1123Subdomain);
  checkEndpointIp(problems, address.ip, `${path}.ip`);
}

function checkPort(problems: Problems, port: EndpointPort, named: boolean, path: string): void {
  if (named && !port.name) problems.required(`${path}.name`);
  else if (port.name) problems.check(`${path}.name`, port.name, dns1123Label);
  for (const m of validPortNumber(port.port)) problems.invalid(`${path}.port`, port.port, m);
  problems.oneOf(`${path}.protocol`, port.protocol, protocols);
  if (port.appProtocol !== undefined)
    problems.check(`${path}.appProtocol`, port.appProtocol, qualifiedName);
}

function checkSubsets(problems: Problems, subsets: readonly EndpointSubset[]): void {
  subsets.forEach((subset, i) => {
    const path = `subsets[${i}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    if (addresses.length === 0 && notReadyAddresses.length === 0)
      problems.required(path, 'must specify `addresses` or `notReadyAddresses`');
    addresses.forEach((address, j) => checkAddress(problems, address, `${path}.addresses[${j}]`));
    notReadyAddresses.forEach((address, j) =>
      checkAddress(problems, address, `${path}.notReadyAddresses[${j}]`),
    );
    ports.forEach((port, j) => checkPort(problems, port, ports.length > 1, `${path}.ports[${j}]`));
  });
}

export const endpoints: Rule<Endpoints> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkSubsets(problems, object.subsets ?? []),
  update(problems, object, old) {
    checkMetadataUpdate(problems, object.metadata ?? {}, old.metadata ?? {});
    checkMetadata(problems, object.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
    // Broken subsets that were there before may stay.
    if (!semanticEqual(object.subsets, old.subsets)) checkSubsets(problems, object.subsets ?? []);
  },
};

const maxEndpoints = 1000;
const maxPorts = 20000;
const maxAddresses = 100;
const maxHints = 8;

function checkSlice(
  problems: Problems,
  slice: EndpointSlice,
  old: EndpointSlice | undefined,
): void {
  const type = slice.addressType;
  if (!type) problems.required('addressType');
  else if (!['FQDN', 'IPv4', 'IPv6'].includes(type))
    problems.notSupported('addressType', type, ['FQDN', 'IPv4', 'IPv6']);
  checkSlicePorts(problems, slice);
  const own = new Problems();
  checkSliceEndpoints(own, slice.endpoints ?? [], type ?? '');
  if (!old || !semanticEqual(slice.endpoints, old.endpoints)) problems.add(own.list);
}

function checkSlicePorts(problems: Problems, slice: EndpointSlice): void {
  const ports = slice.ports ?? [];
  if (ports.length > maxPorts) problems.tooMany('ports', ports.length, maxPorts);
  const names = new Set<string>();
  ports.forEach((port, i) => {
    const name = port.name ?? '';
    if (name) problems.check(`ports[${i}].name`, name, dns1123Label);
    if (names.has(name)) problems.duplicate(`ports[${i}].name`, name);
    names.add(name);
    problems.oneOf(`ports[${i}].protocol`, port.protocol, protocols);
    if (port.appProtocol !== undefined)
      problems.check(`ports[${i}].appProtocol`, port.appProtocol, qualifiedName);
  });
}

function checkSliceEndpoints(problems: Problems, all: readonly Endpoint[], type: string): void {
  if (all.length > maxEndpoints) problems.tooMany('endpoints', all.length, maxEndpoints);
  all.forEach((endpoint, i) => {
    const path = `endpoints[${i}]`;
    const addresses = endpoint.addresses ?? [];
    if (addresses.length === 0)
      problems.required(`${path}.addresses`, 'must contain at least 1 address');
    else if (addresses.length > maxAddresses)
      problems.tooMany(`${path}.addresses`, addresses.length, maxAddresses);
    addresses.forEach((address, j) => checkSliceAddress(problems, address, type, path, j));
    if (endpoint.nodeName !== undefined)
      problems.check(`${path}.nodeName`, endpoint.nodeName, dns1123Subdomain);
    checkLabels(problems, endpoint.deprecatedTopology, `${path}.deprecatedTopology`);
    if (endpoint.hostname !== undefined)
      problems.check(`${path}.hostname`, endpoint.hostname, dns1123Label);
    checkHints(
      problems,
      (endpoint.hints?.forZones ?? []).map((z) => z.name),
      `${path}.hints.forZones`,
      validLabelValue,
    );
    checkHints(
      problems,
      (endpoint.hints?.forNodes ?? []).map((n) => n.name),
      `${path}.hints.forNodes`,
      dns1123Subdomain,
    );
  });
}

function checkSliceAddress(
  problems: Problems,
  address: string,
  type: string,
  path: string,
  j: number,
): void {
  const at = `${path}.addresses[${j}]`;
  if (type === 'FQDN') {
    const name = address.replace(/\.$/, '');
    const wrong = dns1123Subdomain(name);
    if (!address) problems.required(at);
    else if (wrong.length > 0) problems.invalid(at, name, wrong.join(','));
    else if (!name.includes('.'))
      problems.invalid(at, name, 'should be a domain with at least two segments separated by dots');
    return;
  }
  if (type !== 'IPv4' && type !== 'IPv6') return;
  const before = problems.list.length;
  checkIp(problems, at, address);
  if (problems.list.length > before) return;
  const parsed = parseIp(address);
  if (type === 'IPv6' && parsed && unmapped(parsed) !== address)
    return problems.invalid(
      at,
      address,
      `must be in canonical form (${JSON.stringify(unmapped(parsed))})`,
    );
  if (isIpv6(address) !== (type === 'IPv6'))
    problems.invalid(`${path}.addresses`, address, `must be an ${type} address`);
  checkEndpointIp(problems, address, at);
}

function checkHints(
  problems: Problems,
  names: readonly string[],
  path: string,
  check: (name: string) => string[],
): void {
  if (names.length > maxHints) problems.tooMany(path, names.length, maxHints);
  const again = repeats(names);
  names.forEach((name, i) => {
    if (again[i]) problems.duplicate(`${path}[${i}].name`, name);
    problems.check(`${path}[${i}].name`, name, check);
  });
}

export const endpointSlice: Rule<EndpointSlice> = {
  name: dns1123Subdomain,
  spec: (problems, object) => checkSlice(problems, object, undefined),
  update(problems, object, old) {
    checkMetadata(problems, object.metadata ?? {}, { namespaced: true, name: dns1123Subdomain });
    checkSlice(problems, object, old);
    problems.immutable('addressType', object.addressType, old.addressType);
  },
};
