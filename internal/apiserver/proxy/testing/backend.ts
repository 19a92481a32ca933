import { Buffer } from 'node:buffer';
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { startDevServer, type DevServer } from '../../dev.ts';
import { redirectedDial } from '../redirected-dial.fake.ts';

/** The address of the Pods that `backend` answers for. */
export const podIp = '10.42.0.9';
const sockets = new Set<Socket>();
let server: HttpServer;

/** What stands behind the proxy: a server of plain HTTP that every Pod's address leads to. */
export const backend = {
  port: 0,
  /** The requests it has got. */
  seen: [] as IncomingMessage[],
  /** How it answers. */
  handler: (request: IncomingMessage, answer: ServerResponse): void =>
    void answer.end(`${request.method} ${request.url}`),
  upgraded: (_request: IncomingMessage, socket: Duplex): void => void socket.destroy(),
};
const { handler } = backend;

/** The API server before it. */
export let dev: DevServer;

/** Starts both for the stories of a file; each begins with a backend that tells what it got. */
export function startBoth(): void {
  beforeAll(async () => {
    server = createServer((request, answer) => {
      backend.seen.push(request);
      backend.handler(request, answer);
    });
    server.on('upgrade', (request, socket) => backend.upgraded(request, socket));
    server.on('connection', (socket) => sockets.add(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    backend.port = (server.address() as AddressInfo).port;
    dev = await startDevServer({ dial: redirectedDial({ [podIp]: '127.0.0.1' }) });
    await pod('default', 'p', running);
  });
  beforeEach(() => {
    backend.seen = [];
    backend.handler = handler;
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await dev.api.close();
  });
}

/** The Pod that is always there, through the proxy. */
export const proxied = `/api/v1/namespaces/default/pods/p/proxy`;

interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
  bytes: Buffer;
  broken: boolean;
}

interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  token?: string;
}

export function ask(
  path: string,
  { method = 'GET', headers = {}, body, token = 'oracle' }: Ask = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const req = httpsRequest(
      `${dev.url}${path}`,
      {
        method,
        ca: dev.ca.cert,
        agent: false,
        headers: { authorization: `Bearer ${token}`, ...headers },
      },
      (res) => {
        const parts: Buffer[] = [];
        const done = (broken: boolean): void =>
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            text: Buffer.concat(parts).toString(),
            bytes: Buffer.concat(parts),
            broken,
          });
        res.on('data', (part: Buffer) => parts.push(part));
        res.on('end', () => done(false));
        res.on('error', () => done(true));
      },
    );
    req.on('error', reject);
    req.end(body);
  });
}

export const uid = '00000000-0000-4000-8000-000000000000';
export const put = (key: string, object: object): Promise<unknown> =>
  dev.store.put({ key: `/registry/${key}`, value: Buffer.from(JSON.stringify(object)) });

export function pod(
  namespace: string,
  name: string,
  status: object,
  spec: object = {},
): Promise<unknown> {
  return put(`pods/${namespace}/${name}`, {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, namespace, uid },
    spec: {
      containers: [
        { name: 'c', image: 'i', ports: [{ name: 'web', containerPort: backend.port }] },
      ],
      ...spec,
    },
    status,
  });
}

export const running = { podIP: podIp, podIPs: [{ ip: podIp }], phase: 'Running' };
export const service = (namespace: string, name: string, spec: object): Promise<unknown> =>
  put(`services/specs/${namespace}/${name}`, {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name, namespace, uid },
    spec,
  });
export const endpoints = (
  namespace: string,
  name: string,
  address: object,
  named?: string,
  to = backend.port,
): Promise<unknown> =>
  put(`services/endpoints/${namespace}/${name}`, {
    kind: 'Endpoints',
    apiVersion: 'v1',
    metadata: { name, namespace, uid },
    subsets: [{ addresses: [address], ports: [{ port: to, ...(named ? { name: named } : {}) }] }],
  });
export const slice = (
  namespace: string,
  name: string,
  endpoint: object,
  named?: string,
): Promise<unknown> =>
  put(`endpointslices/${namespace}/${name}`, {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { name, namespace, uid, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ conditions: { ready: true }, ...endpoint }],
    ports: [{ port: backend.port, ...(named ? { name: named } : {}) }],
  });
export const podRef = (namespace: string, name: string): object => ({
  targetRef: { kind: 'Pod', namespace, name },
});
