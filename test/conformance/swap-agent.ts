/**
 * A skiff agent joins upstream's own control plane, kube-apiserver, controller manager and
 * scheduler, as a kubelet would, and runs Kubernetes' own tests of nodes:
 *
 *     node test/conformance/swap-agent.ts --instruments DIR [--network others|vxlan] [--focus RE]
 *       [--skip RE] [--procs N] [--out DIR] [--table FILE] [--story]
 *
 * DIR is as for `swap-kubelet.ts`, with etcd and the control plane. `others`: the pod network is a
 * CNI file and kube-proxy, as the DaemonSets of a cluster bring them; `vxlan`: both are skiff's.
 * `--story` stops after the node has been looked at with kubectl.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AgentMachine } from '../e2e/agent-machine.ts';
import { ok, run, until, type Result } from '../e2e/node.ts';
import { ControlPlane, etcdCommand, freePort } from './control-plane.ts';

const { values } = parseArgs({
  options: {
    instruments: { type: 'string' },
    network: { type: 'string', default: 'others' },
    focus: { type: 'string' },
    skip: { type: 'string', default: '' },
    procs: { type: 'string', default: '6' },
    out: { type: 'string', default: 'swap-agent-out' },
    table: { type: 'string' },
    story: { type: 'boolean', default: false },
  },
});
if (!values.instruments) {
  process.stderr.write('usage: swap-agent.ts --instruments DIR [--network others|vxlan] ...\n');
  process.exit(1);
}
const tools = resolve(values.instruments);
const folder = join(tools, 'images');
const images = readdirSync(folder)
  .filter((f) => f.endsWith('.tar'))
  .map((f) => join(folder, f));
const token = 'abcdef.0123456789abcdef';
const name = 'skiff-node';
const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** What the network of an agent reads, where skiff makes it (decision 0072). */
const networkRole = `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "skiff:network"}
rules:
- {apiGroups: [""], resources: [nodes, namespaces, pods, services], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [skiff-dns], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies, servicecidrs, ingresses, ingressclasses], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "skiff:network"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "skiff:network"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}]
`;

const machine = new AgentMachine(name);
const out = resolve(values.out);
const plane = new ControlPlane(tools, out, { address: machine.node.hostIp });
const env = { KUBECONFIG: plane.kubeconfig };
const kubectl = (...args: string[]): Result => run([join(tools, 'kubectl'), ...args], { env });
const k = (...args: string[]): string => ok([join(tools, 'kubectl'), ...args], { env });
const apply = (yaml: string): string =>
  ok([join(tools, 'kubectl'), 'apply', '-f', '-'], { env, input: yaml });
let code = 0;
try {
  await machine.boot(images);
  const port = await freePort();
  const etcd = await etcdCommand({
    binary: join(tools, 'etcd'),
    dataDir: join(out, 'etcd'),
    listen: `http://127.0.0.1:${port}`,
  });
  plane.start('etcd', etcd);
  await until('etcd serves', async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok);
  await plane.up(`http://127.0.0.1:${port}`);
  letNodesJoin();
  if (values.network === 'others') networkOfOthers();
  else apply(networkRole);
  const network =
    values.network === 'others'
      ? []
      : [
          `--flannel-backend=${values.network}`,
          '--cluster-cidr=10.42.0.0/16',
          '--service-cidr=10.43.0.0/16',
        ];
  machine.start([
    `--server=${plane.url}`,
    `--token=${token}`,
    `--node-name=${name}`,
    '--cluster-dns=10.43.0.10',
    ...network,
  ]);
  await until('the node is Ready', () => nodeIs('Ready'), {
    timeoutMs: 90_000,
    seen: () => machine.log().slice(-3000),
  });
  say(`Ready: ${k('get', 'node', name, '-o', 'wide')}`);
  if (values.network === 'others') await proxyOfOthers();
  await story();
  if (!values.story) code = conformance();
} catch (error) {
  code = 1;
  say(String(error));
  say(machine.log().slice(-4000));
} finally {
  await plane.stop();
  machine.down(code !== 0);
}
process.exit(code);

function nodeIs(condition: string): boolean {
  const path = `jsonpath={.status.conditions[?(@.type=="${condition}")].status}`;
  return kubectl('get', 'node', name, '-o', path).stdout === 'True';
}

