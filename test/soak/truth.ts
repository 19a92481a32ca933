import type { Machine } from './ground.ts';
import { readApi, readHost, readRuntime, type Host, type Runtime, type Shown } from './observe.ts';
import { namespace } from './workload.ts';
import type { Writer } from './writer.ts';

export interface Wanted {
  machines: Machine[];
  /** What the page of the ConfigMap says now. */
  page: string;
  /** The job that was begun before the fault. */
  job: string | undefined;
  /** The client that writes, when there is one. */
  writer: Writer | undefined;
}

const staticHash = 'kubernetes.io/config.mirror';
/**
 * The uid under which the runtime knows a pod; a static pod's is its hash, in the shape of a uid.
 */
const uidOf = (pod: Shown): string =>
  pod.metadata.annotations?.[staticHash]?.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') ??
  pod.metadata.uid;
const isOver = (pod: Shown): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
const called = (o: Shown): string => `${o.kind} ${o.metadata.name}`;
const short = (id: string): string => id.slice(0, 12);

/** Six files of 10 MB, one of them being rotated, and what a flood writes meanwhile. */
const mostLogMegabytes = 75;
/** The kubelet keeps one that is dead beside the one in use; more may wait for their turn. */
const mostDeadSandboxes = 3;

/**
 * All that is not as it should be; empty when all is well. The first things that fail hide what
 * follows from them.
 */
export async function complaints(wanted: Wanted): Promise<string[]> {
  const [api, servers] = await Promise.all([
    readApi(wanted.machines[0] as Machine),
    ofServers(wanted),
  ]);
  if (typeof api === 'string') return [api];
  const machines = await Promise.all(wanted.machines.map((machine) => ofMachine(machine, api)));
  const first = [
    ...servers,
    ...ofNodes(api, wanted),
    ...ofWorkload(api, wanted),
    ...machines.flat(),
  ];
  if (first.length > 0) return first;
  return [...(await ofService(api, wanted)), ...((await wanted.writer?.complaints()) ?? [])];
}

/** Each of several servers answers for itself. */
async function ofServers({ machines }: Wanted): Promise<string[]> {
  const said = await Promise.all(
    machines.slice(1).map(async (machine) => {
      const done = await machine.kubectlBeside(['get', '--raw', '/readyz', '--request-timeout=5s']);
      return done.stdout === 'ok'
        ? []
        : [`the server of ${machine.name} is not ready: ${done.stderr.trim().slice(0, 200)}`];
    }),
  );
  return said.flat();
}

function ofNodes(api: Shown[], { machines }: Wanted): string[] {
  const nodes = api.filter((o) => o.kind === 'Node');
  const faults: string[] = [];
  for (const { name, ip, doubtsClock } of machines) {
    const node = nodes.find((n) => n.metadata.name === name);
    if (!node) faults.push(`node ${name} is not in the API`);
    for (const { type, status, message } of node?.status?.conditions ?? [])
      if (
        status !== (type === 'Ready' ? 'True' : 'False') &&
        !(doubtsClock && type === 'ClockWrong')
      )
        faults.push(`node ${name}: ${type}=${status}: ${message ?? ''}`);
    if (node && !node.status?.addresses?.some((a) => a.address === ip))
      faults.push(`node ${name} has the address ${ip} and does not say so`);
  }
  const kubernetes = api.find((o) => o.kind === 'Endpoints' && o.metadata.name === 'kubernetes');
  const endpoints = (kubernetes?.subsets ?? [])
    .flatMap((s) => s.addresses ?? [])
    .map((a) => a.ip)
    .sort()
    .join();
  const ips = machines
    .map((m) => m.ip)
    .sort()
    .join();
  if (endpoints !== ips)
    faults.push(`the servers are ${ips}, the endpoints of the API are ${endpoints}`);
  return faults;
}

