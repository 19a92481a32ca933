import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Container, Pod, Probe } from '../../api/generated/types/core-v1.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { realClock } from '../../io/clock.ts';
import { realDial } from '../../io/dial.ts';
import { seededRandom } from '../../io/random.ts';
import { runHook } from '../hooks/run-hook.ts';
import { httpGet } from './http-get.ts';
import { Probes, type ProbeChange } from './probes.ts';
import { runProbe } from './run-probe.ts';
import type { ContainerView } from './worker.ts';

function podOf(container: Partial<Container>): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', uid: 'u' },
    spec: { containers: [{ name: 'c', resources: {}, ...container }] },
    status: {},
  } as Pod;
}

describe('Probes with exec', () => {
  let clock: FakeClock;
  let asked: number[];
  let exit: number;
  let changes: string[];
  let events: string[];
  let probes: Probes;
  const exec: Probe = {
    exec: { command: ['x'] },
    periodSeconds: 10,
    failureThreshold: 3,
    successThreshold: 1,
    timeoutSeconds: 1,
  };
  const view = (id: string, more: Partial<ContainerView> = {}): Map<string, ContainerView> =>
    new Map([['c', { containerId: id, running: true, startedAtMs: clock.now(), ...more }]]);

  beforeEach(() => {
    clock = new FakeClock(0);
    asked = [];
    changes = [];
    events = [];
    exit = 0;
    probes = new Probes({
      doors: {
        clock,
        dial: realDial,
        exec: () => (asked.push(clock.now()), Promise.resolve({ exitCode: exit, output: 'out' })),
      },
      random: seededRandom(1),
      onResult: (change: ProbeChange) =>
        changes.push(`${change.type} ${change.containerId} ${change.result}`),
      event: (_pod, _container, reason, message) => events.push(`${reason}: ${message}`),
    });
  });
  afterEach(() => probes.stop());

  it('is ready after its delay and one success', async () => {
    const pod = podOf({ readinessProbe: { ...exec, initialDelaySeconds: 5 } });
    probes.sync(pod, view('a'), '1.1.1.1');
    await clock.advance(4999);
    expect(asked).toEqual([]);
    expect(probes.isReady(pod.spec.containers[0]!, 'a')).toBe(false);
    await clock.advance(1);
    expect(asked).toEqual([5000]);
    expect(changes).toEqual(['readiness a Success']);
    expect(probes.isReady(pod.spec.containers[0]!, 'a')).toBe(true);
    await clock.advance(20_000);
    expect(asked).toEqual([5000, 15_000, 25_000]);
  });

  it('fails liveness only after the threshold, then rests until a new container', async () => {
    exit = 1;
    const pod = podOf({ livenessProbe: exec });
    probes.sync(pod, view('a'), '');
    await clock.advance(19_999);
    expect(changes).toEqual(['liveness a Success']);
    await clock.advance(1);
    expect(changes).toEqual(['liveness a Success', 'liveness a Failure']);
    expect(events).toEqual(Array(3).fill('Unhealthy: Liveness probe failed: out'));
    await clock.advance(60_000);
    expect(asked.length).toBe(3);
    expect(clock.timers).toBe(0);
    exit = 0;
    probes.sync(pod, view('b'), '');
    await clock.advance(0);
    expect(asked.length).toBe(4);
    expect(probes.result('a', 'liveness')).toBeUndefined();
    expect(probes.result('b', 'liveness')).toBe('Success');
  });

  it('lets others wait for startup', async () => {
    exit = 1;
    const pod = podOf({
      startupProbe: { ...exec, failureThreshold: 30 },
      livenessProbe: exec,
      readinessProbe: exec,
    });
    probes.sync(pod, view('a'), '');
    await clock.advance(10_000);
    expect(asked).toEqual([0, 10_000]);
    expect(probes.isStarted(pod.spec.containers[0]!, 'a')).toBe(false);
    exit = 0;
    await clock.advance(10_000);
    expect(asked).toEqual([0, 10_000, 20_000, 20_000, 20_000]);
    expect(probes.isReady(pod.spec.containers[0]!, 'a')).toBe(true);
  });

  it('counts successes and failures in a row', async () => {
    const pod = podOf({ readinessProbe: { ...exec, successThreshold: 2, failureThreshold: 2 } });
    probes.sync(pod, view('a'), '');
    await clock.advance(0);
    expect(changes).toEqual([]);
    await clock.advance(10_000);
    expect(changes).toEqual(['readiness a Success']);
    exit = 1;
    await clock.advance(10_000);
    exit = 0;
    await clock.advance(10_000);
    expect(changes.length).toBe(1);
    exit = 1;
    await clock.advance(20_000);
    expect(changes).toEqual(['readiness a Success', 'readiness a Failure']);
  });

  it('holds no timer for what does not run, and leaves a dying pod in peace', async () => {
    const pod = podOf({ livenessProbe: exec, readinessProbe: exec });
    probes.sync(pod, view('a'), '');
    await clock.advance(0);
    expect(clock.timers).toBe(2);
    probes.sync(
      { ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'x' } },
      view('a', { startedAtMs: 0 }),
      '',
    );
    expect(clock.timers).toBe(1);
    probes.sync(pod, view('a', { running: false }), '');
    expect(clock.timers).toBe(0);
    expect(probes.result('a', 'readiness')).toBe('Failure');
  });

  it('believes what was known before the agent restarted', () => {
    const pod = podOf({ startupProbe: exec, readinessProbe: exec });
    probes.sync(pod, view('a', { restored: { started: true, ready: true } }), '');
    expect(probes.isReady(pod.spec.containers[0]!, 'a')).toBe(true);
  });
});

