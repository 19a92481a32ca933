import { expect, it } from 'vitest';
import type { Service } from '../../api/generated/types/core-v1.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import { listenPlainHttp, type PlainAnswer } from '../../io/plain-http.ts';
import { answerOf, HealthPorts } from './health-ports.ts';
import { healthOf } from './service-ports.ts';
import { backend, number, port } from './testing/samples.ts';
import { serviceOf } from './testing/hostile.ts';

const health = (localEndpoints: number, at = 31000) => ({
  namespace: 'shop',
  name: 'web',
  port: number(at),
  localEndpoints,
});

it('answers as kube-proxy does', () => {
  expect(answerOf(health(2))).toEqual({
    status: 200,
    headers: {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': '2',
    },
    body:
      '{\n\t"service": {\n\t\t"namespace": "shop",\n\t\t"name": "web"\n\t},\n' +
      '\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}\n',
  });
  expect(answerOf(health(0)).status).toBe(503);
});

it('is served while a Service wants it, and waits for a port that is taken', async () => {
  const clock = new FakeClock();
  const open = new Map<number, (path: string) => PlainAnswer>();
  let taken = true;
  const ports = new HealthPorts({
    clock,
    log: silentLog,
    listen: (_op, { port: at }, answer) => {
      if (taken) return Promise.reject(new Error('taken'));
      open.set(at, answer);
      return Promise.resolve({ close: () => void open.delete(at) });
    },
  });
  ports.set([health(1)]);
  await clock.advance(1);
  expect(open.size).toBe(0);
  taken = false;
  await clock.advance(10_000);
  expect(open.get(31000)?.('/').status).toBe(200);
  ports.set([health(0), health(1, 31001)]);
  await clock.advance(1);
  expect(open.get(31000)?.('/').status).toBe(503);
  expect([...open.keys()]).toEqual([31000, 31001]);
  ports.stop();
  expect(open.size).toBe(0);
});

it("is a Service's of type LoadBalancer alone, with its local endpoints", () => {
  const spec = {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    healthCheckNodePort: 31000,
  } satisfies Partial<Service['spec']>;
  const ports = [port({ backends: [backend(2), backend(2), backend(3, false)] })];
  expect(healthOf(serviceOf(spec), ports)).toMatchObject({ port: 31000, localEndpoints: 1 });
  expect(healthOf(serviceOf({ ...spec, type: 'NodePort' }), ports)).toBeUndefined();
  expect(healthOf(serviceOf({ ...spec, externalTrafficPolicy: 'Cluster' }), ports)).toBeUndefined();
});

it('answers GET alone over a real socket', async () => {
  const server = await listenPlainHttp('t', { address: '127.0.0.1', port: 0 }, () =>
    answerOf(health(1)),
  );
  const url = `http://127.0.0.1:${server.port}/`;
  expect((await fetch(url)).status).toBe(200);
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
  server.close();
  await expect(fetch(url)).rejects.toThrow();
});