function ofWorkload(api: Shown[], { machines, job }: Wanted): string[] {
  const faults: string[] = [];
  const named = (kind: string, name: string): Shown | undefined =>
    api.find(
      (o) => o.kind === kind && o.metadata.name === name && o.metadata.namespace === namespace,
    );
  for (const [kind, name] of [
    ['Deployment', 'web'],
    ['StatefulSet', 'db'],
  ] as const) {
    const s = named(kind, name)?.status;
    if (s?.replicas !== 2 || s.readyReplicas !== 2 || s.updatedReplicas !== 2)
      faults.push(
        `${kind} ${name}: ${s?.replicas ?? 0} pods, ${s?.readyReplicas ?? 0} ready, ` +
          `${s?.updatedReplicas ?? 0} updated; wanted 2`,
      );
  }
  const each = named('DaemonSet', 'each')?.status;
  if (each?.numberReady !== machines.length || each.desiredNumberScheduled !== machines.length)
    faults.push(`DaemonSet each: ${each?.numberReady ?? 0} of ${machines.length} ready`);
  if (job !== undefined && named('Job', job)?.status?.succeeded !== 1)
    faults.push(`Job ${job} is not done`);
  const pods = api.filter((o) => o.kind === 'Pod' && !isOver(o));
  for (const pod of pods) {
    if (pod.metadata.deletionTimestamp !== undefined)
      faults.push(`${called(pod)} is still being deleted`);
    else if (pod.status?.phase !== 'Running')
      faults.push(`${called(pod)} is ${pod.status?.phase}${reasonOf(pod)}`);
    else if (!pod.status.containerStatuses?.every((c) => c.ready && c.state?.running))
      faults.push(`${called(pod)} is not ready${reasonOf(pod)}`);
  }
  for (const { name } of machines)
    if (!pods.some((p) => p.metadata.name === `fixed-${name}`))
      faults.push(`the static pod of ${name} is not shown`);
  const ips = pods
    .filter((p) => !p.spec?.hostNetwork)
    .map((p) => p.status?.podIP)
    .filter(Boolean);
  if (new Set(ips).size !== ips.length)
    faults.push(`two pods have one address: ${ips.sort().join()}`);
  return faults;
}

function reasonOf(pod: Shown): string {
  const waiting = pod.status?.containerStatuses?.map((c) => c.state?.waiting).find(Boolean);
  const condition = pod.status?.conditions?.find((c) => c.status !== 'True' && c.message);
  return waiting
    ? `: ${waiting.reason}: ${waiting.message ?? ''}`
    : condition
      ? `: ${condition.type}: ${condition.message}`
      : '';
}

async function ofMachine(machine: Machine, api: Shown[]): Promise<string[]> {
  const [runtime, host] = await Promise.all([readRuntime(machine), readHost(machine)]);
  if (typeof runtime === 'string') return [runtime];
  if (typeof host === 'string') return [host];
  const pods = api.filter((o) => o.kind === 'Pod' && o.spec?.nodeName === machine.name);
  return [
    ...ofRuntime(pods, runtime),
    ...ofHost(pods, runtime, host),
    ...ofRules(api, host),
    ...ofRoutes(api, host, machine),
  ].map((line) => `${machine.name}: ${line}`);
}

/**
 * The API tells of what the runtime holds, and the runtime holds nothing that the API does not
 * know.
 */
function ofRuntime(pods: Shown[], { sandboxes, containers }: Runtime): string[] {
  const faults: string[] = [];
  const known = new Map(pods.map((p) => [uidOf(p), p]));
  for (const pod of pods.filter((p) => p.status?.phase === 'Running')) {
    const ready = sandboxes.filter((s) => s.uid === uidOf(pod) && s.ready);
    const dead = sandboxes.filter((s) => s.uid === uidOf(pod) && !s.ready).length;
    if (dead > mostDeadSandboxes) faults.push(`${called(pod)} has ${dead} dead sandboxes`);
    if (ready.length !== 1)
      faults.push(`${called(pod)} is Running and has ${ready.length} sandboxes`);
    for (const c of pod.status?.containerStatuses ?? []) {
      const id = c.containerID?.replace('containerd://', '');
      if (c.state?.running && !containers.some((r) => r.id === id && r.running))
        faults.push(
          `${called(pod)}: ${c.name} runs, says the API; ${short(id ?? '')} does not, says ` +
            'the runtime',
        );
    }
  }
  for (const s of sandboxes) {
    const pod = known.get(s.uid);
    if (!pod)
      faults.push(`a sandbox of ${s.name} is left (${short(s.id)}${s.ready ? ', ready' : ''})`);
    else if (isOver(pod) && s.ready) faults.push(`${called(pod)} is over and its sandbox is ready`);
  }
  for (const c of containers) {
    const pod = known.get(c.uid);
    const shown = pod?.status?.containerStatuses?.some((s) => s.containerID?.endsWith(c.id));
    if (!pod) faults.push(`a container of ${c.name} is left (${short(c.id)})`);
    else if (c.running && !shown)
      faults.push(`${called(pod)}: ${short(c.id)} runs and the API does not tell of it`);
  }
  return faults;
}

