import { load } from 'js-yaml';
import type { ConfigMap, Service } from '../../api/generated/types/core-v1.ts';
import { dictOf, listOf, textOf } from '../../api/loose.ts';
import { ApiError } from '../../api/status.ts';
import { parseCidrs, parseIp } from '../../base/addresses.ts';
import { own } from '../../base/own.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import { certificateFault } from '../../pki/pair-files.ts';
import type { ClusterFacts } from './kept.ts';

const namespace = 'kube-system';

/**
 * What a cluster tells of its network to one of these clients: kubeadm's ConfigMaps, which those
 * who join may read, and the Service of its DNS, which nodes may.
 */
export async function clusterFacts(clients: readonly Client[]): Promise<ClusterFacts> {
  const kubelet = await yamlOf(clients, 'kubelet-config', 'kubelet');
  const kubeadm = await yamlOf(clients, 'kubeadm-config', 'ClusterConfiguration');
  const networking = dictOf(kubeadm['networking']);
  const service = await firstOf(clients, (client) =>
    client.get<Service>(refs.services, { namespace, name: 'kube-dns' }),
  );
  const [told] = listOf(kubelet['clusterDNS']);
  const good = (text: string, fine: (text: string) => unknown): string | undefined =>
    text !== '' && fine(text) !== undefined ? text : undefined;
  const domain = textOf(kubelet['clusterDomain']) || textOf(networking['dnsDomain']);
  const facts = {
    clusterDns: good(textOf(told), parseIp) ?? good(service?.spec.clusterIP ?? '', parseIp),
    clusterDomain: good(
      domain,
      (text) => /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.exec(text) ?? undefined,
    ),
    clusterCidr: good(textOf(networking['podSubnet']), parseCidrs),
    serviceCidr: good(textOf(networking['serviceSubnet']), parseCidrs),
  };
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => value !== undefined),
  ) as ClusterFacts;
}

/** What vouches for those who ask nodes, where one of the clients may read it. */
export async function clientAuthority(clients: readonly Client[]): Promise<string | undefined> {
  const name = 'extension-apiserver-authentication';
  const found = await firstOf(clients, (client) =>
    client.get<ConfigMap>(refs.configMaps, { namespace, name }),
  );
  const ca = found?.data?.['client-ca-file'] ?? '';
  return ca !== '' && certificateFault(ca) === undefined ? ca : undefined;
}

async function yamlOf(
  clients: readonly Client[],
  name: string,
  key: string,
): Promise<Record<string, unknown>> {
  const found = await firstOf(clients, (client) =>
    client.get<ConfigMap>(refs.configMaps, { namespace, name }),
  );
  try {
    return dictOf(load(own(found?.data, key) ?? ''));
  } catch {
    return {}; // somebody's ConfigMap of the same name
  }
}

/** The answer to the first client that is authorized. */
async function firstOf<T>(
  clients: readonly Client[],
  asked: (client: Client) => Promise<T>,
): Promise<T | undefined> {
  for (const client of clients)
    try {
      return await asked(client);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  return undefined;
}
