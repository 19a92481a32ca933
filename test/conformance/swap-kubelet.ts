/**
 * A real kubelet and a real kube-proxy join skiff's server, beside its own node, and run pods:
 *
 *     node test/conformance/swap-kubelet.ts INSTRUMENTS
 *
 * INSTRUMENTS holds upstream's kubelet and kube-proxy, `containerd/usr/bin` of 2.0 or newer and
 * `images`; runc and the CNI plug-ins are the machine's. With a `flanneld` there the pods of both
 * nodes reach each other through VXLAN, Flannel's on one side; else by routes of this machine.
 * Prints what was seen, and ends with status 1 at the first difference.
 */
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ok, run, TestCluster, TestNode, until } from '../e2e/node.ts';
import { ensureKubectl } from '../e2e/kubectl.ts';

const instruments = resolve(process.argv[2] ?? '');
if (!process.argv[2]) {
  process.stderr.write('usage: swap-kubelet.ts INSTRUMENTS\n');
  process.exit(1);
}
process.env['SKIFF_TEST_KUBECTL'] = ensureKubectl();
const images = ['pause', 'busybox', 'agnhost'].map((n) => join(instruments, `images/${n}.tar`));
const agnhost = 'registry.k8s.io/e2e-test-images/agnhost:2.63.0';
const flanneld = join(instruments, 'flanneld');
const name = 'real';
const at = '/var/lib/skiff/real';
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const cluster = new TestCluster();
const real = new TestNode(name);
const routes: string[] = [];
let code = 0;
try {
  await cluster.up({ images });
  await real.boot();
  startNode();
  await until('the Node is registered', () => cluster.kubectl(['get', 'node', name]).code === 0, {
    timeoutMs: 120_000,
  });
  const range = cluster.k('get', 'node', name, '-o', 'jsonpath={.spec.podCIDR}');
  const own = cluster.k('get', 'node', cluster.node.name, '-o', 'jsonpath={.spec.podCIDR}');
  if (existsSync(flanneld)) flannel();
  else {
    route(range, real.ip);
    route(own, cluster.node.ip);
  }
  network(range);
  await until('its serving certificate is asked for', () => {
    const asked = cluster.k('get', 'csr', '-o', 'name').trim();
    return asked !== '' && cluster.kubectl(['certificate', 'approve', asked]).code === 0;
  });
  await until('it is Ready', () => cluster.nodeIsReady(name), { timeoutMs: 120_000 });
  const version = 'jsonpath={.status.nodeInfo.kubeletVersion}';
  say(`Ready: kubelet ${cluster.k('get', 'node', name, '-o', version)}`);
  await story();
} catch (error) {
  code = 1;
  say(String(error));
} finally {
  for (const one of routes) run(['ip', 'route', 'del', one]);
  real.destroy({ keepLogs: code !== 0 });
  cluster.down(code !== 0);
}
process.exit(code);

function route(range: string, via: string): void {
  ok(['ip', 'route', 'replace', range, 'via', via]);
  routes.push(range);
}

/** containerd, kubelet and kube-proxy, as a node by hand has them. */
function startNode(): void {
  const disk = join(real.disk, at);
  mkdirSync(join(disk, 'cni'), { recursive: true });
  const file = (called: string, text: string): void => writeFileSync(join(disk, called), text);
  copyFileSync(cluster.kubeconfig, join(disk, 'kubeconfig'));
  copyFileSync(
    join(cluster.node.disk, 'var/lib/skiff/server/tls/client-ca.crt'),
    join(disk, 'client-ca.crt'),
  );
  const socket = '/run/real-containerd/containerd.sock';
  file(
    'containerd.toml',
    `version = 3
root = "${at}/containerd"
state = "/run/real-containerd"
[grpc]
  address = "${socket}"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "registry.k8s.io/pause:3.10.2"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "${at}/cni"
`,
  );
  file(
    'kubelet.yaml',
    `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: cgroupfs
serverTLSBootstrap: true
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: ${at}/client-ca.crt}}
authorization: {mode: Webhook}
clusterDNS: [10.43.0.10]
containerRuntimeEndpoint: unix://${socket}
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "100Mi"}
oomScoreAdj: 0
`,
  );
  file(
    'proxy.yaml',
    `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: 10.42.0.0/16
clientConnection: {kubeconfig: ${at}/kubeconfig}
hostnameOverride: ${name}
oomScoreAdj: 0
conntrack: {maxPerCore: 0, min: 0}
`,
  );
  const bin = join(instruments, 'containerd/usr/bin');
  const path = { PATH: `${bin}:${process.env['PATH'] ?? ''}` };
  real.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
  real.start([join(bin, 'containerd'), '-c', `${at}/containerd.toml`], 'containerd.log', path);
  const ctr = [join(bin, 'ctr'), '-a', socket, '-n', 'k8s.io', 'images', 'import'];
  const load = (image: string): string => `until ${ctr.join(' ')} ${image}; do sleep 0.2; done`;
  const imported = real.exec(['timeout', '120', 'bash', '-c', images.map(load).join('; ')], {
    timeoutMs: 130_000,
  });
  if (imported.code !== 0) throw new Error(`images: ${imported.stderr}`);
  const own = [`--hostname-override=${name}`, `--kubeconfig=${at}/kubeconfig`];
  const kubelet = [`--config=${at}/kubelet.yaml`, `--root-dir=${at}/kubelet`];
  real.start(
    [join(instruments, 'kubelet'), ...own, ...kubelet, `--node-ip=${real.ip}`],
    'agent.log',
  );
  real.start([join(instruments, 'kube-proxy'), `--config=${at}/proxy.yaml`], 'proxy.log');
}

