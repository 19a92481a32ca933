import { expect, it } from 'vitest';
import type { Node } from '../../api/generated/types/core-v1.ts';
import { FakeClock } from '../../io/clock-fake.ts';
import { silentLog } from '../../io/log.ts';
import type { PlainAnswer } from '../../io/plain-http.ts';
import { startStatusPorts, statusPorts } from './status-ports.ts';

const node = (more: object = {}): Node =>
  ({ metadata: { name: 'n' }, spec: {}, status: {}, ...more }) as Node;

async function started({ taken = 0 } = {}) {
  const clock = new FakeClock();
  const open = new Map<number, { address: string; answer: (path: string) => PlainAnswer }>();
  const state = { failingMs: 0, node: node() as Node | undefined, taken };
  const ports = startStatusPorts({
    clock,
    log: silentLog,
    failingMs: () => state.failingMs,
    node: () => state.node,
    listen: async (_op, { address, port }, answer) => {
      if (state.taken === port) throw new Error('taken');
      open.set(port, { address, answer });
      return { close: () => void open.delete(port) };
    },
  });
  await clock.advance(0);
  const ask = (port: number, path: string): [number, string] => {
    const { status, body } = open.get(port)?.answer(path) ?? { status: 0, body: '' };
    return [status, body];
  };
  return { clock, open, state, ports, ask };
}

it('says whether the node is to get traffic, and whether its rules are written', async () => {
  const { state, ask, open, ports } = await started();
  expect(open.get(statusPorts.health)?.address).toBe('0.0.0.0');
  const [status, body] = ask(statusPorts.health, '/healthz');
  expect([status, JSON.parse(body)]).toEqual([
    200,
    { lastUpdated: expect.any(String), currentTime: expect.any(String), nodeEligible: true },
  ]);
  const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }];
  for (const one of [
    undefined,
    node({ spec: { taints } }),
    node({ metadata: { name: 'n', deletionTimestamp: '2026-01-01T00:00:00Z' } }),
  ]) {
    state.node = one;
    expect(ask(statusPorts.health, '/healthz')[0]).toBe(503);
    expect(ask(statusPorts.health, '/livez')[0]).toBe(200);
  }
  state.node = node();
  state.failingMs = 59_000;
  expect(ask(statusPorts.health, '/healthz')[0]).toBe(200);
  state.failingMs = 61_000;
  expect(ask(statusPorts.health, '/healthz')[0]).toBe(503);
  const late = JSON.parse(ask(statusPorts.health, '/livez')[1]) as Record<string, string>;
  expect(ask(statusPorts.health, '/livez')[0]).toBe(503);
  expect(Date.parse(late['currentTime'] ?? '') - Date.parse(late['lastUpdated'] ?? '')).toBe(
    61_000,
  );
  expect(ask(statusPorts.health, '/')[0]).toBe(404);
  ports.stop();
  expect(open.size).toBe(0);
});

it('tells its mode on the machine itself, once its port is free', async () => {
  const { clock, state, ask, open, ports } = await started({ taken: statusPorts.status });
  expect(open.has(statusPorts.status)).toBe(false);
  state.taken = 0;
  await clock.advance(10_000);
  expect(open.get(statusPorts.status)?.address).toBe('127.0.0.1');
  expect(ask(statusPorts.status, '/proxyMode')).toEqual([200, 'nftables']);
  expect(ask(statusPorts.status, '/healthz')).toEqual([200, 'ok']);
  expect(ask(statusPorts.status, '/x')[0]).toBe(404);
  ports.stop();
  expect([open.size, clock.timers]).toEqual([0, 0]);
});
