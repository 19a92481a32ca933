import { createPublicKey, X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Secret } from '../api/generated/types/core-v1.ts';
import { ApiError } from '../api/status.ts';
import type { PlainAnswer, PlainRequest } from '../apiserver/options.ts';
import type { UserInfo } from '../apiserver/authn/user.ts';
import { FakeClient } from '../client/fake-client.ts';
import { refs } from '../client/refs.ts';
import { FakeClock } from '../io/clock-fake.ts';
import { makeLog } from '../io/log.ts';
import { realRandom } from '../io/random.ts';
import { issueCa, newKeyPem } from '../pki/certificate.ts';
import { signingRequest } from '../pki/signing-request.ts';
import { certificatePaths, handshakePaths, nodeHeaders } from './handshake-paths.ts';
import { nodeHandshake } from './node-handshake.ts';

const log = makeLog({ level: 'error' });
const clock = new FakeClock(Date.parse('2027-01-01T00:00:00Z'));
const ca = (cn: string) => issueCa({ nowMs: clock.now(), random: realRandom, cn });
const authorities = { serverCa: ca('server'), clientCa: ca('client') };
const settings = {
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
  clusterDns: '10.43.0.10',
  clusterDomain: 'cluster.local',
  flannelBackend: 'vxlan' as const,
  disable: [],
  disableKubeProxy: false,
  disableNetworkPolicy: false,
  version: 'v1',
};
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
const asAgent = { authorization: basic('node:agents') };
const key = newKeyPem();
const passwords = ['0123456789abcdef0123456789abcdef', 'fedcba9876543210fedcba9876543210'] as const;

let client: FakeClient;
let answers: ReturnType<typeof nodeHandshake>;
beforeEach(() => {
  client = new FakeClient(clock);
  answers = nodeHandshake({
    doors: { clock, log, random: realRandom },
    client: () => client,
    passwords: { server: 'servers', agent: 'agents' },
    settings,
    authorities: () => authorities,
    ownNames: () => ['kubernetes', 'localhost', '127.0.0.1', 'first', '10.0.0.1', '10.43.0.1'],
  });
});

interface Asked {
  authorization?: string;
  user?: UserInfo;
  name?: string;
  password?: string;
  addresses?: string;
  body?: string;
}

function ask(method: string, path: string, asked: Asked = {}): Promise<PlainAnswer> | undefined {
  const { name = 'boat', password = passwords[0], addresses = '10.0.0.7' } = asked;
  const headers: Record<string, string> = {
    [nodeHeaders.name]: name,
    [nodeHeaders.password]: password,
    [nodeHeaders.addresses]: addresses,
  };
  const { user } = asked;
  const request: PlainRequest = {
    method,
    path,
    authorization: asked.authorization,
    header: (header) => headers[header],
    body: () => Promise.resolve(Buffer.from(asked.body ?? signingRequest({ key, cn: 'any' }))),
    user: () =>
      user ? Promise.resolve(user) : Promise.reject(new ApiError('Unauthorized', 'Unauthorized')),
  };
  return answers(request);
}

const sign = async (
  asked: Asked,
  path: string = certificatePaths.kubelet,
): Promise<{ status: number; text: string }> => {
  const answer = await ask('POST', path, asked);
  return { status: answer?.status ?? 0, text: String(answer?.body ?? '') };
};
const nodeUser = (name: string): UserInfo => ({
  name: `system:node:${name}`,
  groups: ['system:nodes', 'system:authenticated'],
});

describe('who is answered', () => {
  test.each([
    ['nobody', {}, 401],
    ['a wrong password', { authorization: basic('node:wrong') }, 401],
    ['no password', { authorization: basic('node:') }, 401],
    ["the agents' password as a server's", { authorization: basic('server:agents') }, 401],
    ["the agents' token", asAgent, 200],
    ["the servers' token", { authorization: basic('server:servers') }, 200],
    ["the servers' password alone", { authorization: basic('node:servers') }, 200],
    ['another user', { authorization: basic('root:agents') }, 401],
    [
      'a bootstrap token for nodes',
      {
        user: {
          name: 'system:bootstrap:abcdef',
          groups: ['system:bootstrappers', 'system:bootstrappers:skiff:default-node-token'],
        },
      },
      200,
    ],
    [
      'a bootstrap token for something else',
      { user: { name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] } },
      401,
    ],
    ['a node by its certificate', { user: nodeUser('boat') }, 200],
    ['one that only bears the name', { user: { name: 'system:node:boat', groups: [] } }, 401],
    ['an administrator', { user: { name: 'admin', groups: ['system:masters'] } }, 401],
  ] as [string, Asked, number][])('%s', async (_who, asked, status) => {
    for (const path of [handshakePaths.config, handshakePaths.servers, handshakePaths.ready])
      expect((await ask('GET', path, asked))?.status).toBe(status);
    expect((await sign(asked)).status).toBe(status);
  });

  test('other paths and methods are not its own', () => {
    expect(ask('GET', '/api', asAgent)).toBeUndefined();
    expect(ask('POST', handshakePaths.config, asAgent)).toBeUndefined();
    expect(ask('GET', certificatePaths.kubelet, asAgent)).toBeUndefined();
  });
});

