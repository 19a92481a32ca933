import type { ConfigMap, Namespace, Node, Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import type { Mirror } from '../../client/client.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import { nameOf } from '../../wire/dns/names.ts';
import { saidOnce } from '../nft/said-once.ts';
import type { DnsCounts } from './dns-counts.ts';
import { KeptAnswers } from './kept-answers.ts';
import type { Zone } from './records.ts';
import { startDnsServer, type DnsServer } from './server.ts';
import { noSettings, parseSettings, recordsOf } from './settings.ts';
import { makeUpstream, resolversOf } from './upstream.ts';

export interface DnsOptions {
  domain: string;
  address: string;
  port: number;
  orAnyPort?: boolean;
  /** The host's resolv.conf; read again when it changes. */
  resolvConf: string;
  /** Needs the index `clusterIp` of serviceIndexes. */
  services: Mirror<Service>;
  /** Needs the indexes `service` and `address`. */
  slices: Mirror<EndpointSlice>;
  namespaces: Mirror<Namespace>;
  nodes: Mirror<Node>;
  /** Has the one of `parseSettings`, or nothing. */
  settings: Mirror<ConfigMap>;
  /** Whether packets from this address are a pod's or the node's own. */
  mayAsk(address: string): boolean;
  counts?: DnsCounts;
  clock: Clock;
  disk: Disk;
  random: Random;
  log: Log;
}

export const serviceIndexes = {
  clusterIp: (service: Service): string[] => service.spec.clusterIPs ?? [],
};
export const addressIndex = {
  address: (slice: EndpointSlice): string[] =>
    (slice.endpoints ?? []).flatMap((e) => e.addresses ?? []),
};

/** Answers the cluster's DNS until stopped. The address must already be this machine's. */
export async function startDns(options: DnsOptions): Promise<DnsServer> {
  const upstream = makeUpstream({
    clock: options.clock,
    random: options.random,
    log: options.log,
    ownZone: nameOf(options.domain),
  });
  const leftOut = saidOnce(options.log, 'left out of the settings of the cluster DNS');
  let settings = noSettings;
  let ofHost: string[] = [];
  const readHost = async (): Promise<void> => {
    ofHost = (await resolversOfHost(options)) ?? ofHost;
    upstream.setResolvers(settings.upstreams ?? ofHost);
  };
  const readSettings = (): void => {
    const [map] = options.settings.list();
    const before = settings;
    settings = parseSettings(map?.data, { ownAddress: options.address, leftOut });
    // A change of hosts leaves what is remembered.
    if (String(before.upstreams) !== String(settings.upstreams))
      upstream.setResolvers(settings.upstreams ?? ofHost);
    if (JSON.stringify(before.stubs) !== JSON.stringify(settings.stubs))
      upstream.setStubs(
        settings.stubs.map(({ domain, resolvers }) => ({ domain: nameOf(domain), resolvers })),
      );
  };
  await readHost();
  const kept = new KeptAnswers();
  const unfollow = [
    ...forgetOnChange(options, kept),
    options.settings.onChange(() => {
      readSettings();
      kept.forget();
    }),
  ];
  readSettings();
  const folder = options.resolvConf.slice(0, options.resolvConf.lastIndexOf('/')) || '/';
  const unwatch = options.disk.watch('dns.watch', folder, (name) => {
    if (options.resolvConf.endsWith(`/${name}`)) void readHost();
  });
  const zone = zoneOf(options, (name, type) => recordsOf(settings, name, type));
  const server = await startDnsServer({ ...options, zone, upstream, kept });
  return {
    port: server.port,
    stop() {
      unwatch();
      for (const stop of unfollow) stop();
      server.stop();
    },
  };
}

/** Nodes tell of themselves every few minutes; only their addresses are answers. */
const addressesOf = (node: Node | undefined): string => JSON.stringify(node?.status.addresses);

function forgetOnChange(options: DnsOptions, kept: KeptAnswers): (() => void)[] {
  const forget = (): void => kept.forget();
  return [
    options.services.onChange(forget),
    options.slices.onChange(forget),
    options.namespaces.onChange(({ type }) => {
      if (type !== 'MODIFIED') forget();
    }),
    options.nodes.onChange(({ object, old }) => {
      if (addressesOf(object) !== addressesOf(old)) forget();
    }),
  ];
}

/** Undefined when they cannot be read. */
async function resolversOfHost(options: DnsOptions): Promise<string[] | undefined> {
  try {
    const text =
      (await options.disk.readIfThere('dns.resolv', options.resolvConf))?.toString() ?? '';
    return resolversOf(text, options.address);
  } catch (error) {
    options.log.warn('cannot read the resolvers of this host', {
      file: options.resolvConf,
      error: messageOf(error),
    });
    return undefined;
  }
}

function zoneOf(options: DnsOptions, told: Zone['told']): Zone {
  const { services, slices, namespaces, nodes } = options;
  return {
    domain: options.domain,
    address: options.address,
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    slices: (namespace, service) => slices.byIndex('service', `${namespace}/${service}`),
    hasNamespace: (name) => namespaces.get(name) !== undefined,
    serviceAt: (ip) => [...services.byIndex('clusterIp', ip)][0],
    slicesAt: (ip) => slices.byIndex('address', ip),
    node: (name) => nodes.get(name),
    told,
  };
}
