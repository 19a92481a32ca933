import type { Lease } from '../../api/generated/types/coordination-v1.ts';
import type { Node, NodeStatus } from '../../api/generated/types/core-v1.ts';
import { deepCopy } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { refs } from '../../client/refs.ts';
import { microTimeOf, timeOf } from '../../api/times.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { NodeFacts } from './facts.ts';
import {
  differs,
  missingAnnotations,
  missingLabels,
  newNode,
  nodeStatus,
  type NodeReport,
  type NodeSettings,
} from './object.ts';

export interface NodeStatusOptions {
  client: Client;
  facts: NodeFacts;
  settings: NodeSettings;
  /** What is true now; asked for at each write. */
  report(): NodeReport | Promise<NodeReport>;
  /**
   * Called with the node's pod networks, with commas between them, as soon as it has any, and again
   * when they change.
   */
  onPodCidr(podCidr: string): void;
  clock: Clock;
  log: Log;
}

export interface NodeStatusWriter {
  /** Resolves when the Node is registered. */
  readonly registered: Promise<Node>;
  /** Something of the report changed: write it now. */
  update(): void;
  /** A watch shows the Node as another writer left it (its pod network, above all). */
  observe(node: Node): void;
  stop(): void;
}

/** The kubelet's nodeStatusReportFrequency: an unchanged status is written this often. */
const defaultReportMs = 300_000;
/** nodeLeaseDurationSeconds, and a quarter of it between renewals. */
const leaseSeconds = 40;
const renewMs = 10_000;
const retryMs = 1000;
const longestRetryMs = 10_000;
/** Somebody who writes our part of the status again and again is answered this often. */
const leastAnswerMs = 1000;

/** Registers the node and keeps its status and Lease, until stopped. */
export function startNodeStatus(options: NodeStatusOptions): NodeStatusWriter {
  return new Writer(options);
}

class Writer implements NodeStatusWriter {
  readonly registered: Promise<Node>;
  readonly #o: NodeStatusOptions;
  #node: Node | undefined;
  #lease: Lease | undefined;
  /** The renewals of the Lease failed: the node may have been taken for lost meanwhile. */
  #away = false;
  /** The status as we last left it. */
  #left: NodeStatus | undefined;
  #answeredMs = -Infinity;
  #podCidr = '';
  #writing = false;
  #again = false;
  #stopped = false;
  #failures = 0;
  readonly #reportMs: number;
  readonly #timers = new Map<string, Timer>();

  constructor(options: NodeStatusOptions) {
    this.#o = options;
    this.#reportMs = options.settings.statusReportMs ?? defaultReportMs;
    this.registered = this.#register();
    void this.registered.then(
      () => {
        this.update();
        void this.#renew();
      },
      () => undefined,
    );
  }

  update(): void {
    if (!this.#node || this.#stopped) return;
    if (this.#writing) this.#again = true;
    else void this.#write();
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  #later(name: string, delayMs: number, fn: () => void): void {
    this.#timers.get(name)?.cancel();
    if (!this.#stopped) this.#timers.set(name, this.#o.clock.after(name, delayMs, fn));
  }

  async #register(): Promise<Node> {
    const { settings, clock, log } = this.#o;
    for (let attempt = 0; !this.#stopped; attempt++) {
      try {
        const node = await this.#registerOnce();
        this.#saw(node);
        return node;
      } catch (error) {
        log.warn('cannot register the node yet', { node: settings.name, error: messageOf(error) });
        await clock.sleep('node.register', Math.min(retryMs * 2 ** attempt, longestRetryMs));
      }
    }
    throw new ApiError('ServiceUnavailable', 'stopped before the node was registered');
  }

  async #registerOnce(): Promise<Node> {
    const { client, facts, settings } = this.#o;
    const now = timeOf(this.#o.clock.now());
    try {
      const node = newNode(facts, settings);
      return await client.create<Node>(refs.nodes, {
        ...node,
        status: nodeStatus(node, facts, settings, await this.#o.report(), now),
      });
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    }
    const node = await client.get<Node>(refs.nodes, { name: settings.name });
    const labels = missingLabels(node, facts, settings);
    return labels ? await this.#mark({ labels }) : node;
  }

  async #mark(metadata: Record<string, Record<string, string>>): Promise<Node> {
    const { client, settings } = this.#o;
    const body = { metadata };
    return await client.patch<Node>(refs.nodes, { name: settings.name }, { type: 'merge', body });
  }

  #saw(node: Node): void {
    this.#node = node;
    const podCidr = (node.spec.podCIDRs ?? [node.spec.podCIDR ?? '']).join(',');
    if (podCidr && podCidr !== this.#podCidr) {
      this.#podCidr = podCidr;
      this.#o.onPodCidr(podCidr);
    }
  }

  observe(node: Node): void {
    const left = this.#left;
    const news = isNewer(node, this.#node);
    this.#saw(node);
    // The node lifecycle controller, above all, writes Ready=Unknown while we are away, and nobody
    // but us takes it back.
    if (!left || !news || !differs(left, node.status)) return;
    const now = this.#o.clock.monotonicMs();
    this.#later('node.answer', Math.max(0, this.#answeredMs + leastAnswerMs - now), () => {
      this.#answeredMs = this.#o.clock.monotonicMs();
      this.update();
    });
  }

