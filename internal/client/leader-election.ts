import type { Lease } from '../api/generated/types/coordination-v1.ts';
import { ApiError } from '../api/status.ts';
import { messageOf } from '../base/errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import type { Client, Mirror } from './client.ts';
import type { Mirrors } from './mirrors.ts';
import { refs } from './refs.ts';
import { microTimeOf } from '../api/times.ts';

/**
 * kube-controller-manager's and kube-scheduler's: --leader-elect-lease-duration, -renew-deadline,
 * -retry-period.
 */
const leaseMs = 15_000;
const renewDeadlineMs = 10_000;
const retryMs = 2_000;
/** Those who wait are told of changes; now and then they look for themselves. */
const lookMs = 10_000;

export interface LeaderElectionOptions {
  client: Client;
  /** Tells of the Lease's changes while another leads. */
  mirrors: Mirrors;
  clock: Clock;
  log: Log;
  namespace: string;
  /** Name of the Lease: whoever holds it leads. */
  name: string;
  /** Who we are, in this process and in no other. */
  identity: string;
  /** Begins the work; `stop` ends it. Called again after leadership was lost and won back. */
  lead(): Promise<{ stop(): Promise<void> | void }>;
}

export interface LeaderElection {
  readonly leads: boolean;
  /** Ends the work and gives the Lease back, so that another takes over at once. */
  stop(): Promise<void>;
}

/**
 * Lets one of several processes work, by a Lease, as client-go's leader election does: a process
 * that sees a record unchanged for a lease's length, by its own clock, may take it; one that cannot
 * renew for the deadline, which is shorter, stops. Those who wait do not poll: they are told of
 * each renewal, and act the moment the lease has run out.
 */
export function electLeader(options: LeaderElectionOptions): LeaderElection {
  const election = new Election(options);
  void election.run();
  return election;
}

