import { isAddress } from '../base/addresses.ts';
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts';
import type { Node } from '../api/generated/types/core-v1.ts';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import { messageOf } from '../base/errors.ts';
import { DerError } from '../base/x509/der.ts';
import type { Client } from '../client/client.ts';
import { refs } from '../client/refs.ts';
import type { Identity } from '../pki/certificate.ts';
import { signForNode, type NodePurpose } from '../pki/node-certificates.ts';
import type { Doors } from './doors.ts';
import {
  certificatePaths,
  handshakePaths,
  nodeHeaders,
  type ClusterSettings,
  type HandshakeRefusal,
} from './handshake-paths.ts';
import { joinerOf, type Joiner } from './node-credentials.ts';
import { nodePasswords } from './node-passwords.ts';
import { json, text } from './plain-answers.ts';
import { serversIn } from './servers-in.ts';

export interface NodeHandshake {
  doors: Pick<Doors, 'clock' | 'log' | 'random'>;
  /** Speaks with all rights. Called when somebody asks: the API server is there by then. */
  client(): Client;
  passwords: { server: string; agent: string };
  settings: ClusterSettings;
  /** As they are now: certificates are renewed. */
  authorities(): { serverCa: Identity; clientCa: Identity };
  /** Names and addresses that are this server's, which no node may have. */
  ownNames(): string[];
}

const purposes = new Map(
  Object.entries(certificatePaths).map(([purpose, path]) => [path as string, purpose]),
) as ReadonlyMap<string, NodePurpose>;
const mostAddresses = 16;

/** What nodes of their own ask: settings, servers, certificates. Undefined: another path. */
export function nodeHandshake(
  options: NodeHandshake,
): (request: PlainRequest) => Promise<PlainAnswer> | undefined {
  return (request) => {
    const { method, path } = request;
    const purpose = purposes.get(path);
    if (purpose && method === 'POST') return certificate(options, request, purpose);
    if (method !== 'GET') return undefined;
    switch (path) {
      case handshakePaths.config:
        return known(options, request, () => Promise.resolve(json(200, options.settings)));
      case handshakePaths.servers:
        return known(options, request, async () => json(200, await serversOf(options.client())));
      case handshakePaths.ready:
        return known(options, request, () => Promise.resolve(text(200, 'ok')));
      case handshakePaths.clientCa:
        return Promise.resolve(text(200, options.authorities().clientCa.cert));
      case handshakePaths.serverCa:
        return Promise.resolve(text(200, options.authorities().serverCa.cert));
      default:
        return undefined;
    }
  };
}

async function known(
  options: NodeHandshake,
  request: PlainRequest,
  answer: (joiner: Joiner) => Promise<PlainAnswer>,
): Promise<PlainAnswer> {
  const joiner = await joinerOf(request, options.passwords);
  return joiner
    ? await answer(joiner)
    : refusal(401, 'this server does not know the token', 'take it from server/node-token there');
}

function certificate(
  options: NodeHandshake,
  request: PlainRequest,
  purpose: NodePurpose,
): Promise<PlainAnswer> {
  return known(options, request, async (joiner) => {
    const { doors } = options;
    const nodeName = request.header(nodeHeaders.name) ?? '';
    const wrong = await wrongWith(options, request, joiner);
    if (wrong) {
      doors.log.warn('a node was refused', { node: nodeName.slice(0, 80), because: wrong.message });
      return json(wrong.status, { message: wrong.message, hint: wrong.hint });
    }
    const { clock, random } = doors;
    try {
      const cert = signForNode({
        request: (await request.body()).toString(),
        purpose,
        nodeName,
        addresses: addressesOf(request),
        authorities: options.authorities(),
        nowMs: clock.now(),
        earliestMs: clock.earliestMs(),
        random,
      });
      return text(200, cert);
    } catch (error) {
      if (error instanceof DerError)
        return refusal(
          400,
          `the certificate signing request cannot be read: ${messageOf(error)}`,
          '',
        );
      throw error;
    }
  });
}

const addressesOf = (request: PlainRequest): string[] =>
  (request.header(nodeHeaders.addresses) ?? '').split(',').filter(Boolean);

type Wrong = HandshakeRefusal & { status: number };

async function wrongWith(
  options: NodeHandshake,
  request: PlainRequest,
  joiner: Joiner,
): Promise<Wrong | undefined> {
  const name = request.header(nodeHeaders.name) ?? '';
  const password = request.header(nodeHeaders.password) ?? '';
  const addresses = addressesOf(request);
  const refuse = (status: number, message: string, hint: string): Wrong => ({
    status,
    message,
    hint,
  });
  if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name))
    return refuse(400, 'the node has no name that a Node may have', 'give it --node-name');
  if (addresses.length > mostAddresses || addresses.some((one) => !isAddress(one)))
    return refuse(400, 'the addresses of the node are not valid', 'see --node-ip');
  if (joiner.by === 'node' && joiner.nodeName !== name)
    return refuse(403, `this certificate is for node ${joiner.nodeName} alone`, '');
  // What a node that shows its own certificate has already is no theft.
  const taken = await takenNames(options, joiner.by === 'node' ? name : undefined);
  const stolen = [name, ...addresses].find((one) => taken.has(one));
  if (stolen !== undefined)
    return refuse(
      403,
      `${stolen} is a name or address of a server`,
      'give the node one of its own: --node-name, --node-ip',
    );
  if (joiner.by === 'node') return undefined;
  if (!/^[\x21-\x7e]{16,256}$/.test(password))
    return refuse(400, 'the node shows no password of its own', '');
  const passwords = nodePasswords({ client: options.client(), random: options.doors.random });
  return (await passwords.accepts(name, password))
    ? undefined
    : refuse(
        403,
        `there is another machine with the name ${name}`,
        `give this one another --node-name; or, when it is that machine, reinstalled, ` +
          `delete the Node first: kubectl delete node ${name}`,
      );
}

/**
 * What names a server. A node with a serving certificate for such a name could pose as the API
 * server.
 */
async function takenNames(
  { client, ownNames }: NodeHandshake,
  shown: string | undefined,
): Promise<Set<string>> {
  const [servers, nodes] = await Promise.all([
    serversOf(client()),
    client().list<Node>(refs.nodes, { labelSelector: 'node-role.kubernetes.io/control-plane' }),
  ]);
  const loopback = (one: string): boolean => one === 'localhost' || /^(127\.|::1$)/.test(one);
  return new Set([
    ...ownNames().filter((one) => !loopback(one)),
    ...servers.map((server) => server.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')),
    ...nodes.items
      .filter((node) => node.metadata.name !== shown)
      .flatMap((node) => [
        node.metadata.name ?? '',
        ...(node.status?.addresses ?? []).map(({ address }) => address),
      ]),
  ]);
}

/** `address:port` of each API server, as the `kubernetes` Service has them. */
async function serversOf(client: Client): Promise<string[]> {
  const { items } = await client.list<EndpointSlice>(refs.endpointSlices, {
    namespace: 'default',
    labelSelector: 'kubernetes.io/service-name=kubernetes',
  });
  return items.flatMap(serversIn);
}

const refusal = (status: number, message: string, hint: string): PlainAnswer =>
  json(status, { message, hint });
