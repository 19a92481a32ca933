import { connectRuntime } from '../../internal/agent/cri/client.ts';
import { labelNames } from '../../internal/agent/config/labels.ts';
import { ContainerState, PodSandboxState } from '../../internal/wire/cri/cri.ts';
import type { Machine } from './ground.ts';

/** The parts of API objects that are looked at. */
export interface Shown {
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    generation?: number;
    ownerReferences?: { kind: string }[];
  };
  spec?: {
    podCIDR?: string;
    nodeName?: string;
    replicas?: number;
    hostNetwork?: boolean;
    template?: object;
  };
  status?: {
    phase?: string;
    podIP?: string;
    addresses?: { type: string; address: string }[];
    conditions?: { type: string; status: string; message?: string; reason?: string }[];
    containerStatuses?: {
      name: string;
      ready: boolean;
      containerID?: string;
      state?: {
        running?: object;
        waiting?: { reason?: string; message?: string };
        terminated?: object;
      };
    }[];
    observedGeneration?: number;
    readyReplicas?: number;
    updatedReplicas?: number;
    replicas?: number;
    numberReady?: number;
    desiredNumberScheduled?: number;
    succeeded?: number;
  };
  subsets?: { addresses?: { ip: string }[] }[];
}

const kinds = 'nodes,pods,deployments,statefulsets,daemonsets,jobs,endpoints';

/** What the API says, or why it says nothing. */
export async function readApi(machine: Machine): Promise<Shown[] | string> {
  const done = await machine.kubectlBeside([
    'get',
    kinds,
    '-A',
    '-o',
    'json',
    '--request-timeout=8s',
  ]);
  if (done.code !== 0)
    return `the API of ${machine.name} does not answer: ${done.stderr.trim().slice(0, 300)}`;
  return (JSON.parse(done.stdout) as { items: Shown[] }).items;
}

export interface Runtime {
  sandboxes: { id: string; uid: string; ready: boolean; name: string }[];
  containers: { id: string; uid: string; running: boolean; name: string }[];
}

const callTimeoutMs = 3_000;

/** What containerd says: its socket is reached through the node's own root. */
export async function readRuntime(machine: Machine): Promise<Runtime | string> {
  const runtime = connectRuntime(
    `/proc/${machine.node.pid}/root/run/skiff/containerd/containerd.sock`,
  );
  try {
    const [{ items }, { containers }] = await Promise.all([
      runtime.cri.listPodSandbox({}, { timeoutMs: callTimeoutMs }),
      runtime.cri.listContainers({}, { timeoutMs: callTimeoutMs }),
    ]);
    return {
      sandboxes: items.map((s) => ({
        id: s.id,
        uid: s.metadata?.uid ?? '',
        ready: s.state === PodSandboxState.SANDBOX_READY,
        name: s.metadata?.name ?? '',
      })),
      containers: containers.map((c) => ({
        id: c.id,
        uid: c.labels[labelNames.podUid] ?? '',
        running: c.state === ContainerState.CONTAINER_RUNNING,
        name: c.labels[labelNames.podName] ?? '',
      })),
    };
  } catch (error) {
    return `containerd of ${machine.name} does not answer: ${String(error).slice(0, 200)}`;
  } finally {
    runtime.close();
  }
}

export interface Host {
  /** Container or sandbox id -> processes in its cgroup. */
  processes: Map<string, number>;
  shims: string[];
  mounts: string[];
  netns: string[];
  veths: number;
  /** Sandbox ids that hold an address. */
  leases: Map<string, string>;
  nftAddresses: Set<string>;
  /** Where routes of the pods' network lead to. */
  routes: string[];
  /** Other nodes that the overlay's device knows. */
  ways: number;
  folders: { pods: string[]; desired: string[]; cgroups: string[]; logs: string[] };
  /** Megabytes that the logs of each container take. */
  logSizes: Map<string, number>;
  containerds: number;
}

const script = `
for p in /proc/[0-9]*; do c=$(grep -m1 -o 'kubepods/.*' $p/cgroup 2>/dev/null) && echo "proc $c"; done
ps -eo args | grep 'containerd-shim-runc-v2 -namespace' | grep -v -e grep -e ' start$' -e ' delete$' | grep -o -- '-id [0-9a-f]*' | cut -c5- | sort -u | sed 's/^/shim /'
for p in $(pgrep -x containerd); do echo "containerd $p"; done
awk '{print "mount", $5}' /proc/self/mountinfo
for f in /run/netns/*; do [ -e $f ] && echo "netns $f"; done
ip -o link show type veth | grep -v ': eth0' | sed 's/^/veth /'
for f in $(find /run/skiff -path '*/cbr0/10.*' -type f); do echo "lease $(basename $f) $(head -1 $f)"; done
ip -4 route | grep -o '^10\\.42\\.[0-9./]*' | sed 's/^/route /'
for w in $(bridge fdb show dev flannel.1 2>/dev/null | grep ' dst ' | cut -d' ' -f1); do echo "way $w"; done
nft list ruleset | grep -o '10\\.42\\.[0-9]*\\.[0-9]*' | sort -u | sed 's/^/nft /'
for d in pods desired; do ls /var/lib/skiff/agent/$d | sed "s/^/$d /"; done
find /sys/fs/cgroup/memory/kubepods /sys/fs/cgroup/kubepods -type d -name 'pod*' 2>/dev/null | sed 's/.*\\/pod/cgroups /'
ls /var/log/pods | sed 's/.*_/logs /'
du -sm /var/log/pods/*/* | sed 's/^/logsize /'
echo end
`;

/** What the machine holds: processes, mounts, links, rules, folders. */
export async function readHost(machine: Machine): Promise<Host | string> {
  const { stdout: text } = await machine.node.lookBeside(['bash', '-c', script], {
    timeoutMs: 20_000,
  });
  if (!text.endsWith('end\n')) return `${machine.name} cannot be looked at`;
  const host: Host = {
    processes: new Map(),
    shims: [],
    mounts: [],
    netns: [],
    veths: 0,
    leases: new Map(),
    nftAddresses: new Set(),
    routes: [],
    ways: 0,
    folders: { pods: [], desired: [], cgroups: [], logs: [] },
    containerds: 0,
    logSizes: new Map(),
  };
  for (const line of text.split('\n')) {
    const [what, ...rest] = line.split(' ');
    const value = rest.join(' ').trim();
    if (what === 'proc') {
      const id = /([0-9a-f]{64})/.exec(value)?.[1] ?? value;
      host.processes.set(id, (host.processes.get(id) ?? 0) + 1);
    } else if (what === 'shim') host.shims.push(value);
    else if (what === 'mount') host.mounts.push(value);
    else if (what === 'netns') host.netns.push(value);
    else if (what === 'veth') host.veths++;
    else if (what === 'containerd') host.containerds++;
    else if (what === 'lease') host.leases.set(rest[0] ?? '', (rest[1] ?? '').trim());
    else if (what === 'logsize') {
      const [megabytes, path] = value.split('\t');
      host.logSizes.set(path ?? '', Number(megabytes));
    } else if (what === 'route') host.routes.push(value);
    else if (what === 'way') host.ways++;
    else if (what === 'nft') host.nftAddresses.add(value);
    else if (what === 'pods' || what === 'desired' || what === 'cgroups' || what === 'logs')
      host.folders[what].push(value.replace(/\.json$/, ''));
  }
  return host;
}
