import { afterEach, describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import type { Event, Secret } from '../../api/generated/types/core-v1.ts';
import type { FakeClient } from '../../client/fake-client.ts';
import { refs } from '../../client/refs.ts';
import { testCluster, type TestCluster } from '../test-cluster.ts';
import { hashLabel, type HelmCall } from './calls.ts';
import { chartConfigs, charts, finalizer, type HelmChart, type HelmChartSpec } from './chart.ts';
import { startHelm } from './helm.ts';

const repo = 'https://charts.example';
const where = { namespace: 'ns', name: 'web' };
let cluster: TestCluster;
afterEach(() => cluster.stop());

/** What Helm does with Secrets, as far as the controller sees it. */
async function start(
  spec: HelmChartSpec,
): Promise<{ calls: string[]; fail: { with: string | undefined } }> {
  const calls: string[] = [];
  const fail: { with: string | undefined } = { with: undefined };
  let made = 0;
  let client: FakeClient;
  const write = async (status: string, hash: string | undefined): Promise<void> => {
    const labels = { owner: 'helm', name: 'web', status, version: String((made += 1)) };
    const release = Buffer.from(gzipSync('{"info":{}}').toString('base64')).toString('base64');
    await client.create(refs.secrets, {
      metadata: {
        namespace: 'ns',
        name: `sh.helm.release.v1.web.v${made}`,
        labels: { ...labels, ...(hash !== undefined && { [hashLabel]: hash }) },
      },
      type: 'helm.sh/release.v1',
      data: { release },
    });
  };
  const one = async ({ args }: HelmCall): Promise<{ ok: boolean; said: string }> => {
    calls.push(args[0] ?? '');
    if (args[0] === 'uninstall') {
      for (const { metadata } of client.all<Secret>(refs.secrets))
        await client.delete(refs.secrets, { ...where, name: metadata.name! });
      return { ok: true, said: '' };
    }
    const label = args.find((word) => word.startsWith(`--labels=${hashLabel}=`));
    await write(fail.with === undefined ? 'deployed' : 'failed', label?.split('=')[2]);
    return { ok: fail.with === undefined, said: fail.with ?? '' };
  };
  const program = {
    run: async (_key: string, all: HelmCall[]) => {
      let done = { ok: true, said: '' };
      for (const call of all) if (done.ok) done = await one(call);
      return done;
    },
    stop: () => undefined,
  };
  cluster = await testCluster(
    [
      (ctx) => {
        client = ctx.managerClient as FakeClient;
        return startHelm(ctx, program, { address: '127.0.0.1:6443' });
      },
    ],
    async () => {
      await client.create(charts, { metadata: where, spec });
    },
  );
  return { calls, fail };
}

const chart = (): HelmChart => cluster.client.all<HelmChart>(charts)[0]!;
const condition = (type: string): string | undefined => {
  const found = chart().status?.conditions?.find((one) => one.type === type);
  return found && `${found.status} ${found.reason}: ${found.message}`;
};
const patch = async (spec: HelmChartSpec): Promise<void> => {
  await cluster.client.patch(charts, where, { type: 'merge', body: { spec } });
  await cluster.settle();
};
const told = (): string[] => cluster.client.all<Event>(refs.events).map((e) => e.reason ?? '');

describe('a HelmChart', () => {
  it('is installed once, and again when something of it changes', async () => {
    const { calls } = await start({ chart: 'x', repo });
    expect(calls).toEqual(['upgrade']);
    expect(chart().metadata.finalizers).toEqual([finalizer]);
    expect(condition('Deployed')).toBe('True Deployed: revision 1');
    expect(condition('Failed')).toMatch(/^False/);
    expect(told()).toEqual(expect.arrayContaining(['ApplyingChart', 'Deployed']));
    await patch({ timeout: '10m' });
    expect(calls).toHaveLength(1);
    await patch({ version: '2' });
    expect(calls).toHaveLength(2);
    await cluster.client.create(chartConfigs, { metadata: where, spec: { valuesContent: 'a: b' } });
    await cluster.settle();
    expect(calls).toHaveLength(3);
    expect(condition('Deployed')).toBe('True Deployed: revision 3');
  });

  it('is installed again when somebody removed the release', async () => {
    const { calls } = await start({ chart: 'x', repo });
    await cluster.client.delete(refs.secrets, { ...where, name: 'sh.helm.release.v1.web.v1' });
    await cluster.settle();
    expect(calls).toEqual(['upgrade', 'upgrade']);
  });

  it('follows the Secrets that it names', async () => {
    const { calls } = await start({ chart: 'x', repo, valuesSecrets: [{ name: 'values' }] });
    expect(calls).toEqual([]);
    expect(condition('Failed')).toContain('there is no Secret values');
    const secret = { metadata: { ...where, name: 'values' }, data: { a: 'YTogYg==' } };
    await cluster.client.create(refs.secrets, secret);
    await cluster.settle();
    expect(calls).toEqual(['upgrade']);
    await cluster.client.update(refs.secrets, { ...secret, data: { a: 'YTogYw==' } });
    await cluster.settle();
    expect(calls).toEqual(['upgrade', 'upgrade']);
  });

  it('is tried again after a while, more and more seldom, and at last no more', async () => {
    const { calls, fail } = await start({ chart: 'x', repo });
    fail.with = 'it does not render';
    await patch({ version: '2', backOffLimit: 2 });
    expect(calls).toHaveLength(2);
    expect(condition('Failed')).toBe('True HelmFailed: it does not render');
    await cluster.clock.advance(9000);
    expect(calls).toHaveLength(2);
    await cluster.clock.advance(2000);
    expect(calls).toHaveLength(3);
    await cluster.clock.advance(21_000);
    expect(calls).toHaveLength(4);
    await cluster.clock.advance(3_600_000);
    expect(calls).toHaveLength(4);
    expect(condition('Failed')).toBe('True BackoffLimitExceeded: it does not render');
    // It ran once: its volumes are not thrown away.
    expect(calls).not.toContain('uninstall');
    fail.with = undefined;
    await patch({ version: '3' });
    expect(condition('Deployed')).toMatch(/^True/);
    expect(chart().status?.failures).toBe(0);
  });

  it('is removed with its release', async () => {
    const { calls } = await start({ chart: 'x', repo });
    await cluster.client.delete(charts, where);
    await cluster.settle();
    expect(calls).toEqual(['upgrade', 'uninstall']);
    expect(cluster.client.all(charts)).toEqual([]);
  });
});
