import { parseIp, parseIpv4, parsePort, type Ip } from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import type { DnsRecord } from './records.ts';

/** What operators add to the cluster DNS: the ConfigMap kube-system/skiff-dns. */
export interface DnsSettings {
  /** In the place of the host's resolvers; undefined: those. */
  upstreams: string[] | undefined;
  /** Resolvers of the names below a domain, the longest domain first. */
  stubs: readonly { domain: string; resolvers: string[] }[];
  hosts: ReadonlyMap<string, readonly Ip[]>;
  /** Names that are answered with what another name has. */
  rewrites: ReadonlyMap<string, string>;
}

export const noSettings: DnsSettings = {
  upstreams: undefined,
  stubs: [],
  hosts: new Map(),
  rewrites: new Map(),
};

const most = { lines: 10_000, stubs: 256, resolvers: 8 };
const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

function parseName(text: unknown): string | undefined {
  const name = typeof text === 'string' ? text.toLowerCase().replace(/\.$/, '') : '';
  return name.length <= 253 && name.split('.').every((one) => label.test(one)) ? name : undefined;
}

/** `address`, or `address:port` of an IPv4. */
function parseResolver(text: unknown, ownAddress: string): string | undefined {
  if (typeof text !== 'string') return undefined;
  const [host = '', port, ...more] = text.split(':');
  const whole =
    parseIp(text) ?? (more.length === 0 && parsePort(Number(port)) ? parseIpv4(host) : undefined);
  return whole === undefined || whole === ownAddress ? undefined : text;
}

/**
 * Reads the keys `upstreamNameservers` and `stubDomains` (JSON, as kube-dns had them), `hosts` (as
 * in /etc/hosts) and `rewrite` (`name other-name`, a line each). What is wrong is left out, and
 * said.
 */
export function parseSettings(
  data: Record<string, string> | undefined,
  { ownAddress, leftOut }: { ownAddress: string; leftOut(what: string): void },
): DnsSettings {
  const text = (key: string): string => own(data, key) ?? '';
  const resolvers = (found: unknown, where: string): string[] => {
    const all = Array.isArray(found) ? (found as unknown[]) : [];
    const good = all.flatMap((one) => parseResolver(one, ownAddress) ?? []);
    if (good.length < all.length || all.length === 0)
      leftOut(`${where}: a resolver is an address, or one with a port`);
    return [...new Set(good)].slice(0, most.resolvers);
  };
  const upstreams = readJson('upstreamNameservers', text, leftOut);
  const stubs = Object.entries((readJson('stubDomains', text, leftOut) ?? {}) as object)
    .slice(0, most.stubs)
    .flatMap(([name, found]) => {
      const domain = parseName(name);
      if (domain === undefined) leftOut(`stubDomains: ${shown(name)} is not a name`);
      const asked = resolvers(found, 'stubDomains');
      return domain !== undefined && asked.length > 0 ? [{ domain, resolvers: asked }] : [];
    })
    .sort((a, b) => b.domain.length - a.domain.length);
  const hosts = new Map<string, Ip[]>();
  for (const words of lines(text('hosts'))) {
    const ip = parseIp(words[0]);
    const names = words.slice(1).flatMap((name) => parseName(name) ?? []);
    if (ip === undefined || names.length < words.length - 1 || names.length === 0)
      leftOut(`hosts: ${shown(words.join(' '))} is not an address with names`);
    else for (const name of names) hosts.set(name, [...(hosts.get(name) ?? []), ip]);
  }
  const rewrites = new Map<string, string>();
  for (const words of lines(text('rewrite'))) {
    const [from, to] = [parseName(words[0]), parseName(words[1])];
    if (from === undefined || to === undefined || words.length !== 2 || from === to)
      leftOut(`rewrite: ${shown(words.join(' '))} is not a name and another name`);
    else rewrites.set(from, to);
  }
  return {
    upstreams: upstreams === undefined ? undefined : resolvers(upstreams, 'upstreamNameservers'),
    stubs,
    hosts,
    rewrites,
  };
}

/** What a name has by the settings; undefined: nothing, ask elsewhere. */
export function recordsOf(
  { hosts, rewrites }: DnsSettings,
  name: string,
  type: string,
): DnsRecord[] | undefined {
  const other = rewrites.get(name);
  if (other !== undefined) return [{ type: 'CNAME', name, data: other }];
  return hosts
    .get(name)
    ?.map((data) => ({ type: data.includes(':') ? 'AAAA' : 'A', name, data }) as const)
    .filter((record) => record.type === type || type === 'ANY');
}

function readJson(
  key: string,
  text: (key: string) => string,
  leftOut: (what: string) => void,
): unknown {
  if (text(key).trim() === '') return undefined;
  try {
    const found = JSON.parse(text(key)) as unknown;
    if (typeof found === 'object' && found !== null) return found;
  } catch {
    // said below
  }
  leftOut(`${key} is not JSON`);
  return undefined;
}

const lines = (text: string): string[][] =>
  text
    .split('\n')
    .slice(0, most.lines)
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .filter(([first]) => first !== '');

const shown = (text: string): string => JSON.stringify(text).slice(0, 80);
