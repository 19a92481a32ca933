import { partOf } from '../../base/testing/part-of.ts';
import { afterEach, describe, expect, it } from 'vitest';
import * as packet from 'dns-packet';
import { silentLog } from '../../io/log.ts';
import { bindUdp, dialTcp } from '../../io/sockets.ts';
import type { Service } from '../../api/generated/types/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts';
import { lookup, type Zone } from './records.ts';
import { realClock } from '../../io/clock.ts';
import { KeptAnswers } from './kept-answers.ts';
import { startDnsServer, type DnsServer } from './server.ts';
import { parseReply } from '../../wire/dns/message.ts';
import { host } from './testing/messages.ts';
import { resolversOf, type Upstream } from './upstream.ts';

const service = (name: string, spec: Partial<Service['spec']>): Service =>
  ({ metadata: { name, namespace: 'default' }, spec, status: {} }) as Service;
const services = [
  service('web', {
    clusterIP: '10.43.0.5',
    clusterIPs: ['10.43.0.5'],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  }),
  service('db', {
    clusterIP: 'None',
    clusterIPs: ['None'],
    ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  }),
  service('out', { type: 'ExternalName', externalName: 'example.org' }),
];
const slice = partOf<EndpointSlice>({
  metadata: { name: 'db-x', namespace: 'default', labels: { 'kubernetes.io/service-name': 'db' } },
  addressType: 'IPv4',
  endpoints: [
    { addresses: ['10.42.0.7'], hostname: 'db-0', conditions: { ready: true } },
    { addresses: ['10.42.0.8'], conditions: { ready: true } },
    { addresses: ['10.42.0.9'], conditions: { ready: false } },
  ],
  ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
});
const zone: Zone = {
  domain: 'cluster.local',
  address: '10.43.0.10',
  service: (ns, name) =>
    ns === 'default' ? services.find((s) => s.metadata.name === name) : undefined,
  slices: (_ns, name) => (name === 'db' ? [slice] : []),
  hasNamespace: (name) => name === 'default' || name === 'kube-system',
  serviceAt: (ip) => services.find((s) => s.spec.clusterIP === ip),
  slicesAt: (ip) => (slice.endpoints?.some((e) => e.addresses?.includes(ip)) ? [slice] : []),
  node: () => undefined,
  told: () => undefined,
};
const data = (name: string, type = 'A'): unknown => {
  const r = lookup(zone, name, type);
  return r.kind === 'found' ? r.records.map((x) => x.data) : r.kind;
};

describe('lookup', () => {
  it('answers services, their ports and their addresses', () => {
    expect(data('web.default.svc.cluster.local')).toEqual(['10.43.0.5']);
    expect(data('web.default.svc.cluster.local', 'AAAA')).toEqual([]);
    expect(data('_http._tcp.web.default.svc.cluster.local', 'SRV')).toEqual([
      { port: 80, target: 'web.default.svc.cluster.local', priority: 0, weight: 100 },
    ]);
    expect(data('5.0.43.10.in-addr.arpa', 'PTR')).toEqual(['web.default.svc.cluster.local']);
    expect(data('out.default.svc.cluster.local')).toEqual(['example.org']);
  });

  it('answers the ready endpoints of headless services by host name', () => {
    expect(data('db.default.svc.cluster.local')).toEqual(['10.42.0.7', '10.42.0.8']);
    expect(data('db-0.db.default.svc.cluster.local')).toEqual(['10.42.0.7']);
    expect(data('10-42-0-8.db.default.svc.cluster.local')).toEqual(['10.42.0.8']);
    expect(data('_sql._tcp.db.default.svc.cluster.local', 'SRV')).toHaveLength(2);
    expect(data('7.0.42.10.in-addr.arpa', 'PTR')).toEqual(['db-0.db.default.svc.cluster.local']);
  });

  it('tells what is missing from what is not ours', () => {
    expect(data('nope.default.svc.cluster.local')).toBe('missing');
    expect(data('web.nowhere.svc.cluster.local')).toBe('missing');
    expect(data('kube-system.svc.cluster.local')).toEqual([]);
    expect(data('10-42-0-7.default.pod.cluster.local')).toEqual(['10.42.0.7']);
    expect(data('example.org')).toBe('elsewhere');
    expect(data('300.0.42.10.in-addr.arpa', 'PTR')).toBe('elsewhere');
    expect(data('9.9.9.9.in-addr.arpa', 'PTR')).toBe('elsewhere');
  });
});

describe('names above names (RFC 8020)', () => {
  it.each([
    'svc',
    'pod',
    'dns',
    'default.svc',
    'kube-system.pod',
    '_tcp.web.default.svc',
    '_tcp.db.default.svc',
  ])('%s is there without a record', (name) => {
    expect(data(`${name}.cluster.local`)).toEqual([]);
  });
  it.each([
    'x',
    'nowhere.svc',
    'nowhere.pod',
    '_udp.web.default.svc',
    '_x._tcp.web.default.svc',
    'a.web.default.svc',
    '1-2-3-4.web.default.svc',
    '300-0-0-1.default.pod',
    'a.dns',
  ])('%s is missing', (name) => {
    expect(data(`${name}.cluster.local`)).toBe('missing');
  });
  it('the domain has its SOA and its server', () => {
    expect(data('cluster.local', 'SOA')).toHaveLength(1);
    expect(data('cluster.local', 'NS')).toEqual(['ns.dns.cluster.local']);
    expect(data('ns.dns.cluster.local')).toEqual(['10.43.0.10']);
    expect(data('cluster.local', 'A')).toEqual([]);
  });
});

