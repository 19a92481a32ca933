import { describe, expect, it } from 'vitest';
import { partOf } from '../../base/testing/part-of.ts';
import type { Service } from '../generated/types/core-v1.ts';
import type { Ingress, IngressClass } from '../generated/types/networking-v1.ts';
import { routesOf, type Routes } from './routes.ts';

const classes = [
  partOf<IngressClass>({ metadata: { name: 'skiff' }, spec: { controller: 'skiff/ingress' } }),
  partOf<IngressClass>({ metadata: { name: 'nginx' }, spec: { controller: 'k8s.io/nginx' } }),
];
const services: Record<string, object> = {
  web: {
    clusterIP: '10.43.0.5',
    ports: [
      { port: 80, name: 'http' },
      { port: 53, protocol: 'UDP' },
    ],
  },
  grpc: { clusterIP: '10.43.0.6', ports: [{ port: 90, appProtocol: 'kubernetes.io/h2c' }] },
  headless: { clusterIP: 'None', ports: [{ port: 80 }] },
  outside: { type: 'ExternalName', ports: [{ port: 80 }] },
  hostile: { clusterIP: '127.0.0.1', ports: [{ port: 80 }] },
};
const backend = (name: string, port: object = { number: 80 }) => ({ service: { name, port } });
const path = (text: string | undefined, name = 'web', pathType = 'Prefix', port?: object) => ({
  ...(text !== undefined && { path: text }),
  pathType,
  backend: backend(name, port),
});

let made = 0;
const ingress = (name: string, spec: object, annotations = {}): Ingress => {
  made += 1;
  const creationTimestamp = new Date(made * 1000).toISOString();
  return partOf<Ingress>({
    metadata: { name, namespace: 'shop', creationTimestamp, annotations },
    spec: { ingressClassName: 'skiff', ...spec },
  });
};
const rule = (host: string | undefined, ...paths: object[]) => ({
  ...(host !== undefined && { host }),
  http: { paths },
});

function read(...ingresses: Ingress[]): Routes & { lines: string[] } {
  const found = routesOf({
    ingresses,
    classes,
    service: (namespace, name) =>
      namespace === 'shop' && services[name]
        ? partOf<Service>({ metadata: { name, namespace }, spec: services[name] })
        : undefined,
  });
  const lines = found.routes.map(({ host, path: at, exact, target }) => {
    const where = !target
      ? ''
      : 'pool' in target
        ? `endpoints of ${target.pool.service}`
        : `${target.ip}:${target.port}`;
    const to = target ? `${where} ${target.protocol}` : 'nobody';
    return `${exact ? '=' : '^'}${host}${at} ${to}`;
  });
  return { ...found, lines };
}

