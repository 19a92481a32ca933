/**
 * A server in a cgroup with little memory, and ten pods that are new to it:
 * `SKIFF_TEST_DISK=/var/tmp tight.ts [MEBIBYTES]`. On a disk, because the pages of a file system in
 * memory count in the cgroup. cgroup v1 only.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { busybox } from '../e2e/images.ts';
import { root, TestCluster, until } from '../e2e/node.ts';

const limitMiB = Number(process.argv[2] ?? 128);
const cluster = new TestCluster('tight');
const group = '/sys/fs/cgroup/memory/tight';
const supervise =
  `mkdir -p ${group}; echo $((${limitMiB} << 20)) > ${group}/memory.limit_in_bytes; echo ` +
  `$BASHPID > ${group}/cgroup.procs; while :; do "$@"; sleep 1; done`;
const ten = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ten}
spec:
  replicas: 10
  selector: {matchLabels: {app: ten}}
  template:
    metadata: {labels: {app: ten}}
    spec: {containers: [{name: c, image: "docker.io/library/busybox:test", command: [sleep, "100000"]}]}
`;
const say = (when: string): void => {
  const kills = cluster.node
    .exec(['sed', '-n', 's/^oom_kill //p', `${group}/memory.oom_control`])
    .stdout.trim();
  const most =
    Number(cluster.node.exec(['cat', `${group}/memory.max_usage_in_bytes`]).stdout) >> 20;
  process.stdout.write(
    `${when}: at most ${most} of ${limitMiB} MiB, ${kills} killed for want of memory\n`,
  );
};
try {
  await cluster.node.boot();
  const images = join(cluster.node.disk, 'var/lib/skiff/agent/images');
  mkdirSync(images, { recursive: true });
  copyFileSync(busybox(), join(images, 'busybox.tar'));
  cluster.node.start(
    [
      'bash',
      '-c',
      supervise,
      'supervise',
      process.env['SKIFF_TEST_BINARY'] ?? join(root, 'dist/skiff'),
      'server',
    ],
    'server.log',
  );
  await cluster.ready();
  say('idle');
  cluster.apply(ten);
  const began = performance.now();
  await until(
    'ten pods are ready',
    () =>
      cluster.kubectl(['get', 'deployment', 'ten', '-o', 'jsonpath={.status.readyReplicas}'], {
        timeoutMs: 5000,
      }).stdout === '10',
  );
  say(`ten pods after ${((performance.now() - began) / 1000).toFixed(1)} s`);
} finally {
  cluster.down(false);
}
process.exit();
