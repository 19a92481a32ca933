import {
  dns1123Subdomain,
  qualifiedName,
  validLabelValue,
  wildcardDns1123Subdomain,
} from '../api/names.ts';
import { isForbiddenNodeLabel } from '../api/node-labels.ts';
import { ConfigError } from '../base/errors.ts';
import {
  baseOf,
  bitsOf,
  cidrHas,
  cidrsOverlap,
  familyOf,
  parseCidr,
  parseIpv4,
  parseIpv4Cidr,
  type Cidr,
} from '../base/addresses.ts';

/**
 * Values that one flag alone cannot judge, or that only the API would refuse, long after the start.
 * Each complaint is one line with its way out.
 */

const op = 'config';

/**
 * Ranges of pods and services: each by its first address, no address in both, and of the same
 * families.
 */
export function checkRanges(clusterCidr: string, serviceCidr: string): void {
  const [pods, services] = [
    ranges('cluster-cidr', clusterCidr),
    ranges('service-cidr', serviceCidr),
  ];
  for (const one of pods)
    for (const other of services)
      if (cidrsOverlap(one, other))
        throw new ConfigError(`--cluster-cidr ${one} and --service-cidr ${other} share addresses`, {
          op,
          hint: 'pods and services need ranges of their own, such as 10.42.0.0/16 and 10.43.0.0/16',
        });
  const families = (all: readonly Cidr[]): string => all.map((one) => `IPv${familyOf(one)}`).join();
  if (families(pods) !== families(services))
    throw new ConfigError(
      `--cluster-cidr has ${families(pods)} and --service-cidr has ${families(services)}`,
      { op, hint: 'give both the same families in the same order' },
    );
}

/** A pod network needs at least as many bits below a node's range (kube-controller-manager). */
const longestIpv6 = 64;
const longestServices = 120;

function ranges(name: string, text: string): Cidr[] {
  const [first, second, ...others] = text.split(',').map((one) => range(name, one.trim()));
  if (!first || others.length > 0)
    throw new ConfigError(`--${name}: "${text}" is more than one range of each family`, { op });
  if (familyOf(first) === 6)
    throw new ConfigError(`--${name}: "${text}" does not begin with a range of IPv4`, {
      op,
      hint: 'a cluster has IPv4, and IPv6 beside it: 10.42.0.0/16,fd42::/56',
    });
  if (!second) return [first];
  if (familyOf(second) === 4)
    throw new ConfigError(`--${name}: "${text}" has two ranges of IPv4`, { op });
  const longest = name === 'cluster-cidr' ? longestIpv6 : longestServices;
  if (bitsOf(second) > longest)
    throw new ConfigError(`--${name}: ${second} is too small: at most /${longest}`, { op });
  return [first, second];
}

function range(name: string, text: string): Cidr {
  const parsed = parseCidr(text);
  if (!parsed)
    throw new ConfigError(`--${name}: "${text}" is not a range such as 10.42.0.0/16`, { op });
  if (baseOf(parsed) !== text.split('/')[0])
    throw new ConfigError(`--${name}: ${text} does not begin with the first address of its range`, {
      op,
      hint: `say ${parsed}`,
    });
  return parsed;
}

/** Somebody else's DNS may be anywhere; ours is a Service. */
export function checkClusterDns(address: string, serviceCidr: string, disable: string[]): void {
  const [ip, services] = [parseIpv4(address), parseIpv4Cidr(serviceCidr.split(',')[0])];
  if (disable.includes('coredns')) return;
  if (!ip || !services || !cidrHas(services, ip))
    throw new ConfigError(`--cluster-dns: ${address} is not in --service-cidr ${serviceCidr}`, {
      op,
      hint: 'the cluster DNS is a Service; your own may be elsewhere, with --disable coredns',
    });
}

export function checkClusterDomain(domain: string): void {
  if (dns1123Subdomain(domain).length > 0)
    throw new ConfigError(`--cluster-domain: "${domain}" is not a DNS name`, {
      op,
      hint: 'lower case, such as cluster.local',
    });
}

/** What can stand in a certificate: an address or a name, which may begin with "*.". */
export function checkTlsSans(sans: string[], isAddress: (text: string) => boolean): void {
  for (const san of sans) {
    const name = san.toLowerCase().replace(/\.$/, '');
    if (
      isAddress(san) ||
      dns1123Subdomain(name).length === 0 ||
      wildcardDns1123Subdomain(name).length === 0
    )
      continue;
    throw new ConfigError(`--tls-san: "${san}" is neither an address nor a DNS name`, {
      op,
      hint: san.includes('/')
        ? 'give the name alone, without a scheme or path'
        : san.includes(':')
          ? 'give the name alone, without a port'
          : 'give one name or address each time',
    });
  }
}

/** `key=value`, by the rules for labels, and not among those that a node may not give itself. */
export function checkNodeLabels(labels: string[]): void {
  for (const label of labels) {
    const [key = '', value = ''] = [
      label.slice(0, label.indexOf('=')),
      label.slice(label.indexOf('=') + 1),
    ];
    const wrong = qualifiedName(key)[0] ?? validLabelValue(value)[0];
    if (wrong !== undefined)
      throw new ConfigError(`--node-label: "${label}": ${brief(wrong)}`, {
        op,
        hint: 'key=value, such as zone=cellar or example.com/disk=ssd',
      });
    if (isForbiddenNodeLabel(key))
      throw new ConfigError(`--node-label: a node may not give itself "${key}"`, {
        op,
        hint: `kubectl label node NAME ${label}`,
      });
  }
}

/** `key=value:effect`. */
export function checkNodeTaints(taints: string[]): void {
  for (const taint of taints) {
    const [, key = '', value = ''] = /^([^=:]+)(?:=([^:]*))?:/.exec(taint) ?? [];
    const wrong = qualifiedName(key)[0] ?? validLabelValue(value)[0];
    if (wrong !== undefined)
      throw new ConfigError(`--node-taint: "${taint}": ${brief(wrong)}`, {
        op,
        hint: 'key=value:effect, such as example.com/gpu=true:NoSchedule',
      });
  }
}

/** Kubernetes' sentences go on with examples and an expression. */
const brief = (sentence: string): string => sentence.replace(/ \((?:e\.g\.|regex)[\s\S]*$/, '');
