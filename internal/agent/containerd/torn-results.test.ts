import { partOf } from '../../base/testing/part-of.ts';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { realDisk } from '../../io/disk.ts';
import { silentLog } from '../../io/log.ts';
import type { CriClient } from '../cri/client.ts';
import { withoutTornResults } from './torn-results.ts';

it('stops a sandbox whose network result was half written, and touches no other file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'results-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const torn = file('cbr0-abc-eth0', '{"kind":"cniCacheV1","contai');
  const whole = file('cni-loopback-abc-lo', '{}');
  const other = file('cbr0-def-eth0', '');
  // As containerd says it.
  const message =
    'failed to destroy network for sandbox "abc": failed to get network "cbr0" cached ' +
    'result: decoding version from network config: unexpected end of JSON input';
  const calls: string[] = [];
  const stopPodSandbox = ({ podSandboxId }: { podSandboxId: string }): Promise<object> => {
    calls.push(podSandboxId);
    return existsSync(torn) ? Promise.reject(new Error(message)) : Promise.resolve({});
  };
  const cri = withoutTornResults({ stopPodSandbox } as CriClient, {
    disk: realDisk,
    log: silentLog,
    dir,
  });
  await cri.stopPodSandbox({ podSandboxId: 'abc' });
  expect(calls).toEqual(['abc', 'abc']);
  expect([torn, whole, other].map((path) => existsSync(path))).toEqual([false, true, true]);
  const healthy = withoutTornResults(
    partOf<CriClient>({ stopPodSandbox: () => Promise.reject(new Error(message)) }),
    { disk: realDisk, log: silentLog, dir },
  );
  await expect(healthy.stopPodSandbox({ podSandboxId: 'abc' })).rejects.toThrow('unexpected end');
  rmSync(dir, { recursive: true });
});