describe('routes', () => {
  it('are those of classes of ours, by field or annotation', () => {
    const rules = [rule('a.test', path('/'))];
    expect(read(ingress('a', { rules })).lines).toEqual(['^a.test/ 10.43.0.5:80 h1']);
    expect(read(ingress('a', { rules, ingressClassName: 'nginx' })).lines).toEqual([]);
    expect(read(ingress('a', { rules, ingressClassName: undefined })).lines).toEqual([]);
    const old = { 'kubernetes.io/ingress.class': 'skiff' };
    expect(read(ingress('a', { rules, ingressClassName: undefined }, old)).lines).toHaveLength(1);
  });

  it('have paths, ports by name, protocols and a default', () => {
    const rules = [
      rule('A.test', path('/x', 'web', 'Exact', { name: 'http' }), path('/x', 'web')),
      rule('*.b.test', path(undefined, 'grpc', 'ImplementationSpecific', { number: 90 })),
    ];
    const spec = { rules, defaultBackend: backend('web') };
    expect(
      read(ingress('a', spec), ingress('b', { defaultBackend: backend('grpc') })).lines,
    ).toEqual([
      '=a.test/x 10.43.0.5:80 h1',
      '^a.test/x 10.43.0.5:80 h1',
      '^*.b.test/ 10.43.0.6:90 h2c',
      '^/ 10.43.0.5:80 h1',
    ]);
  });

  it('belong to the older of two Ingresses', () => {
    const older = ingress('older', { rules: [rule('a.test', path('/'))] });
    const newer = ingress('newer', { rules: [rule('a.test', path('/'), path('/own'))] });
    const { lines, complaints } = read(newer, older);
    expect(lines).toEqual(['^a.test/ 10.43.0.5:80 h1', '^a.test/own 10.43.0.5:80 h1']);
    expect([...complaints]).toEqual([['shop/newer', ['a.test/ belongs to Ingress shop/older']]]);
  });

  it('redirect where the Ingress asks for it, and name certificates', () => {
    const spec = {
      rules: [rule('a.test', path('/'))],
      tls: [{ hosts: ['A.test', 'bad host\n'], secretName: 'cert' }, { hosts: ['b.test'] }],
    };
    const { routes, certificates } = read(
      ingress('a', spec, { 'ingress.skiff/redirect-https': 'true' }),
    );
    expect(routes[0]?.policy.redirect).toBe(true);
    expect(certificates).toEqual([{ namespace: 'shop', secret: 'cert', hosts: ['a.test'] }]);
  });

  it('lead to the endpoints of a headless Service, and of a sticky Ingress', () => {
    const rules = [rule('a.test', path('/', 'headless'))];
    expect(read(ingress('a', { rules })).lines).toEqual(['^a.test/ endpoints of headless h1']);
    const sticky = { 'ingress.skiff/sticky': 'true' };
    const { lines } = read(ingress('b', { rules: [rule('b.test', path('/'))] }, sticky));
    expect(lines).toEqual(['^b.test/ endpoints of web h1']);
  });

  it.each<[string, object, string]>([
    ['a Service that is gone', path('/', 'gone'), 'Service gone is not there'],
    ['a port that is not there', path('/', 'web', 'Prefix', { number: 81 }), 'has no port 81'],
    ['a port of UDP', path('/', 'web', 'Prefix', { number: 53 }), 'is not of TCP'],
    ['a Service elsewhere', path('/', 'outside'), "is only another's name"],
    ['a Service on the loopback', path('/', 'hostile'), 'has no cluster address'],
    [
      'a resource',
      { path: '/', pathType: 'Prefix', backend: { resource: { kind: 'Bucket', name: 'x' } } },
      'a resource backend (Bucket) is not served',
    ],
  ])('lead nowhere for %s, and say so', (_what, one, why) => {
    const { lines, complaints } = read(ingress('a', { rules: [rule('a.test', one)] }));
    expect(lines).toEqual(['^a.test/ nobody']);
    expect(complaints.get('shop/a')?.join()).toContain(why);
  });

  it.each([
    ['/a b', 'a.test'],
    ['/a\nweb.test/ 1.2.3.4|80|h1|-', 'a.test'],
    ['/a\r', 'a.test'],
    ['/a;show info', ''],
    ['/a#b', 'a.test'],
    ['/a"b', 'a.test'],
    ['/a{b}', 'a.test'],
    ['/a|b', 'a.test'],
    ['/a\\b', 'a.test'],
    ['/a\0', 'a.test'],
    ['/ü', 'a.test'],
    ['/a%20b', 'a.test'],
    ['/a%0ab', 'a.test'],
    ['/a%', 'a.test'],
    ['/a/../b', 'a.test'],
    ['/a/%2e', 'a.test'],
    ['a', 'a.test'],
    [`/${'a'.repeat(2000)}`, 'a.test'],
    ['/', 'a.test/x'],
    ['/', 'a test'],
    ['/', 'a.test\nb'],
    ['/', '*'],
    ['/', '#a'],
  ])('never hold the path %j of the host %j where it could be read as more', (text, host) => {
    const { lines, complaints } = read(ingress('a', { rules: [rule(host, path(text))] }));
    expect(lines).toEqual([]);
    expect(complaints.get('shop/a')).toHaveLength(1);
  });
});
