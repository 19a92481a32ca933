import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDevServer, type DevServer } from '../dev.ts';

let dev: DevServer;
let told: DevServer;
beforeAll(async () => {
  dev = await startDevServer({ more: { carriedOutElsewhere: [] } });
  told = await startDevServer({
    more: { carriedOutElsewhere: ['servicelb', 'traefik', 'controllers'] },
  });
});
afterAll(async () => {
  await dev.api.close();
  await told.api.close();
});

/** The warnings of an answer that must be good. */
function send(server: DevServer, method: string, path: string, body: object): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: 'Bearer oracle',
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    };
    const out = request(
      `${server.url}${path}`,
      { method, ca: server.ca.cert, agent: false, headers },
      (answer) => {
        const lines = answer.rawHeaders.filter(
          (_, i) => i % 2 === 1 && answer.rawHeaders[i - 1]?.toLowerCase() === 'warning',
        );
        let text = '';
        answer.on('data', (part: Buffer) => void (text += part.toString()));
        answer.on('end', () =>
          (answer.statusCode ?? 500) < 300
            ? resolve(lines.map((line) => JSON.parse(line.replace(/^299 - /, '')) as string))
            : reject(new Error(text)),
        );
      },
    );
    out.on('error', reject);
    out.end(JSON.stringify(body));
  });
}

const core = '/api/v1/namespaces/default';
const networking = '/apis/networking.k8s.io/v1/namespaces/default';
const service = (spec: object): object => ({
  metadata: { generateName: 's-' },
  spec: { ports: [{ port: 80 }], ...spec },
});
const ingress = (spec: object, annotations = {}): object => ({
  metadata: { generateName: 'i-', annotations },
  spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } }, ...spec },
});
const policy = { metadata: { generateName: 'p-' }, spec: { podSelector: {} } };
const waiting: [what: string, path: string, body: object, warning: RegExp][] = [
  ['an Ingress of no class', `${networking}/ingresses`, ingress({}), /nobody serves this Ingress/],
];

describe('what nobody here carries out is told', () => {
  test.each(waiting)('%s', async (_what, path, body, warning) => {
    expect(await send(dev, 'POST', path, body)).toEqual([expect.stringMatching(warning)]);
  });

  test('when it becomes so, and not again', async () => {
    const other = { ...ingress({ ingressClassName: 'nginx' }), metadata: { name: 'later' } };
    expect(await send(dev, 'POST', `${networking}/ingresses`, other)).toEqual([]);
    const patch = (body: object): Promise<string[]> =>
      send(dev, 'PATCH', `${networking}/ingresses/later`, body);
    expect(await patch({ spec: { ingressClassName: null } })).toHaveLength(1);
    expect(await patch({ metadata: { labels: { a: 'b' } } })).toEqual([]);
  });
});

describe('what somebody else may carry out is not', () => {
  test.each<[string, string, object]>([
    ['a LoadBalancer', `${core}/services`, service({ type: 'LoadBalancer' })],
    ['a NetworkPolicy, which the node enforces', `${networking}/networkpolicies`, policy],
    ['a NodePort', `${core}/services`, service({ type: 'NodePort' })],
    ['an Ingress of a class', `${networking}/ingresses`, ingress({ ingressClassName: 'nginx' })],
    [
      'an Ingress of a class of old',
      `${networking}/ingresses`,
      ingress({}, { 'kubernetes.io/ingress.class': 'nginx' }),
    ],
    ['a ConfigMap', `${core}/configmaps`, { metadata: { generateName: 'm-' } }],
  ])('%s', async (_what, path, body) => {
    expect(await send(dev, 'POST', path, body)).toEqual([]);
  });

  test.each(waiting)('%s, where the operator says so', async (_what, path, body) => {
    expect(await send(told, 'POST', path, body)).toEqual([]);
  });
});