/** Nothing on the machine is anybody's who is gone. */
function ofHost(pods: Shown[], { sandboxes, containers }: Runtime, host: Host): string[] {
  const faults: string[] = [];
  const running = new Set(
    [...sandboxes.filter((s) => s.ready), ...containers.filter((c) => c.running)].map((x) => x.id),
  );
  const ids = new Set([...sandboxes, ...containers].map((x) => x.id));
  const uids = new Set(pods.map(uidOf));
  const networked = sandboxes.filter((s) => s.ready);
  for (const [id, count] of host.processes)
    if (!running.has(id)) faults.push(`${count} processes in ${short(id)}, which does not run`);
  for (const id of running)
    if (!host.processes.has(id))
      faults.push(`${short(id)} runs, says the runtime, and has no process`);
  const shims = new Set(host.shims);
  for (const shim of shims) if (!ids.has(shim)) faults.push(`a shim of ${short(shim)} is left`);
  if (host.containerds !== 1) faults.push(`${host.containerds} containerd processes`);
  for (const mount of host.mounts) {
    const id = /\/([0-9a-f]{64})(?:\/|$)/.exec(mount)?.[1];
    const uid = /\/pods\/([0-9a-f-]{36}|[0-9a-f]{32})\//.exec(mount)?.[1];
    if (id !== undefined && !running.has(id)) faults.push(`a mount is left: ${mount}`);
    if (uid !== undefined && !uids.has(uid)) faults.push(`a mount is left: ${mount}`);
  }
  for (const [what, count] of [
    ['network namespaces', host.netns.length],
    ['links of pods', host.veths],
    ['addresses', host.leases.size],
  ] as const) {
    if (count !== networked.length)
      faults.push(`${count} ${what} for ${networked.length} sandboxes`);
  }
  for (const [ip, id] of host.leases)
    if (!running.has(id))
      faults.push(`the address ${ip} is held for ${short(id)}, which does not run`);
  for (const [path, megabytes] of host.logSizes)
    if (megabytes > mostLogMegabytes) faults.push(`the logs in ${path} take ${megabytes} MB`);
  for (const [what, names] of Object.entries(host.folders))
    for (const uid of names)
      if (uid && !uids.has(uid)) faults.push(`${what}: ${uid} is left, of no pod`);
  return faults;
}

/** The rules know no address that no pod of any node has. */
function ofRules(api: Shown[], host: Host): string[] {
  const ips = new Set(api.filter((o) => o.kind === 'Pod').map((p) => p.status?.podIP));
  return [...host.nftAddresses]
    .filter((ip) => !/\.(?:0|1|255)$/.test(ip) && !ips.has(ip))
    .map((ip) => `nft knows ${ip}, which no pod has`);
}

/** One way to each pod of this node and to each other node, and none besides. */
function ofRoutes(api: Shown[], { routes, ways }: Host, machine: Machine): string[] {
  const nodes = api.filter((o) => o.kind === 'Node' && o.metadata.name !== machine.name);
  const ranges = nodes.flatMap((node) => node.spec?.podCIDR ?? []).sort();
  const pods = api.filter(
    (o) => o.kind === 'Pod' && o.spec?.nodeName === machine.name && !o.spec.hostNetwork,
  );
  const ips = pods.flatMap((pod) => (isOver(pod) ? [] : (pod.status?.podIP ?? []))).sort();
  return [
    ...unlike('routes to nodes', routes.filter((to) => to.includes('/')).sort(), ranges),
    ...unlike('routes to pods', routes.filter((to) => !to.includes('/')).sort(), ips),
    ...(ways === ranges.length
      ? []
      : [`${ways} entries of the overlay for ${ranges.length} nodes`]),
  ];
}

const unlike = (what: string, found: string[], wanted: string[]): string[] =>
  found.join() === wanted.join()
    ? []
    : [`${what}: ${found.join(' ') || 'none'}; wanted ${wanted.join(' ') || 'none'}`];

/** Each node's pod reaches every server by its name, and reads what the ConfigMap says now. */
async function ofService(api: Shown[], { machines, page }: Wanted): Promise<string[]> {
  const [machine] = machines as [Machine];
  const names = [`web.${namespace}.svc.cluster.local`, 'db-0.db', 'db-1.db'];
  const script = names
    .map((n) => `echo "${n} $(timeout 4 wget -q -O - http://${n}/ 2>&1)"`)
    .join('; ');
  const pods = api.filter(
    (o) => o.kind === 'Pod' && o.metadata.labels?.['app'] === 'each' && !isOver(o),
  );
  const ask = async (pod: Shown): Promise<string[]> => {
    const { name } = pod.metadata;
    const [done, logs] = await Promise.all([
      machine.kubectlBeside(['-n', namespace, 'exec', name, '--', 'sh', '-c', script]),
      machine.kubectlBeside(['-n', namespace, 'logs', name, '--tail=1']),
    ]);
    const faults: string[] = [];
    if (done.code !== 0) faults.push(`exec in ${called(pod)}: ${done.stderr.trim().slice(0, 200)}`);
    else
      for (const line of done.stdout.trim().split('\n'))
        if (!line.endsWith(` ${page}`)) faults.push(`from ${called(pod)}: ${line}; wanted ${page}`);
    if (logs.stdout !== 'started\n')
      faults.push(`logs of ${called(pod)}: ${(logs.stdout + logs.stderr).trim().slice(0, 200)}`);
    return faults;
  };
  return (await Promise.all(pods.map(ask))).flat();
}