describe('a certificate', () => {
  test('is for the key of the request, and names the node whatever that says', async () => {
    const body = signingRequest({ key, cn: 'system:masters' });
    const { text } = await sign({ ...asAgent, body });
    const cert = new X509Certificate(text);
    expect(cert.subject).toBe('O=system:nodes\nCN=system:node:boat');
    const spki = { type: 'spki', format: 'der' } as const;
    expect(cert.publicKey.export(spki).equals(createPublicKey(key).export(spki))).toBe(true);
    expect(cert.verify(new X509Certificate(authorities.clientCa.cert).publicKey)).toBe(true);
    const network = new X509Certificate((await sign(asAgent, certificatePaths.network)).text);
    expect(network.subject).toBe('O=system:skiff:network\nCN=system:skiff:network:boat');
  });

  test('for serving names the node and its addresses, never localhost', async () => {
    const { text } = await sign(asAgent, certificatePaths['kubelet-serving']);
    const cert = new X509Certificate(text);
    expect(cert.subjectAltName).toBe('DNS:boat, IP Address:10.0.0.7');
    expect(cert.verify(new X509Certificate(authorities.serverCa.cert).publicKey)).toBe(true);
  });

  test.each([
    ['no request', { body: 'hello' }, 400],
    ['a name that no Node may have', { name: 'a/b' }, 400],
    ['no name', { name: '' }, 400],
    ['an address that is none', { addresses: 'evil.example' }, 400],
    [
      'many addresses',
      { addresses: Array.from({ length: 17 }, (_, i) => `10.1.0.${i}`).join() },
      400,
    ],
    ['no password of its own', { password: '' }, 400],
    ["a server's name", { name: 'first' }, 403],
    ["the API's name", { name: 'kubernetes' }, 403],
    ["a server's address", { addresses: '10.0.0.7,10.0.0.1' }, 403],
    ["the API's Service address", { addresses: '10.43.0.1' }, 403],
  ] as [string, Asked, number][])('is refused for %s', async (_what, asked, status) => {
    const { status: told, text } = await sign({ ...asAgent, ...asked });
    expect([told, JSON.parse(text)]).toEqual([
      status,
      { message: expect.any(String), hint: expect.any(String) },
    ]);
  });

  test("is refused for another server's name or address", async () => {
    await client.create(refs.nodes, {
      metadata: { name: 'second', labels: { 'node-role.kubernetes.io/control-plane': 'true' } },
      status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }] },
    });
    await client.create(refs.endpointSlices, {
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'kubernetes' },
      },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.0.0.3'] }],
      ports: [{ name: 'https', port: 6443 }],
    });
    for (const asked of [{ name: 'second' }, { addresses: '10.0.0.2' }, { addresses: '10.0.0.3' }])
      expect((await sign({ ...asAgent, ...asked })).status).toBe(403);
    expect((await ask('GET', handshakePaths.servers, asAgent))?.body).toBe('["10.0.0.3:6443"]');
  });

  test('of a node that shows its own is for that node alone', async () => {
    expect((await sign({ user: nodeUser('boat'), password: '' })).status).toBe(200);
    expect((await sign({ user: nodeUser('boat'), name: 'ship' })).status).toBe(403);
  });
});

describe('two machines of one name', () => {
  const node = { metadata: { name: 'boat' } };

  test('the second is refused while there is a Node; the first goes on', async () => {
    expect((await sign(asAgent)).status).toBe(200);
    await client.create(refs.nodes, node);
    const second = await sign({ ...asAgent, password: passwords[1] });
    expect(second.status).toBe(403);
    expect(second.text).toMatch(/another machine with the name boat.*kubectl delete node boat/);
    expect((await sign(asAgent)).status).toBe(200);
  });

  test('takes its place once the Node was deleted, and the first is refused then', async () => {
    await sign(asAgent);
    expect((await sign({ ...asAgent, password: passwords[1] })).status).toBe(200);
    await client.create(refs.nodes, node);
    expect((await sign(asAgent)).status).toBe(403);
  });

  test('that come at once are one: the other is refused', async () => {
    await client.create(refs.nodes, node);
    const both = await Promise.all(
      passwords.map(async (password) => (await sign({ ...asAgent, password })).status),
    );
    expect(both.toSorted()).toEqual([200, 403]);
  });

  test('the cluster keeps a hash, not the password', async () => {
    await sign(asAgent);
    const [secret] = client.all<Secret>(refs.secrets);
    expect(secret?.metadata).toMatchObject({
      name: 'boat.node-password.skiff',
      namespace: 'kube-system',
    });
    const hash = Buffer.from(secret?.data?.['hash'] ?? '', 'base64').toString();
    expect(hash).toMatch(/^\$1:[0-9a-f]{32}:14:8:1:[0-9a-f]{64}$/);
    expect(hash).not.toContain(passwords[0]);
  });

  test('a hash that somebody made costly or empty lets nobody in', async () => {
    await client.create(refs.nodes, node);
    for (const text of ['', '$1::14:8:1:', `$1:${'0'.repeat(32)}:30:8:1:${'0'.repeat(64)}`]) {
      const at = { name: 'boat.node-password.skiff', namespace: 'kube-system' };
      const data = { hash: Buffer.from(text).toString('base64') };
      await client.create(refs.secrets, { metadata: at, data }, { namespace: 'kube-system' });
      expect((await sign(asAgent)).status).toBe(403);
      await client.delete(refs.secrets, at);
    }
  });
});
