import { afterEach, expect, test } from 'vitest';
import { silentLog } from '../../internal/io/log.ts';
import { testSeed } from '../../internal/io/test-seed.ts';
import { seeds } from './seeds.ts';
import { unsettled } from './settled.ts';
import { World } from './world.ts';

/** SKIFF_SIMULATIONS for more clusters, SKIFF_SEED for others. */
const lives = Number(process.env['SKIFF_SIMULATIONS'] ?? 3);
const hours = 4;
const longMs = 30 * 60_000;

let world: World | undefined;
afterEach(() => world?.cluster.end());

async function quiet(): Promise<World> {
  world = new World({ seed: 1, hours: 0, log: silentLog });
  await world.run({ stays: true });
  return world;
}

test(
  'a cluster to which things happen is as it should be when they are over',
  async () => {
    for (let life = 0; life < lives; life++) {
      const seed = testSeed() + life;
      const { disturbances } = await new World({ seed, hours, log: silentLog }).run();
      expect(disturbances).toBeGreaterThan(0);
    }
  },
  longMs,
);

test.each(seeds)(
  'seed $seed: $found',
  async ({ seed, hours: long }) => {
    await new World({ seed, hours: long, log: silentLog }).run();
  },
  longMs,
);

test(
  'one seed is one history',
  async () => {
    const run = async (): Promise<string[]> => {
      const one = new World({ seed: 11, hours: 1, log: silentLog });
      await one.run();
      return one.done;
    };
    expect(await run()).toEqual(await run());
  },
  longMs,
);

test(
  'what is left over on a machine is seen',
  async () => {
    const { cluster } = await quiet();
    expect(await unsettled(cluster)).toEqual([]);
    const [machine] = [...cluster.machines.values()];
    const [sandbox] = machine!.runtime.sandboxes;
    machine!.runtime.sandboxes.push({
      ...sandbox!,
      id: 'strange',
      config: { labels: { 'io.kubernetes.pod.uid': 'u' }, metadata: { namespace: 'a', name: 'b' } },
    });
    machine!.runtime.addresses.set('strange', '10.42.0.99');
    await machine!.files.disk.makeDir('test', '/var/lib/skiff/agent/pods/u');
    expect(await unsettled(cluster)).toEqual([
      `${machine!.name} holds a sandbox of a/b, which is not a pod of it`,
      expect.stringContaining(`${machine!.name} has given out`),
      `${machine!.name} has files of u`,
    ]);
  },
  longMs,
);

test(
  'a pod that starts on a second node is seen, and a lost write',
  async () => {
    const { cluster, truth, operator } = await quiet();
    const [one, two] = [...cluster.machines.values()];
    const sandbox = one!.runtime.sandboxes[0]!;
    two!.runtime.starting(one!.runtime.containers[0]!, sandbox);
    expect(truth.broken).toEqual([expect.stringMatching(/ runs on node-1 and starts on node-2$/)]);
    await cluster.done(operator.write('note'));
    truth.check(new Map([['note', 1]]));
    expect(truth.broken).toHaveLength(1);
    truth.check(new Map());
    expect(truth.broken[1]).toBe('note note is 0: 1 was acknowledged, 1 tried');
    cluster.serverBegan(3);
    expect(truth.broken[2]).toMatch(/was acknowledged, the server has 3$/);
  },
  longMs,
);
