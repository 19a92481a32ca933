import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts';
import type { NetworkPolicy } from '../../api/generated/types/networking-v1.ts';
import type { AdminNetworkPolicy } from '../../api/networking/admin-policy.ts';
import type { Ipv4 } from '../../base/addresses.ts';
import type { Change, Mirror } from '../../client/client.ts';
import { saidOnce } from '../nft/said-once.ts';
import { TableWriter, type NftDoors } from '../nft/table-writer.ts';
import { parseIp, type Family } from '../../base/addresses.ts';
import type { Range } from '../../base/address-ranges.ts';
import { parseAdminPolicy, type AdminPolicy } from './admin-rules.ts';
import { claimText, localClaim, remoteClaim, type Told } from './pod-claims.ts';
import { fullRuleset, Planner, type PodClaim } from './planner.ts';
import { Remembered, type Inputs } from './remembered.ts';
import { parsePolicy } from './rules.ts';
import { tableName } from './table.ts';

export interface PolicyOptions extends NftDoors {
  nodeName: string;
  policies: Mirror<NetworkPolicy>;
  /** Their kinds need not be served. */
  adminPolicies: Mirror<AdminNetworkPolicy>;
  baselinePolicies: Mirror<AdminNetworkPolicy>;
  namespaces: Mirror<Namespace>;
  /** Pods of this node. */
  pods: Mirror<Pod>;
  /** Every pod; asked for with the first policy. */
  allPods(): Mirror<Pod>;
  /** The address that this node answers DNS on, if it does. */
  dnsAddress: Ipv4 | undefined;
  /** The port of that address where questions arrive. */
  dnsPort(): number;
  /** Survives a reboot. */
  stateDir: string;
}

/**
 * The server may be starting beside us: only after this long does what the disk remembers count.
 */
const offlineAfterMs = 2_000;
/** Kinds that are not served for so long are gone, and their policies with them. */
const absentMs = 10_000;
/** A pod waits this long for its rules before its start is tried again. */
const holdMs = 15_000;

const dnsPort = 53;
/**
 * A pod that answers for the cluster's DNS: policies name it by the labels that it has elsewhere.
 */
const dnsPod = {
  namespace: 'kube-system',
  labels: { 'k8s-app': 'kube-dns' },
  ports: [
    { name: 'dns', protocol: 'udp' },
    { name: 'dns-tcp', protocol: 'tcp' },
  ],
} as const;

/**
 * Enforces network policies on this node, from the first pod network on until stopped. The table
 * stays then.
 */
export class PolicyEnforcer {
  readonly #o: PolicyOptions;
  readonly #writer: TableWriter;
  readonly #remembered: Remembered;
  readonly #stops: (() => void)[] = [];
  readonly #told = new Map<string, Told>();
  /** This node's pods as the mirror has them, by uid. */
  readonly #shown = new Map<string, Pod>();
  readonly #claims = new Map<string, string>();
  /** Says what a policy asks for that cannot be read. */
  readonly #leftOut: (what: string) => void;
  #planner = new Planner([4]);
  #ranges: readonly Range[] = [];
  #order = 0;
  #all: Mirror<Pod> | undefined;
  #known = false;
  #begun = false;
  #stopped = false;

