import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { busybox } from './images.ts';
import { TestCluster, until } from './node.ts';

/**
 * What wears a node out: power cuts, starts that are cut off, floods of logs, pods that come and
 * go.
 */
const cluster = new TestCluster();
let failed = false;
beforeAll(() => cluster.up({ images: [busybox()] }));
afterAll(() => cluster.down(failed));

const image = 'docker.io/library/busybox:test';
const pod = (name: string, command: string[], labels = '{}'): string => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: ${labels}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: c, image: "${image}", command: ${JSON.stringify(command)}}
`;
const inNode = (shell: string): string => cluster.node.exec(['bash', '-c', shell]).stdout.trim();
/** Sandboxes and containers that containerd holds. */
const held = (): number =>
  Number(
    inNode(
      'ctr --address /run/skiff/containerd/containerd.sock -n k8s.io containers ls -q | wc -l',
    ),
  );
const running = (seconds: number): number => Number(inNode(`pgrep -fxc 'sleep ${seconds}'`));
const restarts = (name: string): number =>
  Number(
    cluster.k('get', 'pod', name, '-o', 'jsonpath={.status.containerStatuses[0].restartCount}'),
  );
const phases = (label: string): string[] =>
  cluster
    .k('get', 'pods', '-l', label, '-o', 'jsonpath={.items[*].status.phase}')
    .split(' ')
    .filter(Boolean);

describe('a node', () => {
  it(
    'starts each pod once and leaves nothing behind, though skiff and containerd are killed ' +
      'in the middle of it',
    { timeout: 180_000 },
    async () => {
      onTestFailed(() => void (failed = true));
      const names = [...Array(8).keys()];
      cluster.apply(
        names.map((n) => pod(`cut-${n}`, ['sleep', String(71_000 + n)], '{set: cut}')).join('---'),
      );
      for (const delayMs of [250, 150, 350]) {
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        cluster.killServer('KILL');
        if (delayMs === 150) inNode('pkill -9 -x containerd');
        cluster.startServer();
        await until(
          'the server is back',
          () => cluster.kubectl(['get', '--raw', '/readyz'], { timeoutMs: 5000 }).stdout === 'ok',
        );
      }
      await until(
        'all run',
        () => phases('set=cut').filter((p) => p === 'Running').length === names.length,
        { timeoutMs: 90_000, seen: () => cluster.log().slice(-3000) },
      );
      await until('each runs once', () => names.every((n) => running(71_000 + n) === 1), {
        timeoutMs: 30_000,
      });
      const dead = names.reduce((sum, n) => sum + restarts(`cut-${n}`), 0);
      await until('only what is in use is left', () => held() <= 2 * names.length + 2 * dead, {
        timeoutMs: 30_000,
        seen: () =>
          `${held()} held, ${dead} restarts\n` +
          inNode('ctr --address /run/skiff/containerd/containerd.sock -n k8s.io containers ls'),
      });
      expect(Number(inNode('pgrep -xc pause'))).toBe(names.length);
      cluster.k('delete', 'pods', '-l', 'set=cut', '--wait=true', '--timeout=60s');
      await until('nothing is left', () => held() === 0, { timeoutMs: 30_000 });
    },
  );

  it('keeps no dead sandboxes of power cuts', { timeout: 240_000 }, async () => {
    onTestFailed(() => void (failed = true));
    cluster.apply(
      ['a', 'b']
        .map((name, n) => pod(`old-${name}`, ['sleep', String(72_000 + n)], '{set: old}'))
        .join('---'),
    );
    cluster.k('wait', '--for=condition=Ready', 'pod', '-l', 'set=old', '--timeout=60s');
    for (let cut = 1; cut <= 4; cut++) {
      cluster.node.powerCut();
      await cluster.node.boot();
      cluster.startServer();
      await cluster.answers();
      await until(
        `the pods run after cut ${cut}`,
        () =>
          restarts('old-a') === cut &&
          restarts('old-b') === cut &&
          running(72_000) === 1 &&
          running(72_001) === 1,
        { timeoutMs: 90_000 },
      );
    }
    // Each: a sandbox and a container, and those of the life before, for its log.
    await until('the rest is gone', () => held() <= 8, {
      timeoutMs: 20_000,
      seen: () => String(held()),
    });
    cluster.k('delete', 'pods', '-l', 'set=old', '--wait=true', '--timeout=60s');
  });

  it(
    'holds the size and the number of logs in a flood, and in a crash loop',
    { timeout: 120_000 },
    async () => {
      onTestFailed(() => void (failed = true));
      const line = 'x'.repeat(1000);
      cluster.apply(pod('flood', ['sh', '-c', `sleep 2; yes ${line}`]));
      cluster.apply(
        pod('crash', [
          'sh',
          '-c',
          `i=0; while [ $i -lt 13000 ]; do echo ${line}; i=$((i+1)); done; exit 1`,
        ]),
      );
      const sizes = (name: string): number[] =>
        inNode(`stat -c %s /var/log/pods/default_${name}_*/c/*`)
          .split('\n')
          .filter(Boolean)
          .map(Number);
      await until('the flood comes', () => sizes('flood').length > 1);
      const began = Date.now();
      let rotations = 0;
      let newest = '';
      while (Date.now() - began < 15_000) {
        const seen = sizes('flood');
        expect(seen.length).toBeLessThanOrEqual(6); // five, and one that is being put aside
        expect(seen.reduce((a, b) => a + b, 0)).toBeLessThan(5 * 40e6);
        const latest = inNode('ls /var/log/pods/default_flood_*/c/ | tail -1');
        if (latest !== newest) rotations += 1;
        newest = latest;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      expect(rotations).toBeGreaterThan(3);
      cluster.k('delete', 'pod', 'flood', '--wait=true', '--timeout=60s');
      await until('the crash loop is at its fourth container', () => restarts('crash') >= 3, {
        timeoutMs: 60_000,
        seen: () =>
          `${cluster.k('describe', 'pod', 'crash')}\n` +
          `${inNode('ls -la /var/log/pods/default_crash_*/c/')}\n` +
          `${cluster.log().slice(-2000)}`,
      });
      // At once, after 10 s, after 20 s: no sooner.
      expect(restarts('crash')).toBe(3);
      await until(
        'two instances are kept',
        () =>
          Number(inNode('ls /var/log/pods/default_crash_*/c/ | cut -d. -f1 | sort -u | wc -l')) <=
          2,
        { timeoutMs: 10_000, seen: () => inNode('ls -la /var/log/pods/default_crash_*/c/') },
      );
      cluster.k('delete', 'pod', 'crash', '--wait=true', '--timeout=60s');
      // Without a grace period the object goes at once, and its pod a moment later.
      await until('their logs are gone', () => inNode('ls /var/log/pods/') === '', {
        timeoutMs: 20_000,
        seen: () => `${inNode('find /var/log/pods')}\n${cluster.log().slice(-2000)}`,
      });
    },
  );
});
