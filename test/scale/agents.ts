import type { Lease } from '../../internal/api/generated/types/coordination-v1.ts';
import type { Node, Pod } from '../../internal/api/generated/types/core-v1.ts';
import type { Client } from '../../internal/client/client.ts';
import { httpClient } from '../../internal/client/http.ts';
import { refs } from '../../internal/client/refs.ts';
import { openHttpClient, type HttpClient } from '../../internal/io/http-client.ts';
import { realRandom } from '../../internal/io/random.ts';
import { issueCert, type Identity } from '../../internal/pki/certificate.ts';
import { nodeRequest } from '../../internal/pki/node-certificates.ts';

export interface Cluster {
  server: string;
  serverCa: string;
  clientCa: Identity;
}

/** As the agent renews its Lease, and a watch is reopened. */
const renewMs = 10_000;
const againMs = 1000;
/** What the network of a node watches; what comes is counted, not read. */
const networkPaths = [
  '/api/v1/services',
  '/api/v1/nodes',
  '/api/v1/namespaces',
  '/apis/discovery.k8s.io/v1/endpointslices',
  '/apis/networking.k8s.io/v1/networkpolicies',
  '/apis/networking.k8s.io/v1/servicecidrs',
];
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A node that is nothing but its connections. */
export class PlayedAgent {
  readonly name: string;
  readonly #index: number;
  readonly #kubelet: Client & { close(): void };
  readonly #network: HttpClient;
  readonly #running = new Set<string>();
  #stopped = false;
  networkBytes = 0;
  failures = 0;

  constructor(index: number, cluster: Cluster) {
    this.#index = index;
    this.name = `played-${index}`;
    const issue = (purpose: 'kubelet' | 'network'): Identity =>
      issueCert({
        ...nodeRequest(purpose, { nodeName: this.name, addresses: [] }),
        nowMs: Date.now(),
        random: realRandom,
        ca: cluster.clientCa,
      });
    const [kubelet, network] = [issue('kubelet'), issue('network')];
    const { server, serverCa: ca } = cluster;
    this.#kubelet = httpClient({ server, ca, ...kubelet, userAgent: 'played' });
    this.#network = openHttpClient({ server: () => server, tls: () => ({ ca, ...network }) });
  }

  get pods(): number {
    return this.#running.size;
  }

  /** Registers, and does what an agent does from then on. Resolves when the Node is Ready. */
  async join(): Promise<void> {
    const client = this.#kubelet;
    await this.#insist(() => client.create<Node>(refs.nodes, this.#node()));
    let lease = await this.#insist(() =>
      client.create<Lease>(
        refs.leases,
        {
          metadata: { name: this.name, namespace: 'kube-node-lease' },
          spec: { holderIdentity: this.name, leaseDurationSeconds: 40, renewTime: micro() },
        },
        { namespace: 'kube-node-lease' },
      ),
    );
    this.#watchPods();
    for (const path of networkPaths) void this.#watchNetwork(path);
    void (async () => {
      await sleep((this.#index * 7919) % renewMs);
      while (!this.#stopped) {
        try {
          const spec = { ...lease.spec, renewTime: micro() };
          lease = await client.update<Lease>(refs.leases, { ...lease, spec });
        } catch {
          this.failures += 1;
          const where = { namespace: 'kube-node-lease', name: this.name };
          lease = await client.get<Lease>(refs.leases, where).catch(() => lease);
        }
        await sleep(renewMs);
      }
    })();
  }

  stop(): void {
    this.#stopped = true;
    this.#kubelet.close();
    this.#network.close();
  }

  /** Until it is done: a server that begins again answers nobody for a while. */
  async #insist<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (this.#stopped) throw error;
        this.failures += 1;
        await sleep(againMs);
      }
    }
  }

  #watchPods(): void {
    const again = (): void => {
      if (!this.#stopped) setTimeout(() => this.#watchPods(), againMs);
    };
    this.#kubelet.watch<Pod>(
      refs.pods,
      { fieldSelector: `spec.nodeName=${this.name}`, sendInitialEvents: true },
      {
        onEvent: (type, object) => {
          if (type === 'DELETED') this.#running.delete(object.metadata.uid ?? '');
          else void this.#run(object);
        },
        onEnd: again,
      },
    );
  }

  async #run(pod: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '', deletionTimestamp } = pod.metadata;
    if (deletionTimestamp) {
      await this.#kubelet
        .delete(refs.pods, { namespace, name }, { gracePeriodSeconds: 0 })
        .catch(() => undefined);
      return;
    }
    if (pod.status.phase === 'Running') return void this.#running.add(uid);
    if (this.#running.has(uid)) return;
    this.#running.add(uid);
    const at = new Date().toISOString().replace(/\.\d+/, '');
    const n = this.#index * 200 + this.#running.size;
    const podIP = `10.42.${(n >> 8) & 255}.${n & 255}`;
    const yes = (type: string): object => ({ type, status: 'True', lastTransitionTime: at });
    const status = {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      startTime: at,
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(yes),
      containerStatuses: pod.spec.containers.map((c) => ({
        name: c.name,
        image: c.image,
        imageID: '',
        ready: true,
        started: true,
        restartCount: 0,
        state: { running: { startedAt: at } },
      })),
    };
    await this.#insist(() =>
      this.#kubelet.patch<Pod>(
        refs.pods,
        { namespace, name, subresource: 'status' },
        { type: 'strategic', body: { metadata: { uid }, status } },
      ),
    ).catch(() => undefined);
  }

  async #watchNetwork(path: string): Promise<void> {
    const query = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
    while (!this.#stopped) {
      await this.#network
        .request(
          'scale.watch',
          {
            method: 'GET',
            path: `${path}?${query}&allowWatchBookmarks=true`,
            headers: { accept: 'application/json' },
            timeoutMs: 0,
          },
          { data: (chunk) => void (this.networkBytes += chunk.length) },
        )
        .catch(() => undefined);
      await sleep(againMs);
    }
  }

  #node(): object {
    const now = new Date().toISOString().replace(/\.\d+/, '');
    const n = this.#index + 2;
    const amounts = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi' };
    const condition = (type: string, status: string): object => ({
      type,
      status,
      reason: 'Played',
      message: 'there is no machine behind this node',
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    });
    return {
      metadata: {
        name: this.name,
        labels: {
          'kubernetes.io/hostname': this.name,
          'kubernetes.io/os': 'linux',
          'kubernetes.io/arch': 'amd64',
        },
      },
      status: {
        capacity: amounts,
        allocatable: amounts,
        addresses: [
          { type: 'InternalIP', address: `100.64.${(n >> 8) & 255}.${n & 255}` },
          { type: 'Hostname', address: this.name },
        ],
        conditions: [
          condition('MemoryPressure', 'False'),
          condition('DiskPressure', 'False'),
          condition('PIDPressure', 'False'),
          condition('Ready', 'True'),
        ],
        daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
        nodeInfo: {
          machineID: this.name,
          systemUUID: this.name,
          bootID: this.name,
          kernelVersion: '6.1.0',
          osImage: 'none',
          containerRuntimeVersion: 'played://1',
          kubeletVersion: 'v1.36.3',
          kubeProxyVersion: '',
          operatingSystem: 'linux',
          architecture: 'amd64',
        },
      },
    };
  }
}

const micro = (): string => new Date().toISOString().replace('Z', '000Z');
