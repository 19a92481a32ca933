import { isAddress } from '../../base/addresses.ts';
import type { Pod, PodDNSConfig } from '../../api/generated/types/core-v1.ts';
import type { NodeFacts, ResolverConfig } from './node-facts.ts';

/** The limits of Kubernetes' pod DNS configuration (validation.MaxDNS*). */
const mostServers = 3;
const mostSearches = 32;
const longestSearchLine = 2048;
const longestSearch = 253;

/** What /etc/resolv.conf of a pod says. `warnings` are the texts of DNSConfigForming events. */
export function podDns(pod: Pod, node: NodeFacts): { dns: ResolverConfig; warnings: string[] } {
  let dns = base(pod, node);
  if (pod.spec.dnsConfig) dns = merged(dns, pod.spec.dnsConfig);
  const warnings: string[] = [];
  dns = readable(dns, warnings);
  if (dns.servers.length > mostServers) {
    dns.servers = dns.servers.slice(0, mostServers);
    warnings.push(
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied ' +
        `nameserver line is: ${dns.servers.join(' ')}`,
    );
  }
  const fitting = fittingSearches(dns.searches);
  if (fitting.length < dns.searches.length) {
    dns.searches = fitting;
    warnings.push(
      'Search Line limits were exceeded, some search paths have been omitted, the applied ' +
        `search line is: ${fitting.join(' ')}`,
    );
  }
  return { dns, warnings };
}

const searchDomain = /^(?:\.|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?)$/;
const optionText = /^[A-Za-z0-9][A-Za-z0-9_-]*(?::[!-~]+)?$/;

/**
 * A value with a line or a space in it would be other lines of resolv.conf; the API checks not all
 * of them.
 */
function readable(dns: ResolverConfig, warnings: string[]): ResolverConfig {
  const keep = (what: string, list: string[], good: (text: string) => boolean): string[] =>
    list.filter((text) => {
      if (good(text)) return true;
      warnings.push(`Invalid ${what} was omitted: ${JSON.stringify(text.slice(0, 80))}`);
      return false;
    });
  return {
    servers: keep('nameserver', dns.servers, (text) => isAddress(text)),
    searches: keep('search path', dns.searches, (text) => searchDomain.test(text)),
    options: keep('resolver option', dns.options, (text) => optionText.test(text)),
  };
}

function base(pod: Pod, node: NodeFacts): ResolverConfig {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const cluster =
    policy === 'ClusterFirstWithHostNet' || (policy !== 'Default' && !pod.spec.hostNetwork);
  if (!cluster || node.clusterDns.length === 0)
    return {
      servers: [...node.hostDns.servers],
      searches: [...node.hostDns.searches],
      options: [...node.hostDns.options],
    };
  const domain = node.clusterDomain;
  const own = [`${pod.metadata.namespace ?? ''}.svc.${domain}`, `svc.${domain}`, domain];
  return {
    servers: [...node.clusterDns],
    searches: unique([...own, ...node.hostDns.searches]),
    options: ['ndots:5'],
  };
}

function merged(dns: ResolverConfig, asked: PodDNSConfig): ResolverConfig {
  const options = new Map<string, string>();
  for (const option of dns.options) {
    const colon = option.indexOf(':');
    if (colon < 0) options.set(option, '');
    else options.set(option.slice(0, colon), option.slice(colon + 1));
  }
  for (const option of asked.options ?? []) options.set(option.name ?? '', option.value ?? '');
  return {
    servers: unique([...dns.servers, ...(asked.nameservers ?? [])]),
    searches: unique([...dns.searches, ...(asked.searches ?? [])]),
    options: [...options].map(([name, value]) => (value === '' ? name : `${name}:${value}`)),
  };
}

function fittingSearches(searches: string[]): string[] {
  const short = searches.slice(0, mostSearches).filter((search) => search.length <= longestSearch);
  while (short.join(' ').length > longestSearchLine) short.pop();
  return short;
}

function unique(list: string[]): string[] {
  return [...new Set(list)];
}

/** Reads a resolv.conf: nameservers add up, the last search line wins, options merge by name. */
export function parseResolvConf(text: string): ResolverConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line.trim().split(/\s+/);
    if (word.startsWith('#')) continue;
    if (word === 'nameserver' && rest[0]) servers.push(rest[0]);
    if (word === 'search')
      searches = rest.filter((s) => s !== '.').map((s) => s.replace(/\.$/, ''));
    if (word === 'options')
      for (const option of rest) options.set(option.split(':')[0] ?? option, option);
  }
  return { servers, searches, options: [...options.values()] };
}
