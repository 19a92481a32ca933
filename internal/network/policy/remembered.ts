import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts';
import type { NetworkPolicy } from '../../api/generated/types/networking-v1.ts';
import type { AdminNetworkPolicy } from '../../api/networking/admin-policy.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Disk } from '../../io/disk.ts';
import type { Log } from '../../io/log.ts';

/** All that policies are made of. */
export interface Inputs {
  policies: NetworkPolicy[];
  admin: AdminNetworkPolicy[];
  baseline: AdminNetworkPolicy[];
  namespaces: Namespace[];
  /** Pods of other nodes. */
  others: Pod[];
}

export interface RememberedOptions {
  /** Survives a reboot. */
  stateDir: string;
  /**
   * On tmpfs: the addresses of other nodes' pods are worth nothing after a reboot, and change too
   * often for a flash card.
   */
  runDir: string;
  clock: Clock;
  disk: Disk;
  log: Log;
}

const op = 'policy.remember';
/** Changes that follow each other are written once. */
const diskDelayMs = 5_000;
const runDelayMs = 30_000;

/** What was known last, for a node that starts while the server is away. */
export class Remembered {
  readonly #o: RememberedOptions;
  readonly #written = new Map<string, string>();
  readonly #timers = new Map<string, Timer>();

  constructor(options: RememberedOptions) {
    this.#o = options;
  }

  /** Undefined when nothing can be read: then nobody knows what is allowed. */
  async load(): Promise<Inputs | undefined> {
    const lasting = await this.#read<Omit<Inputs, 'others'>>(this.#lasting);
    if (!lasting || !Array.isArray(lasting.policies) || !Array.isArray(lasting.namespaces))
      return undefined;
    const others = await this.#read<Pod[]>(this.#passing);
    const list = <T>(value: T[] | undefined): T[] => (Array.isArray(value) ? value : []);
    // Files of earlier versions have no admin policies.
    const [admin, baseline] = [list(lasting.admin), list(lasting.baseline)];
    return { ...lasting, admin, baseline, others: list(others) };
  }

  /** Soon writes what differs. The callers give what is known when it is time. */
  changed(what: 'lasting' | 'passing', inputs: () => Inputs): void {
    const lasting = what === 'lasting';
    if (this.#timers.has(what)) return;
    const timer = this.#o.clock.after(op, lasting ? diskDelayMs : runDelayMs, () => {
      this.#timers.delete(what);
      const { policies, admin, baseline, namespaces, others } = inputs();
      if (lasting)
        void this.#write(this.#lasting, {
          policies: policies.map(policyOf),
          admin: admin.map(adminPolicyOf),
          baseline: baseline.map(adminPolicyOf),
          namespaces: namespaces.map(namespaceOf),
        });
      else void this.#write(this.#passing, others.map(podOf));
    });
    this.#timers.set(what, timer);
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
  }

  get #lasting(): string {
    return `${this.#o.stateDir}/network-policies.json`;
  }

  get #passing(): string {
    return `${this.#o.runDir}/policy-pods.json`;
  }

  async #read<T>(path: string): Promise<T | undefined> {
    try {
      const text = (await this.#o.disk.readIfThere(op, path))?.toString();
      if (text === undefined) return undefined;
      this.#written.set(path, text);
      return JSON.parse(text) as T;
    } catch (error) {
      this.#o.log.warn('remembered network policies cannot be read', {
        path,
        error: messageOf(error),
      });
      return undefined;
    }
  }

  async #write(path: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    if (this.#written.get(path) === text) return;
    try {
      await this.#o.disk.writeAtomic(op, path, text, { mode: 0o600 });
      this.#written.set(path, text);
    } catch (error) {
      this.#o.log.warn('network policies are not remembered', { path, error: messageOf(error) });
    }
  }
}

const policyOf = ({ metadata, spec }: NetworkPolicy) => ({
  metadata: { namespace: metadata.namespace, name: metadata.name },
  spec,
});
const adminPolicyOf = ({ metadata, spec }: AdminNetworkPolicy) => ({
  metadata: { name: metadata.name },
  spec,
});
const namespaceOf = ({ metadata }: Namespace) => ({
  metadata: { name: metadata.name, labels: metadata.labels },
});

function podOf({ metadata, spec, status }: Pod) {
  const named = (spec.containers ?? []).map((c) => ({ name: c.name, ports: c.ports }));
  return {
    metadata: {
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      labels: metadata.labels,
    },
    spec: {
      nodeName: spec.nodeName,
      containers: named,
      initContainers: spec.initContainers
        ?.filter((c) => c.restartPolicy === 'Always')
        .map((c) => ({ name: c.name, ports: c.ports, restartPolicy: c.restartPolicy })),
    },
    status: { podIPs: status?.podIPs, startTime: status?.startTime },
  };
}