  async #write(): Promise<void> {
    const { client, settings, clock, log } = this.#o;
    this.#writing = true;
    this.#again = false;
    try {
      let before = await client.get<Node>(refs.nodes, { name: settings.name });
      const annotations = missingAnnotations(before, settings);
      if (annotations) before = await this.#mark({ annotations });
      this.#saw(before);
      const status = nodeStatus(
        before,
        this.#o.facts,
        settings,
        await this.#o.report(),
        timeOf(clock.now()),
      );
      const heartbeat =
        Date.parse(
          (before.status.conditions ?? []).find((c) => c.type === 'Ready')?.lastHeartbeatTime ?? '',
        ) || 0;
      if (differs(before.status, status) || clock.now() - heartbeat >= this.#reportMs - retryMs) {
        const next = { ...deepCopy(before), status };
        const written = await client.update<Node>(refs.nodes, next, { subresource: 'status' });
        this.#saw(written);
        this.#left = written.status;
      } else this.#left = before.status;
      this.#failures = 0;
      this.#later('node.status', this.#reportMs, () => this.update());
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'NotFound') void this.#reregister();
      else if (!(error instanceof ApiError && error.reason === 'Conflict'))
        log.warn('cannot write the node status', { error: messageOf(error) });
      this.#later('node.status', Math.min(retryMs * 2 ** this.#failures++, longestRetryMs), () =>
        this.update(),
      );
    }
    this.#writing = false;
    if (this.#again) this.update();
  }

  /** Somebody deleted the Node: it comes back, as the kubelet's does. */
  async #reregister(): Promise<void> {
    try {
      this.#podCidr = '';
      this.#saw(await this.#registerOnce());
    } catch (error) {
      this.#o.log.warn('cannot register the node again', { error: messageOf(error) });
    }
  }

  async #renew(): Promise<void> {
    const { client, settings, clock, log } = this.#o;
    let next = renewMs;
    try {
      const renewTime = microTimeOf(clock.now());
      if (this.#lease) {
        const renewed = deepCopy(this.#lease);
        renewed.spec = { ...renewed.spec, renewTime };
        this.#lease = await client.update<Lease>(refs.leases, renewed);
      } else this.#lease = await this.#takeLease(renewTime);
      if (this.#away) this.update();
      this.#away = false;
    } catch (error) {
      this.#lease = undefined;
      this.#away = true;
      next = retryMs;
      log.debug('cannot renew the node lease', { node: settings.name, error: messageOf(error) });
    }
    this.#later('node.lease', next, () => void this.#renew());
  }

  async #takeLease(renewTime: string): Promise<Lease> {
    const { client, settings } = this.#o;
    const where = { namespace: 'kube-node-lease', name: settings.name };
    const uid = this.#node?.metadata.uid ?? '';
    const spec = { holderIdentity: settings.name, leaseDurationSeconds: leaseSeconds, renewTime };
    try {
      const there = deepCopy(await client.get<Lease>(refs.leases, where));
      return await client.update<Lease>(refs.leases, {
        ...there,
        spec: { ...there.spec, ...spec },
      });
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
    }
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: settings.name, uid }];
    return client.create<Lease>(refs.leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...where, ownerReferences },
      spec,
    });
  }
}

/** Versions of one object grow as numbers do. */
function isNewer(node: Node, known: Node | undefined): boolean {
  const [a, b] = [node.metadata.resourceVersion ?? '', known?.metadata.resourceVersion ?? ''];
  return a.length !== b.length ? a.length > b.length : a > b;
}