describe('network probes', () => {
  let server: Server;
  let port = 0;
  let seen: IncomingMessage[];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const container = { name: 'c', resources: {}, ports: [] } as Container;
  const doors = { clock: realClock, dial: realDial, exec: () => Promise.reject(new Error('none')) };
  const target = (probe: Probe) => ({ probe, container, containerId: 'a', podIP: '127.0.0.1' });

  beforeEach(async () => {
    seen = [];
    answer = (_request, response) => void response.end('ok');
    server = createServer((request, response) => {
      seen.push(request);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => void (server.closeAllConnections(), server.close()));

  it('asks as the kubelet asks', async () => {
    const httpHeaders = [
      { name: 'X-A', value: '1' },
      { name: 'Host', value: 'example.test' },
    ];
    expect(
      await runProbe(target({ httpGet: { port, path: '/a b?q=1', httpHeaders } }), doors),
    ).toEqual({ result: 'Success', output: 'ok' });
    expect(seen[0]?.headers).toMatchObject({
      'user-agent': 'kube-probe/1.36',
      accept: '*/*',
      host: 'example.test',
      'x-a': '1',
    });
    expect(seen[0]?.url).toBe('/a%20b?q=1');
  });

  it('judges the status and follows redirects on the same host', async () => {
    answer = (request, response) => {
      if (request.url === '/ok') return void response.writeHead(204).end();
      if (request.url === '/far')
        return void response.writeHead(302, { location: 'http://elsewhere.test/' }).end('gone');
      if (request.url === '/near') return void response.writeHead(302, { location: '/ok' }).end();
      response.writeHead(500).end('secret');
    };
    expect(await runProbe(target({ httpGet: { port, path: '/x' } }), doors)).toEqual({
      result: 'Failure',
      output: 'HTTP probe failed with statuscode: 500',
    });
    expect((await runProbe(target({ httpGet: { port, path: '/near' } }), doors)).result).toBe(
      'Success',
    );
    expect(await runProbe(target({ httpGet: { port, path: '/far' } }), doors)).toEqual({
      result: 'Warning',
      output: 'Probe terminated redirects, Response body: gone',
    });
  });

  it('says in known words why there was no answer', async () => {
    answer = () => undefined;
    const late = await runProbe(target({ httpGet: { port, path: '/' }, timeoutSeconds: 1 }), doors);
    expect(late.output).toBe(
      `Get "http://127.0.0.1:${port}/": context deadline exceeded (Client.Timeout exceeded ` +
        'while awaiting headers)',
    );
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(await runProbe(target({ httpGet: { port, path: '/' } }), doors)).toEqual({
      result: 'Failure',
      output:
        `Get "http://127.0.0.1:${port}/": dial tcp 127.0.0.1:${port}: connect: connection ` +
        'refused',
    });
    expect(await runProbe(target({ tcpSocket: { port } }), doors)).toEqual({
      result: 'Failure',
      output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    });
    expect((await runProbe(target({ grpc: { port } }), doors)).output).toContain(
      `timeout: failed to connect service "127.0.0.1:${port}" within 1s`,
    );
  });

  it('connects by TCP and finds ports by name', async () => {
    expect((await runProbe(target({ tcpSocket: { port } }), doors)).result).toBe('Success');
    await expect(runProbe(target({ tcpSocket: { port: 'web' } }), doors)).rejects.toThrow(
      'couldn\'t find port: "web"',
    );
  });

  it('asks eagerly until a server listens, and tells only regular failures', async () => {
    let up = false;
    answer = (_request, response) => void response.writeHead(up ? 200 : 503).end();
    const events: string[] = [];
    const ready = vi.fn();
    const probes = new Probes({
      doors,
      random: seededRandom(1),
      onResult: ready,
      event: (_p, _c, reason) => events.push(reason),
    });
    probes.sync(
      podOf({ readinessProbe: { httpGet: { port, path: '/' }, periodSeconds: 60 } }),
      new Map([['c', { containerId: 'a', running: true, startedAtMs: Date.now() }]]),
      '127.0.0.1',
    );
    await vi.waitFor(() => expect(seen.length).toBeGreaterThan(2));
    up = true;
    await vi.waitFor(() => expect(ready).toHaveBeenCalled(), { timeout: 30_000 });
    expect(events).toEqual(['Unhealthy']);
    probes.stop();
  });

  it('runs hooks', async () => {
    const hook = {
      pod: podOf({}),
      container,
      containerId: 'a',
      podIP: '127.0.0.1',
      signal: new AbortController().signal,
    };
    answer = (_request, response) => void response.writeHead(500).end();
    await runHook({ ...hook, handler: { httpGet: { port, path: '/pre' } } }, doors);
    expect(seen[0]?.headers['user-agent']).toBe('kube-lifecycle/1.36');
    const fellBack = vi.fn();
    await runHook(
      { ...hook, handler: { httpGet: { port, path: '/pre', scheme: 'HTTPS' } }, fellBack },
      doors,
    );
    expect(fellBack).toHaveBeenCalled();
    const stop = new AbortController();
    const sleeping = runHook(
      { ...hook, handler: { sleep: { seconds: 100 } }, signal: stop.signal },
      doors,
    );
    stop.abort();
    await expect(sleeping).rejects.toThrow('container terminated before sleep hook finished');
    await expect(
      runHook(
        { ...hook, handler: { exec: { command: ['a'] } } },
        { ...doors, exec: () => Promise.resolve({ exitCode: 3, output: 'no' }) },
      ),
    ).rejects.toThrow('exited with 3');
    await expect(
      httpGet(
        { action: { port: 'web' }, container, podIP: '', purpose: 'probe', timeoutMs: 1 },
        doors,
      ),
    ).rejects.toThrow('find port');
  });
});