/** What kubeadm sets up: a bootstrap token, who may use it, and whom it vouches for. */
function letNodesJoin(): void {
  const ca = readFileSync(join(out, 'ca.crt')).toString('base64');
  const info = `apiVersion: v1
kind: Config
clusters: [{name: "", cluster: {server: "${plane.url}", certificate-authority-data: ${ca}}}]
`;
  const [id = '', secret = ''] = token.split('.');
  const group = 'system:bootstrappers:kubeadm:default-node-token';
  const binding = (called: string, role: string, who: string): string => `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "${called}"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "${role}"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "${who}"}]
`;
  const requests = 'system:certificates.k8s.io:certificatesigningrequests';
  apply(
    `apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-${id}, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData:
  token-id: ${id}
  token-secret: "${secret}"
  usage-bootstrap-authentication: "true"
  usage-bootstrap-signing: "true"
  auth-extra-groups: ${group}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cluster-info, namespace: kube-public}
data: {kubeconfig: ${JSON.stringify(info)}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: cluster-info, namespace: kube-public}
rules: [{apiGroups: [""], resources: [configmaps], resourceNames: [cluster-info], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: cluster-info, namespace: kube-public}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: cluster-info}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:anonymous"}]
` +
      binding('bootstrap', 'system:node-bootstrapper', group) +
      binding('approve', `${requests}:nodeclient`, group) +
      binding('renew', `${requests}:selfnodeclient`, 'system:nodes'),
  );
}

/** A CNI file where the pod network's DaemonSet would put one, for the range of the one node. */
function networkOfOthers(): void {
  const place = join(machine.node.disk, 'etc/cni/net.d');
  mkdirSync(place, { recursive: true });
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: '10.42.0.0/24' }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: '/run/ipam',
  };
  const plugins = [
    { type: 'ptp', ipMasq: true, ipam },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  writeFileSync(
    join(place, '10-pods.conflist'),
    JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins }),
  );
  machine.node.exec(['bash', '-c', 'mkdir -p /opt/cni/bin; cp /usr/lib/cni/* /opt/cni/bin']);
  machine.node.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
}

async function proxyOfOthers(): Promise<void> {
  const config = join(machine.node.disk, 'var/lib/skiff/proxy.yaml');
  writeFileSync(join(machine.node.disk, 'var/lib/skiff/admin'), readFileSync(plane.kubeconfig));
  writeFileSync(
    config,
    `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: 10.42.0.0/16
clientConnection: {kubeconfig: /var/lib/skiff/admin}
hostnameOverride: ${name}
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0}
`,
  );
  machine.node.start(
    [join(tools, 'kube-proxy'), '--config=/var/lib/skiff/proxy.yaml'],
    'proxy.log',
  );
  await until(
    'kube-proxy carries out Services',
    () => machine.node.exec(['nft', 'list', 'table', 'ip', 'kube-proxy']).code === 0,
  );
}

/** What can be seen of the node before the tests. */
async function story(): Promise<void> {
  await until('its serving certificate is asked for', () => {
    const path =
      '{range .items[?(@.spec.signerName=="kubernetes.io/kubelet-serving")]}{.metadata.name}{end}';
    const asked = k('get', 'csr', '-o', `jsonpath=${path}`);
    return asked !== '' && kubectl('certificate', 'approve', asked.trim()).code === 0;
  });
  const image = 'registry.k8s.io/e2e-test-images/agnhost:2.63.0';
  const serve = ['/agnhost', 'netexec', '--http-port=8080'];
  k('create', 'deployment', 'web', `--image=${image}`, '--', ...serve);
  k('expose', 'deployment', 'web', '--port=80', '--target-port=8080');
  k('rollout', 'status', 'deployment/web', '--timeout=90s');
  await until('logs come by the certificate that was signed', () =>
    kubectl('logs', 'deployment/web').stdout.includes('8080'),
  );
  const address = k('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const pod = k('get', 'pods', '-l', 'app=web', '-o', 'name').trim();
  const asked =
    `for i in $(seq 20); do wget -q -T 3 -O - http://${address}/hostname && break; ` +
    'sleep 0.5; done';
  const heard = k('exec', pod, '--', 'sh', '-c', asked);
  say(`exec, logs, and the Service: ${heard.trim()} answers`);
  machine.kill('KILL');
  machine.start();
  await until('the agent is back', () => kubectl('exec', pod, '--', 'true').code === 0);
  k('delete', 'deployment,service', 'web');
  say('killed and started again: its pods run on');
}

function conformance(): number {
  const table = values.table ?? join(out, 'states.tsv');
  const args = ['--instruments', tools, '--kubeconfig', plane.kubeconfig];
  const more = ['--procs', values.procs, '--out', join(out, 'tests'), '--table', table];
  if (values.skip) more.push('--skip', values.skip);
  args.push('--beyond', `${values.focus ?? ''}.*\\[NodeConformance\\]`);
  mkdirSync(join(out, 'tests'), { recursive: true });
  spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args, ...more], {
    stdio: 'inherit',
  });
  const rows = readFileSync(table, 'utf8').trim().split('\n');
  return rows.every((row) => /^(passed|skipped)/.test(row)) ? 0 : 1;
}