describe('reverse names', () => {
  it('lead back to their address, for services with a cluster address as well', () => {
    const web = {
      ...slice,
      metadata: {
        ...slice.metadata,
        name: 'web-x',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
    };
    const both: Zone = {
      ...zone,
      slices: (_ns, name) => (name === 'db' ? [slice] : name === 'web' ? [web] : []),
      slicesAt: () => [slice, web],
    };
    const ask = (name: string, type: string): unknown[] => {
      const found = lookup(both, name, type);
      return found.kind === 'found' ? found.records.map((r) => r.data) : [];
    };
    for (const n of [7, 8]) {
      const names = ask(`${n}.0.42.10.in-addr.arpa`, 'PTR');
      expect(names).toHaveLength(2);
      for (const name of names) expect(ask(String(name), 'A')).toEqual([`10.42.0.${n}`]);
    }
    expect(ask('9.0.42.10.in-addr.arpa', 'PTR')).toEqual([]); // not ready: shown under no name
  });
});

describe('the server', () => {
  let server: DnsServer;
  let kept: KeptAnswers;
  afterEach(() => server.stop());
  const upstream: Upstream = {
    canAsk: () => true,
    setResolvers: () => undefined,
    setStubs: () => undefined,
    ask: ({ question }) => {
      const reply = {
        type: 'response' as const,
        id: 1,
        questions: [{ type: 'A' as const, name: 'example.org' }],
        answers: [{ type: 'A' as const, name: 'example.org', ttl: 60, data: '192.0.2.7' }],
      };
      return Promise.resolve(question.type === 1 ? parseReply(packet.encode(reply)) : undefined);
    },
  };
  const start = async (): Promise<void> => {
    kept = new KeptAnswers();
    server = await startDnsServer({
      address: host,
      port: 0,
      zone,
      upstream,
      mayAsk: () => true,
      kept,
      clock: realClock,
      log: silentLog,
    });
  };
  const ask = (name: string, type: packet.RecordType): Promise<packet.DecodedPacket> =>
    new Promise((resolve, reject) => {
      bindUdp('test', { address: host, port: 0 }, (reply) => {
        resolve(packet.decode(reply));
      }).then(
        (socket) =>
          socket.send(
            packet.encode({
              type: 'query',
              id: 7,
              flags: packet.RECURSION_DESIRED,
              questions: [{ type, name } as packet.Question],
            }),
            server.port,
            host,
          ),
        reject,
      );
    });

  it('keeps the letters of the question and says NXDOMAIN with the SOA', async () => {
    await start();
    const good = await ask('WEB.default.svc.cluster.local', 'A');
    expect(good.answers?.[0]).toMatchObject({
      name: 'WEB.default.svc.cluster.local',
      data: '10.43.0.5',
      ttl: 5,
    });
    const bad = await ask('nope.default.svc.cluster.local', 'A');
    expect(bad).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(bad.authorities?.[0]?.type).toBe('SOA');
  });

  it('follows an external name to the resolvers of the host', async () => {
    await start();
    const reply = await ask('out.default.svc.cluster.local', 'A');
    expect(reply.answers?.map((a) => a.type)).toEqual(['CNAME', 'A']);
  });

  it('remembers an answer until an object has changed', async () => {
    await start();
    const gone = services.splice(0, 1);
    const before = await ask('web.default.svc.cluster.local', 'A');
    expect(before).toMatchObject({ rcode: 'NXDOMAIN' });
    services.unshift(...gone);
    expect(await ask('web.default.svc.cluster.local', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
    kept.forget();
    const after = await ask('web.default.svc.cluster.local', 'A');
    expect(after.answers?.[0]).toMatchObject({ data: '10.43.0.5' });
  });

  it('begins with another address each time', async () => {
    await start();
    const firsts = new Set<unknown>();
    for (let i = 0; i < 4; i++) {
      const { answers = [] } = await ask('db.default.svc.cluster.local', 'A');
      expect(answers).toHaveLength(2);
      firsts.add((answers[0] as { data: unknown }).data);
    }
    expect([...firsts].sort()).toEqual(['10.42.0.7', '10.42.0.8']);
  });

  it('answers over TCP', async () => {
    await start();
    const socket = await dialTcp('test', { address: host, port: server.port, timeoutMs: 2000 });
    const query = packet.encode({
      type: 'query',
      id: 9,
      questions: [{ type: 'A', name: 'web.default.svc.cluster.local' }],
    });
    const head = Buffer.alloc(2);
    head.writeUInt16BE(query.length);
    socket.write(Buffer.concat([head, query]));
    const [reply] = (await new Promise((resolve) => socket.once('data', (d) => resolve([d])))) as [
      Buffer,
    ];
    expect(packet.decode(reply.subarray(2)).answers?.[0]).toMatchObject({ data: '10.43.0.5' });
    socket.destroy();
  });
});

describe('resolvers', () => {
  it('come from resolv.conf without our own address', () => {
    expect(
      resolversOf(
        'search x\nnameserver 127.0.0.53\n# nameserver 8.8.8.8\nnameserver 10.43.0.10\n',
        '10.43.0.10',
      ),
    ).toEqual(['127.0.0.53']);
  });
});
