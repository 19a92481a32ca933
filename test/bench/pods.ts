/**
 * Pod start through the API (POST sent -> a watch shows the container running) against the same
 * three CRI calls made by a script on the same containerd, in turns. Usage: pods.ts [STARTS]
 * [ROUNDS]. `pods.ts api|calls STARTS` is one half, and runs inside the node.
 */
import { connectRuntime } from '../../internal/agent/cri/client.ts';
import type { Pod } from '../../internal/api/generated/types/core-v1.ts';
import { refs } from '../../internal/client/refs.ts';
import { busybox } from '../e2e/images.ts';
import { TestCluster } from '../e2e/node.ts';
import { adminClient } from './admin-client.ts';

const image = 'docker.io/library/busybox:test';
/** Ends at once when asked to, so that one start does not run beside the end of another. */
const command = ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'];
const at = (values: number[], share: number): number =>
  [...values].sort((a, b) => a - b)[
    Math.min(values.length - 1, Math.floor(values.length * share))
  ] ?? NaN;

async function throughApi(starts: number): Promise<number[]> {
  const client = adminClient();
  const waiting = new Map<string, { running(): void; gone(): void }>();
  const watch = client.watch<Pod>(
    refs.pods,
    { namespace: 'default', sendInitialEvents: true },
    {
      onEvent: (type, pod) => {
        const asked = waiting.get(pod.metadata.name ?? '');
        if (type === 'DELETED') asked?.gone();
        else if (pod.status.containerStatuses?.[0]?.state?.running) asked?.running();
      },
      onEnd: () => undefined,
    },
  );
  const took: number[] = [];
  for (let i = 0; i < starts; i++) {
    const name = `bench-${process.pid}-${i}`;
    let goneYet: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (goneYet = resolve));
    const running = new Promise<void>((resolve) =>
      waiting.set(name, { running: resolve, gone: goneYet }),
    );
    const from = performance.now();
    await client.create(refs.pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { containers: [{ name: 'c', image, command }] },
    });
    await running;
    took.push(performance.now() - from);
    await client.delete(refs.pods, { namespace: 'default', name });
    await gone;
  }
  watch.stop();
  client.close();
  return took;
}

async function byCalls(starts: number): Promise<number[]> {
  const { cri, close } = connectRuntime('/run/skiff/containerd/containerd.sock');
  const took: number[] = [];
  for (let i = 0; i < starts; i++) {
    const uid = `bench-${process.pid}-${i}`;
    const sandbox = {
      metadata: { name: uid, namespace: 'bench', uid, attempt: 0 },
      hostname: 'bench',
      logDirectory: `/var/log/pods/bench_${uid}`,
      dnsConfig: { servers: ['10.43.0.10'], searches: [], options: [] },
      linux: { cgroupParent: '/bench', securityContext: { namespaceOptions: {} } },
    };
    const container = {
      metadata: { name: 'c', attempt: 0 },
      image: { image },
      command,
      logPath: 'c/0.log',
      linux: {},
    };
    const from = performance.now();
    const { podSandboxId = '' } = await cri.runPodSandbox({ config: sandbox });
    const { containerId = '' } = await cri.createContainer({
      podSandboxId,
      config: container,
      sandboxConfig: sandbox,
    });
    await cri.startContainer({ containerId });
    took.push(performance.now() - from);
    await cri.stopContainer({ containerId });
    await cri.stopPodSandbox({ podSandboxId });
    await cri.removePodSandbox({ podSandboxId });
  }
  close();
  return took;
}

if (process.argv[2] === 'api' || process.argv[2] === 'calls') {
  const took = await (process.argv[2] === 'api' ? throughApi : byCalls)(Number(process.argv[3]));
  process.stdout.write(`${JSON.stringify(took)}\n`);
  process.exit();
}
const starts = Number(process.argv[2] ?? 30);
const rounds = Number(process.argv[3] ?? 2);
const cluster = new TestCluster();
await cluster.up({ images: [busybox()] });
const half = (kind: 'api' | 'calls', count: number): number[] => {
  const done = cluster.node.exec(
    [process.execPath, new URL(import.meta.url).pathname, kind, String(count)],
    { timeoutMs: 600_000 },
  );
  if (done.code !== 0) throw new Error(`${kind}: ${done.stdout}${done.stderr}`);
  return JSON.parse(done.stdout.trim().split('\n').at(-1) ?? '[]') as number[];
};
half('api', 3);
const took = { api: [] as number[], calls: [] as number[] };
for (let round = 0; round < rounds; round++) {
  took.api.push(...half('api', starts));
  // The node's agent would take sandboxes that it does not know for leftovers.
  await cluster.stopServer();
  took.calls.push(...half('calls', starts));
  cluster.startServer();
  await cluster.ready();
}
for (const [name, values] of Object.entries(took))
  process.stdout.write(
    `${name.padEnd(6)} ${values.length} starts: p50 ${at(values, 0.5).toFixed(0)} ms, p99 ` +
      `${at(values, 0.99).toFixed(0)} ms\n`,
  );
if (process.env['BENCH_LOG']) process.stdout.write(cluster.log());
process.stdout.write(
  `ratio  p50 ${(at(took.api, 0.5) / at(took.calls, 0.5)).toFixed(2)}, p99 ` +
    `${(at(took.api, 0.99) / at(took.calls, 0.99)).toFixed(2)}\n`,
);
cluster.down(false);