class Election implements LeaderElection {
  readonly #o: LeaderElectionOptions;
  readonly #stopped = new AbortController();
  readonly #leases: Mirror<Lease>;
  readonly #unfollow: () => void;
  #wake = new AbortController();
  #observed: { lease: Lease; text: string; atMs: number } | undefined;
  #work: { stop(): Promise<void> | void } | undefined;
  #leads = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: LeaderElectionOptions) {
    this.#o = options;
    this.#leases = options.mirrors.of<Lease>(refs.leases, { namespace: options.namespace });
    this.#unfollow = this.#leases.onChange(({ object }) => {
      if (this.#leads || object.metadata.name !== options.name) return;
      this.#observe(object);
      if (!object.spec?.holderIdentity) this.#wake.abort();
    });
  }

  get leads(): boolean {
    return this.#leads;
  }

  run(): Promise<void> {
    return (this.#ended = this.#loop());
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake.abort();
    await this.#ended;
    this.#unfollow();
    this.#leases.stop();
  }

  async #loop(): Promise<void> {
    const { log, name } = this.#o;
    while (!this.#stopped.signal.aborted) {
      if (!(await this.#inTime(renewDeadlineMs))) {
        await this.#turn();
        continue;
      }
      log.info('leading', { lease: name });
      await this.#leading();
      if (!this.#stopped.signal.aborted)
        log.warn('not leading any more: the lease could not be renewed', { lease: name });
    }
    await this.#release();
  }

  /** Waits until the lease has run out or was given back, as far as is known. */
  async #turn(): Promise<void> {
    const { clock } = this.#o;
    const begunMs = clock.monotonicMs();
    for (;;) {
      const left = this.#observed ? this.#expiresMs() - clock.monotonicMs() : retryMs;
      const look = begunMs + lookMs - clock.monotonicMs();
      this.#wake = new AbortController();
      // A lease that is free and was not taken, or a store that did not answer, is tried again
      // after a pause.
      await clock.sleep(
        'election.turn',
        left > 0 ? Math.min(left, look) : retryMs,
        this.#wake.signal,
      );
      if (
        this.#wake.signal.aborted ||
        left <= 0 ||
        this.#expiresMs() <= clock.monotonicMs() ||
        clock.monotonicMs() - begunMs >= lookMs
      )
        return;
    }
  }

  /** Works and renews, until told to stop or too long without success. */
  async #leading(): Promise<void> {
    const { clock, log } = this.#o;
    this.#leads = true;
    const starting = this.#o.lead().then(
      (work) => (this.#work = work),
      (error: unknown) =>
        log.error('the leader cannot begin its work', { error: messageOf(error) }),
    );
    let renewedMs = clock.monotonicMs();
    while (!this.#stopped.signal.aborted) {
      const left = (): number => renewedMs + renewDeadlineMs - clock.monotonicMs();
      await clock.sleep('election.renew', Math.min(retryMs, left()), this.#stopped.signal);
      if (this.#stopped.signal.aborted) break;
      if (left() > 0 && (await this.#inTime(left()))) renewedMs = clock.monotonicMs();
      else if (left() <= 0 || this.#heldByAnother()) break;
    }
    this.#leads = false;
    await starting;
    await this.#work?.stop();
    this.#work = undefined;
  }

  /**
   * An answer that does not come is no success: a store without a majority lets its callers wait.
   */
  async #inTime(ms: number): Promise<boolean> {
    const done = new AbortController();
    try {
      return await Promise.race([
        this.#acquireOrRenew(),
        this.#o.clock.sleep('election.deadline', ms, done.signal).then(() => false),
      ]);
    } catch (error) {
      if (
        !(
          error instanceof ApiError &&
          (error.reason === 'Conflict' || error.reason === 'AlreadyExists')
        )
      )
        this.#o.log.debug('a lease was not taken', {
          lease: this.#o.name,
          error: messageOf(error),
        });
      return false;
    } finally {
      done.abort();
    }
  }

  async #acquireOrRenew(): Promise<boolean> {
    const { client, namespace, name, identity, clock } = this.#o;
    const now = microTimeOf(clock.now());
    const taken = {
      holderIdentity: identity,
      leaseDurationSeconds: leaseMs / 1000,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: 0,
    };
    const found = await this.#read();
    if (!found) {
      this.#observe(
        await client.create<Lease>(refs.leases, {
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: { namespace, name },
          spec: taken,
        }),
      );
      return true;
    }
    this.#observe(found);
    const { spec = {} } = found;
    const own = spec.holderIdentity === identity;
    if (!own && spec.holderIdentity && this.#expiresMs() > clock.monotonicMs()) return false;
    const kept = own
      ? {
          ...taken,
          acquireTime: spec.acquireTime ?? now,
          leaseTransitions: spec.leaseTransitions ?? 0,
        }
      : { ...taken, leaseTransitions: (spec.leaseTransitions ?? 0) + 1 };
    this.#observe(
      await client.update<Lease>(refs.leases, { ...found, spec: { ...spec, ...kept } }),
    );
    return true;
  }

  /**
   * What the last look showed, and since when it has been so: other machines' clocks are not asked.
   */
  #observe(lease: Lease): void {
    const text = JSON.stringify(lease.spec);
    if (
      this.#observed &&
      Number(lease.metadata.resourceVersion) < Number(this.#observed.lease.metadata.resourceVersion)
    )
      return;
    if (this.#observed?.text === text) this.#observed.lease = lease;
    else this.#observed = { lease, text, atMs: this.#o.clock.monotonicMs() };
  }

  /** When, by our clock, the lease that was last seen has run out. */
  #expiresMs(): number {
    const { lease, atMs } = this.#observed ?? {};
    return (atMs ?? 0) + (lease?.spec?.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
  }

  #heldByAnother(): boolean {
    const holder = this.#observed?.lease.spec?.holderIdentity;
    return Boolean(holder) && holder !== this.#o.identity;
  }

  async #read(): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#o;
    try {
      return await client.get<Lease>(refs.leases, { namespace, name });
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'NotFound') return undefined;
      throw error;
    }
  }

  async #release(): Promise<void> {
    const { client, identity, clock, log, name } = this.#o;
    if (this.#observed?.lease.spec?.holderIdentity !== identity) return;
    const now = microTimeOf(clock.now());
    const done = new AbortController();
    const { lease } = this.#observed;
    const free = {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: lease.spec?.leaseTransitions ?? 0,
    };
    const update = client
      .update(refs.leases, { ...lease, spec: free })
      .catch((error: unknown) =>
        log.debug('the lease was not given back', { lease: name, error: messageOf(error) }),
      );
    await Promise.race([update, clock.sleep('election.release', retryMs, done.signal)]);
    done.abort();
  }
}