function flannel(): void {
  const config = { Network: '10.42.0.0/16', Backend: { Type: 'vxlan', VNI: 1, Port: 8472 } };
  writeFileSync(join(real.disk, at, 'net-conf.json'), JSON.stringify(config));
  const files = [`--net-config-path=${at}/net-conf.json`, '--subnet-file=/run/subnet.env'];
  const kube = ['--kube-subnet-mgr', `--kubeconfig-file=${at}/kubeconfig`, '--iface=eth0'];
  real.start([flanneld, ...kube, ...files, '--iptables-forward-rules=false'], 'flannel.log', {
    NODE_NAME: name,
  });
  say('the overlay of the node is made by flanneld');
}

/** Its pods' network, of the range that the server gave it. */
function network(range: string): void {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: range }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const plugins = [
    { type: 'ptp', mtu: 1450, ipMasq: false, ipam: { ...ipam, dataDir: '/run/ipam' } },
  ];
  writeFileSync(
    join(real.disk, at, 'cni/10-ptp.conflist'),
    JSON.stringify({ cniVersion: '0.4.0', name: 'pods', plugins }),
  );
}

async function story(): Promise<void> {
  cluster.apply(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: web
        image: ${agnhost}
        args: [netexec, --http-port=8080]
        readinessProbe: {httpGet: {path: /hostname, port: 8080}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
`);
  cluster.k('rollout', 'status', 'deployment/web', '--timeout=120s');
  const podsOf = (node: string): string[] =>
    cluster
      .k('get', 'pods', '-l', 'app=web', `--field-selector=spec.nodeName=${node}`, '-o', 'name')
      .trim()
      .split('\n');
  const service = cluster.k('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const everyone = [cluster.node.name, name].flatMap(podsOf).map((pod) => pod.replace('pod/', ''));
  for (const node of [cluster.node.name, name]) {
    const [pod = ''] = podsOf(node);
    if (podsOf(node).length !== 2) throw new Error(`${node} has ${podsOf(node).length} of 4 pods`);
    const asked = `for i in $(seq 40); do wget -q -T 3 -O - http://${service}/hostname; echo; done`;
    heard(`a pod on ${node}, through the Service`, cluster.k('exec', pod, '--', 'sh', '-c', asked));
    if (!cluster.k('logs', pod).includes('GET /hostname')) throw new Error(`no log of ${pod}`);
  }
  for (const { ip } of [cluster.node, real]) {
    const asked = `for i in $(seq 40); do curl -s -m 3 http://${ip}:30080/hostname; echo; done`;
    heard(`NodePort of ${ip}`, ok(['bash', '-c', asked]));
  }
  await until('its use is told', () => {
    const top = cluster.kubectl(['top', 'node', name, '--no-headers']);
    return top.code === 0 && !top.stdout.includes('unknown');
  });
  say('logs, exec and top: as on a node of skiff');
  cluster.k('drain', name, '--ignore-daemonsets', '--timeout=120s');
  cluster.k('uncordon', name);
  say('drained');

  /** Every pod has answered, those of the other node, too. */
  function heard(who: string, text: string): void {
    const missing = everyone.filter((pod) => !text.includes(pod));
    if (missing.length) throw new Error(`${who}: no answer of ${missing.join(', ')}:\n${text}`);
    say(`${who}: all ${everyone.length} pods answer`);
  }
}
