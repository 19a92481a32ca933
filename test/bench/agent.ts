/**
 * A node of its own: how long from exec until it is Ready, and what it uses with 10 pods that idle,
 * over MINUTES (default 10; 0: the start alone).
 *
 *     node test/bench/agent.ts [MINUTES [SETTLE_SECONDS]]
 */
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentMachine } from '../e2e/agent-machine.ts';
import { busybox } from '../e2e/images.ts';
import { kubectlProgram, root, TestCluster, until } from '../e2e/node.ts';
import { countersOf, processIn, tenPods, usedLine } from './counters.ts';

const minutes = Number(process.argv[2] ?? 10);
const settleSeconds = Number(process.argv[3] ?? 60);
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const cluster = new TestCluster();
const one = new AgentMachine('one');
await cluster.launch({ flags: ['--disable-agent'] });
await cluster.answers();
await one.boot([busybox()]);
const token = readFileSync(join(cluster.node.disk, 'var/lib/skiff/server/agent-token'), 'utf8');
// A file of its own: pages of one that the server runs from, too, would count for half.
const binary = join(one.node.disk, 'skiff');
copyFileSync(process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff'), binary);
process.env['SKIFF_TEST_BINARY'] = binary;
const flags = ['--server', `https://${cluster.node.ip}:6443`, '--token', token.trim()];

/** Milliseconds from exec until the Node is seen by a watch, and until it is seen to be Ready. */
async function joined(start: () => void): Promise<{ registered: number; ready: number }> {
  const watch = spawn(
    kubectlProgram(),
    [
      ...['get', 'nodes', '-w', '-o'],
      'jsonpath={.metadata.name}{.status.conditions[?(@.type=="Ready")]}{"\\n"}',
    ],
    {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  // What is there already is told at once; the watch stands then.
  await sleep(1000);
  const begun = performance.now();
  const done = new Promise<{ registered: number; ready: number }>((resolve) => {
    let registered: number | undefined;
    watch.stdout.on('data', (chunk: Buffer) => {
      const ms = performance.now() - begun;
      registered ??= ms;
      if (/"status":"True"/.test(chunk.toString())) resolve({ registered, ready: ms });
    });
  });
  start();
  const times = await done;
  watch.kill();
  return times;
}

const { registered, ready } = await joined(() => one.start(flags));
process.stdout.write(
  `join, exec to a Node: ${registered.toFixed(0)} ms, to Ready: ${ready.toFixed(0)} ms\n`,
);
if (minutes === 0) {
  one.down(false);
  cluster.down(false);
  process.exit(0);
}
await until('accounts', () => cluster.kubectl(['get', 'sa', 'default']).code === 0);
cluster.apply(tenPods('one'));
cluster.k('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=120s');
await sleep(settleSeconds * 1000);
const network = one.node.exec(['readlink', '/proc/self/ns/net']).stdout.trim();
const agent = processIn(network, /^\/\S*skiff .*\bagent\b/);
const was = countersOf(agent);
await sleep(minutes * 60_000);
process.stdout.write(usedLine('agent', was, countersOf(agent), minutes));
one.down(false);
cluster.down(false);
