import { isAddress, joinHostPort } from '../../base/addresses.ts';
import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { ApiError, notFound } from '../../api/status.ts';
import type { Duplex } from 'node:stream';
import { openedPool, type DialPool, type DialTarget } from '../../io/dial.ts';
import { lookup } from '../admission/lookup.ts';
import type { Server } from '../server.ts';

const preferred = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'];
const kubeletPort = 10250;

/**
 * Where and how a node's kubelet is reached: with the server's own client certificate, which may do
 * everything. Nodes write their own addresses and ports, so the other end must prove to be that
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
  if (!tunnel) return { host, port, tls };
  const open = (): Promise<Duplex> => tunnel(joinHostPort(atNode, port));
  return { host, port, tls, open, pool: poolOf(tunnel) };
}

/** The kubelet, as its own node sees it. */
const atNode = '127.0.0.1';

type Tunnel = (authority: string) => Promise<Duplex>;

/** Connections through a tunnel end with it. */
const pools = new WeakMap<Tunnel, DialPool>();

function poolOf(tunnel: Tunnel): DialPool {
  let pool = pools.get(tunnel);
  if (!pool) {
    pool = openedPool((authority) =>
      tunnel(joinHostPort(atNode, Number(authority.slice(authority.lastIndexOf(':') + 1)))),
    );
    pools.set(tunnel, pool);
  }
  return pool;
}
