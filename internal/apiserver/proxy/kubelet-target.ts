import { isAddress } from '../../base/addresses.ts';
import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { ApiError, notFound } from '../../api/status.ts';
import type { DialTarget } from '../../io/dial.ts';
import { lookup } from '../admission/lookup.ts';
import type { Server } from '../server.ts';

const preferred = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'];
const kubeletPort = 10250;

/**
 * Where and how a node's kubelet is reached: with the server's own client certificate, which may do
 * everything. Nodes write their own addresses and ports, so whoever answers must prove to be that
 * node: one that names this server's port would else be handed its rights.
 */
export async function kubeletTarget(server: Server, nodeName: string): Promise<DialTarget> {
  const client = server.options.kubeletClient;
  const tls = {
    ca: client?.ca,
    cert: client?.cert,
    key: client?.key,
    insecure: !client?.ca,
    ...(isAddress(nodeName) ? {} : { servername: nodeName }),
  };
  const tunnel = server.options.tunnelOf?.(nodeName);
  const node = await lookup<Node>(server.core, registryKey(refs.nodes, '', nodeName));
  if (!node) throw notFound({ group: '', resource: 'nodes' }, nodeName);
  const addresses = node.status?.addresses ?? [];
  const host = preferred
    .map((type) => addresses.find((one) => one.type === type)?.address)
    .find(Boolean);
  if (!host)
    throw new ApiError(
      '',
      'no preferred addresses found; known addresses: ' +
        `[${addresses.map((one) => `{${one.type} ${one.address}}`).join(' ')}]`,
    );
  const port =
    (node.status?.daemonEndpoints?.kubeletEndpoint as { Port?: number } | undefined)?.Port ||
    kubeletPort;
  return { host, port, tls, ...(tunnel && { open: () => tunnel(`127.0.0.1:${port}`) }) };
}