  constructor(options: PolicyOptions) {
    this.#o = options;
    this.#remembered = new Remembered(options);
    this.#leftOut = saidOnce(options.log, 'left out of a network policy');
    this.#writer = new TableWriter({
      ...options,
      name: 'policy',
      table: `inet ${tableName}`,
      what: 'network policies',
      text: (whole) => this.#text(whole),
    });
  }

  get #families(): readonly Family[] {
    return this.#ranges.some((r) => r.family === 6) ? [4, 6] : [4];
  }

  /** The node's own pod networks. */
  setPodRanges(ranges: readonly Range[]): void {
    this.#ranges = ranges;
    if (this.#begun) this.again();
    else void this.#begin();
  }

  /** Something that is part of the whole plan has changed: makes it again. */
  again(): void {
    if (!this.#known) return;
    this.#renew();
    this.#feed(this.#inputs());
    this.#writer.reload();
  }

  #renew(): void {
    const address = parseIp(this.#o.dnsAddress);
    const port = this.#o.dnsPort();
    this.#planner = new Planner(
      this.#families,
      address && port !== dnsPort ? { address, port } : undefined,
    );
    this.#claims.clear();
  }

  /**
   * Resolves when the kernel holds this pod's rules: nothing of it may run before. Throws when that
   * takes too long.
   */
  async hold(pod: Pod, ips: readonly string[]): Promise<void> {
    if (pod.spec.hostNetwork) return;
    await this.#writer.applied(this.tell(pod, ips), holdMs);
  }

  /** As `hold`, for a pod that runs already. Gives the state of the plan that holds it. */
  tell(pod: Pod, ips: readonly string[]): number {
    const uid = pod.metadata.uid ?? '';
    const addresses = ips.map((ip) => {
      const address = parseIp(ip);
      if (!address) throw new Error(`the address ${JSON.stringify(ip)} of a pod cannot be read`);
      return address;
    });
    const before = this.#told.get(uid);
    if (before && before.addresses.join() === addresses.join()) return before.revision;
    const told: Told = { pod, addresses, order: this.#order++, revision: 0 };
    this.#told.set(uid, told);
    this.#renewLocal(uid);
    told.revision = this.#writer.touch();
    return told.revision;
  }

  /** The pod's sandbox is gone, and its address with it. */
  forget(uid: string): void {
    if (!this.#told.delete(uid)) return;
    this.#renewLocal(uid);
    this.#writer.touch();
  }

  stop(): void {
    this.#stopped = true;
    this.#writer.stop();
    this.#remembered.stop();
    for (const stop of this.#stops) stop();
    this.#all?.stop();
  }

  #text(whole: boolean): string | undefined {
    if (!this.#known) return undefined;
    this.#planner.settle();
    if (whole) return fullRuleset(this.#planner, this.#ranges, this.#families);
    return this.#planner.table.takeChange();
  }

  async #begin(): Promise<void> {
    this.#begun = true;
    const { policies, namespaces, pods, clock, log } = this.#o;
    const synced = Promise.all([
      policies.synced,
      namespaces.synced,
      pods.synced,
      this.#adminSynced(),
    ]).then(async () => {
      if (this.#isAny()) await this.#openAll();
      return true;
    });
    const inTime = await Promise.race([
      synced,
      clock.sleep('policy.offline', offlineAfterMs).then(() => false),
    ]);
    const remembered = inTime ? undefined : await this.#remembered.load();
    if (remembered && !this.#stopped) {
      this.#renew();
      log.warn('the server does not answer: network policies are those that this node remembers', {
        policies: remembered.policies.length,
      });
      this.#feed(remembered);
    }
    await synced;
    if (!this.#stopped) this.#follow();
  }

  /**
   * A server that is starting may not serve these kinds yet: where there were such policies before,
   * it has time to.
   */
  async #adminSynced(): Promise<void> {
    const { adminPolicies, baselinePolicies, clock } = this.#o;
    const all = [adminPolicies, baselinePolicies];
    const absent = clock.sleep('policy.admin', absentMs);
    const served = await Promise.race([
      Promise.all(all.map((mirror) => mirror.served)),
      absent.then(() => [false]),
    ]);
    if (!served.includes(false)) return;
    const before = await this.#remembered.load();
    if (!before || before.admin.length + before.baseline.length === 0) return;
    await Promise.race([Promise.all(all.map((mirror) => mirror.synced)), absent]);
  }

  #isAny(): boolean {
    const { policies, adminPolicies, baselinePolicies } = this.#o;
    return [policies, adminPolicies, baselinePolicies].some(
      (mirror) => !mirror.list()[Symbol.iterator]().next().done,
    );
  }

  async #openAll(): Promise<void> {
    if (this.#all || this.#stopped) return;
    const all = (this.#all = this.#o.allPods());
    await all.synced;
  }

  /**
   * From here on the mirrors say what counts: their handlers are given what is there, and then what
   * changes.
   */
  #follow(): void {
    const { policies, namespaces, pods } = this.#o;
    this.#renew();
    this.#stops.push(
      namespaces.onChange((c) => this.#namespaceChanged(c)),
      policies.onChange((c) => this.#policyChanged(c)),
      this.#o.adminPolicies.onChange((c) => this.#adminChanged('admin', c)),
      this.#o.baselinePolicies.onChange((c) => this.#adminChanged('baseline', c)),
      pods.onChange((c) => this.#localChanged(c)),
    );
    if (this.#all) this.#followAll(this.#all);
    this.#feedOwn();
    this.#writer.reload();
  }

  #followAll(all: Mirror<Pod>): void {
    this.#stops.push(all.onChange((c) => this.#otherChanged(c)));
  }

  #inputs(): Inputs {
    const others = [...(this.#all?.list() ?? [])].filter(
      (pod) => pod.spec.nodeName !== this.#o.nodeName,
    );
    return {
      policies: [...this.#o.policies.list()],
      admin: [...this.#o.adminPolicies.list()],
      baseline: [...this.#o.baselinePolicies.list()],
      namespaces: [...this.#o.namespaces.list()],
      others,
    };
  }

  /** Gives a new planner everything. */
  #feed({ policies, admin, baseline, namespaces, others }: Inputs): void {
    for (const { metadata } of namespaces)
      this.#planner.setNamespace(metadata.name ?? '', metadata.labels ?? {});
    for (const policy of policies) {
      const parsed = parsePolicy(policy, this.#leftOut);
      this.#planner.setPolicy(parsed.key, parsed);
    }
    for (const [tier, all] of [['admin', admin] as const, ['baseline', baseline] as const])
      for (const policy of all) {
        const parsed = parseAdminPolicy(tier, policy, this.#leftOut);
        this.#planner.setAdminPolicy(parsed.key, parsed);
      }
    for (const pod of others)
      this.#setClaim(
        `other ${pod.metadata.uid}`,
        remoteClaim(`other ${pod.metadata.uid}`, pod, this.#ranges),
      );
    for (const pod of this.#o.pods.list()) this.#shown.set(pod.metadata.uid ?? '', pod);
    this.#feedOwn();
    this.#writer.touch();
  }

  /** What this node knows without asking. */
  #feedOwn(): void {
    for (const uid of new Set([...this.#shown.keys(), ...this.#told.keys()])) this.#renewLocal(uid);
    this.#known = true;
    const address = parseIp(this.#o.dnsAddress);
    const at = this.#o.dnsPort();
    if (address)
      this.#planner.setPod('dns', {
        ...dnsPod,
        ports: dnsPod.ports.map((p) => ({ ...p, port: at })),
        key: 'dns',
        addresses: [address],
        local: false,
        rank: Number.MAX_SAFE_INTEGER,
      });
  }

  #policyChanged({ type, key, object, old }: Change<NetworkPolicy>): void {
    // Nothing but the spec counts.
    if (type === 'MODIFIED' && old && JSON.stringify(old.spec) === JSON.stringify(object.spec))
      return;
    this.#planner.setPolicy(
      key,
      type === 'DELETED' ? undefined : parsePolicy(object, this.#leftOut),
    );
    this.#writer.touch();
    this.#changed(type);
  }

  #adminChanged(
    tier: AdminPolicy['tier'],
    { type, key, object, old }: Change<AdminNetworkPolicy>,
  ): void {
    if (type === 'MODIFIED' && old && JSON.stringify(old.spec) === JSON.stringify(object.spec))
      return;
    this.#planner.setAdminPolicy(
      `${tier}/${key}`,
      type === 'DELETED' ? undefined : parseAdminPolicy(tier, object, this.#leftOut),
    );
    this.#writer.touch();
    this.#changed(type);
  }

  /** Of a policy: it is remembered, and the first one makes all pods be followed. */
  #changed(type: Change<object>['type']): void {
    this.#remembered.changed('lasting', () => this.#inputs());
    if (this.#all || type === 'DELETED') return;
    void this.#openAll().then(() => {
      if (this.#all && !this.#stopped) this.#followAll(this.#all);
    });
  }

  #namespaceChanged({ type, key, object, old }: Change<Namespace>): void {
    if (
      type === 'MODIFIED' &&
      JSON.stringify(old?.metadata.labels) === JSON.stringify(object.metadata.labels)
    )
      return;
    this.#planner.setNamespace(
      key,
      type === 'DELETED' ? undefined : (object.metadata.labels ?? {}),
    );
    this.#writer.touch();
    this.#remembered.changed('lasting', () => this.#inputs());
  }

  #localChanged({ type, object }: Change<Pod>): void {
    const uid = object.metadata.uid ?? '';
    if (type === 'DELETED') this.#shown.delete(uid);
    else this.#shown.set(uid, object);
    if (this.#renewLocal(uid)) this.#writer.touch();
  }

  #otherChanged({ type, object }: Change<Pod>): void {
    if (object.spec.nodeName === this.#o.nodeName) return;
    const key = `other ${object.metadata.uid}`;
    if (
      !this.#setClaim(key, type === 'DELETED' ? undefined : remoteClaim(key, object, this.#ranges))
    )
      return;
    this.#writer.touch();
    this.#remembered.changed('passing', () => this.#inputs());
  }

  #renewLocal(uid: string): boolean {
    const key = `local ${uid}`;
    return this.#setClaim(key, localClaim(key, this.#shown.get(uid), this.#told.get(uid)));
  }

  /** Whether that changed anything. */
  #setClaim(key: string, claim: PodClaim | undefined): boolean {
    const text = claimText(claim);
    if ((this.#claims.get(key) ?? '') === text) return false;
    if (claim) this.#claims.set(key, text);
    else this.#claims.delete(key);
    this.#planner.setPod(key, claim);
    return true;
  }
}
