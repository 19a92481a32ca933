/**
 * The arm64 executable, under qemu-user, joins a server of x86_64 as an agent and runs pods through
 * the machine's own containerd:
 *
 *     node test/conformance/arm64.ts INSTRUMENTS [SYSROOT]
 *
 * Needs `npm run build -- --arch arm64`, the packages qemu-user-static, libc6-arm64-cross and
 * libstdc++6-arm64-cross (SYSROOT, default /usr/aarch64-linux-gnu), and
 * INSTRUMENTS/images/pause.tar. Only skiff is emulated: containerd and what runs in containers are
 * the machine's own.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { busybox } from '../e2e/images.ts';
import { ensureKubectl } from '../e2e/kubectl.ts';
import { root, TestCluster, TestNode, until } from '../e2e/node.ts';

const [instruments, sysroot = '/usr/aarch64-linux-gnu'] = process.argv.slice(2);
const binary = join(root, 'dist/skiff-arm64');
if (!instruments || !existsSync(binary) || !existsSync(sysroot)) {
  process.stderr.write('usage: arm64.ts INSTRUMENTS [SYSROOT], after a build for arm64\n');
  process.exit(1);
}
process.env['SKIFF_TEST_KUBECTL'] = ensureKubectl();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const socket = '/run/own/containerd.sock';
const at = '/var/lib/skiff/own';
const patientMs = 240_000;

const cluster = new TestCluster('first');
const arm = new TestNode('arm');
let code = 1;
try {
  await cluster.up({ images: [busybox()] });
  await arm.boot();
  await startContainerd();
  const begun = performance.now();
  const emulated = ['qemu-aarch64-static', '-L', sysroot, binary];
  // The kernel starts no arm64 by itself: it may not start itself anew.
  arm.start(
    [
      ...emulated,
      'agent',
      ...['--server', cluster.url, '--token', cluster.token()],
      ...['--container-runtime-endpoint', `unix://${socket}`],
    ],
    'agent.log',
    { SKIFF_LOW_MEMORY: '1' },
  );
  const seen = (): string => readFileSync(join(arm.disk, 'agent.log'), 'utf8').slice(-3000);
  await until('the node is Ready', () => cluster.nodeIsReady('arm'), {
    timeoutMs: patientMs,
    seen,
  });
  say(`Ready after ${((performance.now() - begun) / 1000).toFixed(0)} s under emulation`);
  await story();
  code = 0;
} catch (error) {
  say(String(error));
} finally {
  arm.destroy({ keepLogs: code !== 0 });
  cluster.down(code !== 0);
}
process.exit(code);

async function startContainerd(): Promise<void> {
  const file = (name: string): string => join(arm.disk, at, name);
  arm.exec(['mkdir', '-p', at]);
  writeFileSync(
    file('containerd.toml'),
    `version = 2
root = "${at}/root"
state = "/run/own"
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10.2"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/var/lib/skiff/agent/etc/cni/net.d"
`,
  );
  arm.start(['containerd', '-c', `${at}/containerd.toml`], 'containerd.log');
  copyFileSync(busybox(), file('busybox.tar'));
  copyFileSync(join(resolve(instruments as string), 'images/pause.tar'), file('pause.tar'));
  for (const name of ['busybox', 'pause']) {
    const command = ['ctr', '-a', socket, '-n', 'k8s.io', 'images', 'import'];
    await until(
      `${name} is imported`,
      () => arm.exec([...command, `${at}/${name}.tar`]).code === 0,
    );
  }
}

/** One Deployment over both architectures, by nodeSelector and by spread. */
async function story(): Promise<void> {
  const arch = (node: string): string =>
    cluster.k('get', 'node', node, '-o', 'jsonpath={.metadata.labels.kubernetes\\.io/arch}');
  if (arch('arm') !== 'arm64' || arch('first') !== 'amd64')
    throw new Error(`architectures: ${arch('arm')}, ${arch('first')}`);
  const pod = (name: string, selector: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: 2
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      ${selector}
      terminationGracePeriodSeconds: 1
      containers:
      - name: c
        image: docker.io/library/busybox:test
        imagePullPolicy: Never
        command: [sh, -c, "echo begun; mkdir /www; hostname > /www/index.html; httpd -f -p 8080 -h /www"]
---`;
  const spread =
    'topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/arch, ' +
    'whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: both}}}]';
  cluster.apply(pod('only', 'nodeSelector: {kubernetes.io/arch: arm64}') + pod('both', spread));
  for (const name of ['only', 'both'])
    await until(
      `${name} runs`,
      () => cluster.k('get', 'deployment', name, '-o', 'jsonpath={.status.readyReplicas}') === '2',
      {
        timeoutMs: patientMs,
        seen: () => cluster.k('describe', 'pods', '-l', `app=${name}`).slice(-3000),
      },
    );
  const nodes = cluster.k(
    'get',
    'pods',
    '-l',
    'app=both',
    '-o',
    'jsonpath={.items[*].spec.nodeName}',
  );
  if (nodes.split(' ').toSorted().join() !== 'arm,first') throw new Error(`both: on ${nodes}`);
  const [name = '', ip = ''] = cluster
    .k(
      'get',
      'pods',
      '-l',
      'app=only',
      '-o',
      'jsonpath={.items[0].metadata.name} {.items[0].status.podIP}',
    )
    .split(' ');
  if (cluster.k('logs', name) !== 'begun\n') throw new Error('no log');
  if (cluster.k('exec', name, '--', 'hostname').trim() !== name) throw new Error('no exec');
  const heard = cluster.node.exec(['curl', '-s', '-m', '10', `http://${ip}:8080/`]).stdout.trim();
  if (heard !== name) throw new Error(`over the overlay: ${heard}`);
  say('a Deployment by nodeSelector and one over both architectures; logs, exec, the overlay');
}
