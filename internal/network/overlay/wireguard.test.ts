import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseIpv4Cidr } from '../../base/addresses.ts';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { partOf } from '../../base/testing/part-of.ts';
import { realDisk } from '../../io/disk.ts';
import { peersOf, type Peers } from './peers.ts';
import { flannelAnnotations, publicKeyOf } from './annotations.ts';
import { ownKey, type WireguardKey } from './wireguard-key.ts';
import { peerChanges, requireWireguard } from './wireguard.ts';
import { FakeSpawn } from '../../io/spawn.fake.ts';

const here = { nodeName: 'a', clusterCidr: parseIpv4Cidr('10.42.0.0/16')!, keyed: true };
const keys = ['A', 'B', 'C'].map((letter) => `${letter.repeat(42)}A=` as WireguardKey);
const [keyA, keyB, keyC] = keys as [WireguardKey, WireguardKey, WireguardKey];

function node(
  name: string,
  n: number,
  data: string | WireguardKey | undefined,
  more: { external?: string; born?: string } = {},
): Node {
  const annotations = data?.endsWith('A=')
    ? flannelAnnotations({ backend: 'wireguard', key: data as WireguardKey }, '172.30.0.1')
    : { 'flannel.alpha.coreos.com/backend-data': data };
  return partOf<Node>({
    metadata: {
      name,
      creationTimestamp: more.born ?? '2026-01-01T00:00:00Z',
      ...(data !== undefined && { annotations }),
    } as Node['metadata'],
    spec: { podCIDR: `10.42.${n}.0/24` },
    status: {
      addresses: [
        { type: 'InternalIP', address: `172.30.0.${n + 1}` },
        ...(more.external ? [{ type: 'ExternalIP', address: more.external }] : []),
      ],
    },
  });
}

function ways(nodes: Node[], external = false): { peers: Peers; said: string[] } {
  const said: string[] = [];
  const peers = peersOf(nodes, { ...here, external }, (what) => said.push(what));
  return { peers, said };
}

describe('peers', () => {
  const own = node('a', 0, keyA);

  it('are reached by key, at internal or external addresses', () => {
    const list = [own, node('b', 1, keyB, { external: '198.51.100.7' }), node('c', 2, keyC)];
    const told = (external: boolean): string[] =>
      [...ways(list, external).peers.values()].map((p) => `${p.podCidr} ${p.ip} ${p.key}`);
    expect(told(false)).toEqual([
      `10.42.1.0/24 172.30.0.2 ${keyB}`,
      `10.42.2.0/24 172.30.0.3 ${keyC}`,
    ]);
    expect(told(true)[0]).toBe(`10.42.1.0/24 198.51.100.7 ${keyB}`);
  });

  it.each([
    ['no key', undefined],
    ['no JSON', 'PublicKey'],
    ['null', 'null'],
    ['another type', '{"PublicKey":7}'],
    ['a short key', '{"PublicKey":"AAAA"}'],
    ['an option', JSON.stringify({ PublicKey: `${keyB} remove` })],
    ['bits that no key has', JSON.stringify({ PublicKey: `${'A'.repeat(42)}B=` })],
    ["this node's key", keyA],
    ["an older node's key", keyB],
  ])('that show %s get no way, and take none from others', (_what, data) => {
    const evil = node('evil', 9, data, { born: '2030-01-01T00:00:00Z' });
    const { peers, said } = ways([evil, own, node('b', 1, keyB)]);
    expect([...peers.keys()]).toEqual(['10.42.1.0/24']);
    expect(said).toHaveLength(1);
  });
});

describe('commands', () => {
  const of = (...nodes: Node[]): Peers => ways([node('a', 0, keyA), ...nodes]).peers;
  const lines = (from: Peers, to: Peers): string[] =>
    peerChanges(from, to).map((command) => command.join(' '));
  const b = of(node('b', 1, keyB));
  const setB = (key: WireguardKey, ip = '172.30.0.2'): string =>
    `wg set flannel-wg peer ${key} allowed-ips 10.42.1.0/24 endpoint ${ip}:51820 ` +
    'persistent-keepalive 25';
  const route = 'ip route replace 10.42.1.0/24 dev flannel-wg';

  it('say only what differs', () => {
    expect(lines(new Map(), b)).toEqual([setB(keyB), route]);
    // What WireGuard has learned of a peer behind NAT is not overwritten.
    expect(lines(b, of(node('b', 1, keyB), node('c', 2, keyC))).join()).not.toContain(keyB);
    expect(lines(b, new Map())).toEqual([
      `wg set flannel-wg peer ${keyB} remove`,
      'ip route delete 10.42.1.0/24 dev flannel-wg',
    ]);
  });

  it('replace the key of a node that was reinstalled', () => {
    expect(lines(b, of(node('b', 1, keyC)))).toEqual([
      `wg set flannel-wg peer ${keyB} remove`,
      setB(keyC),
      route,
    ]);
  });
});

describe('what a machine lacks', () => {
  const lacking = (...missing: string[]): Promise<void> =>
    requireWireguard({
      disk: { ...realDisk, stat: () => Promise.resolve(undefined) },
      spawn: new FakeSpawn(([program = '']) => {
        if (missing.includes(program)) throw new Error('ENOENT');
        return {};
      }),
    });

  it('is named, with what helps', async () => {
    await expect(lacking('wg')).rejects.toMatchObject({ hint: 'install wireguard-tools' });
    await expect(lacking('wireguard-go', 'modprobe')).rejects.toMatchObject({
      hint: expect.stringMatching(/module wireguard, or install wireguard-go/) as string,
    });
    await lacking('modprobe');
  });
});

/** As `wg genkey` and `wg pubkey` have it. */
const genkey = 'SHWhersHZeTY1W65g9gXBnHSyzwIxWa+q7UST1tg0XU=';
const pubkey = 'F7TztXNsqAFHC+g+SkPSQA+57JusoB/54zP8oi8znlw=';

describe('the key of a node', () => {
  const dirs: string[] = [];
  afterEach(() => dirs.splice(0).forEach((dir) => rmSync(dir, { recursive: true })));

  it('is made once, for root alone, and made again when it is none', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'skiff-wg-'));
    dirs.push(dir);
    const path = join(dir, 'wireguard.key');
    const first = await ownKey(realDisk, path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await ownKey(realDisk, path)).toEqual(first);
    expect(readFileSync(path, 'utf8').trim()).not.toBe(first.publicKey);
    writeFileSync(path, 'torn');
    expect((await ownKey(realDisk, path)).publicKey).not.toBe(first.publicKey);
    // RFC 7748 6.1: Alice's.
    writeFileSync(path, genkey);
    expect((await ownKey(realDisk, path)).publicKey).toBe(pubkey);
  });

  it('is shown as Flannel shows it', () => {
    const annotations = flannelAnnotations({ backend: 'wireguard', key: keyB }, '192.0.2.7');
    expect(annotations).toMatchObject({
      'flannel.alpha.coreos.com/backend-type': 'wireguard',
      'flannel.alpha.coreos.com/public-ip': '192.0.2.7',
    });
    expect(publicKeyOf(partOf<Node>({ metadata: { annotations } as Node['metadata'] }))).toBe(keyB);
  });
});
