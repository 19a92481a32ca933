import { expect, test } from 'vitest';
import type { Pod } from '../api/generated/types/core-v1.ts';
import { shutdownGroups } from './shutdown.ts';

const pod = (name: string, priority?: number): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  status: {},
  spec: { containers: [], ...(priority !== undefined && { priority }) },
});
const pods = [pod('a'), pod('net', 2_000_001_000), pod('b', 1_000_000_000), pod('dns', 2e9)];
const said = (totalMs: number, criticalMs: number, of = pods): string =>
  shutdownGroups(of, { totalMs, criticalMs })
    .map((group) => `${group.pods.map((one) => one.metadata.name).join(' ')} ${group.graceMs}`)
    .join(', ');

test('critical pods end last, in the time that is kept for them', () => {
  expect(said(30_000, 10_000)).toBe('a b 20000, net dns 10000');
  expect(said(30_000, 0)).toBe('a b 30000, net dns 0');
  expect(said(10_000, 30_000)).toBe('a b 0, net dns 10000');
  expect(said(30_000, 10_000, [pod('dns', 2e9)])).toBe('dns 10000');
  expect(said(30_000, 10_000, [])).toBe('');
});
