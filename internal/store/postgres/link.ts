import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import { closed, StoreError } from '../errors.ts';
import { unreachable } from './errors.ts';
import { whereOf, type Target } from './connection.ts';
import { Session, type DatabaseTime } from './session.ts';

/** Pauses between attempts to connect: the first and the longest. */
const firstPauseMs = 100;
const longestPauseMs = 3000;
/**
 * So long an operation waits for a lost connection; after it operations fail at once until there is
 * one again.
 */
const patienceMs = 10_000;

export interface LinkOptions {
  target: Target;
  time: DatabaseTime;
  log: Log;
  /** Brings this server up to date over a new session; whoever waits may go on when it returns. */
  resume(session: Session): Promise<void>;
  /** A session broke: nothing that was under way will be answered. */
  broken(error: Error): void;
  /** There is a session again. */
  up(): void;
  /** Nobody should wait any longer. */
  gaveUp(error: StoreError): void;
  notified(payload: string): void;
}

/** Keeps one session up as long as it is wanted. */
export class Link {
  readonly #options: LinkOptions;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  #session: Session | undefined;
  #failure: StoreError | undefined;
  #patience: Timer | undefined;
  /** Something was committed while a session was being resumed. */
  #noticed = false;

  constructor(options: LinkOptions, session: Session) {
    this.#options = options;
    this.#clock = options.target.clock;
    this.#session = session;
    this.#listen(session);
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** What operations are told while there is no session and patience has ended. */
  get failure(): StoreError | undefined {
    return this.#closing.signal.aborted ? closed() : this.#failure;
  }

  /** Gives a session up, for whatever reason. */
  drop(session: Session, error: Error): void {
    if (session !== this.#session) return;
    this.#session = undefined;
    session.close();
    if (this.#closing.signal.aborted) return;
    const { log, target } = this.#options;
    log.warn('the connection to the datastore was lost', {
      server: whereOf(target.endpoint),
      error,
    });
    this.#patience = this.#clock.after('postgres.patience', patienceMs, () =>
      this.#giveUp(unreachable(error, whereOf(target.endpoint))),
    );
    this.#options.broken(error);
    void this.#reconnect();
  }

  close(): void {
    this.#closing.abort();
    this.#patience?.cancel();
    this.#session?.close();
    this.#session = undefined;
    this.#options.gaveUp(closed());
  }

  async #reconnect(): Promise<void> {
    const { target, time, log } = this.#options;
    const startedMs = this.#clock.monotonicMs();
    const { signal } = this.#closing;
    let said = '';
    for (
      let pauseMs = firstPauseMs;
      !signal.aborted;
      pauseMs = Math.min(longestPauseMs, pauseMs * 2)
    ) {
      try {
        const session = await Session.open(target, time);
        if (await this.#resume(session)) {
          log.info('the datastore is there again', {
            ms: Math.round(this.#clock.monotonicMs() - startedMs),
          });
          return;
        }
      } catch (error) {
        const why = unreachable(error, whereOf(target.endpoint));
        if (messageOf(why) !== said) log.warn(messageOf(why), { hint: why.hint });
        said = messageOf(why);
        // Waiting does not mend what is broken in the log itself.
        if (why.code !== 'UNAVAILABLE') this.#giveUp(why);
        else if (this.#failure !== undefined) this.#failure = why;
      }
      await this.#clock.sleep('postgres.reconnect', pauseMs, signal);
    }
  }

  /** False when the store was closed meanwhile. */
  async #resume(session: Session): Promise<boolean> {
    this.#noticed = false;
    session.onNotification = () => (this.#noticed = true);
    try {
      await this.#options.resume(session);
    } catch (error) {
      session.close();
      throw error;
    }
    if (session.over || this.#closing.signal.aborted) {
      session.close();
      if (this.#closing.signal.aborted) return false;
      throw new Error('the connection was lost again');
    }
    this.#adopt(session);
    return true;
  }

  #adopt(session: Session): void {
    this.#session = session;
    this.#failure = undefined;
    this.#patience?.cancel();
    this.#listen(session);
    this.#options.up();
    if (this.#noticed) this.#options.notified('something');
  }

  #listen(session: Session): void {
    session.onNotification = (payload) => this.#options.notified(payload);
    session.onLost = (error) => this.drop(session, error);
  }

  #giveUp(error: StoreError): void {
    this.#patience?.cancel();
    if (this.#session !== undefined) return;
    this.#failure = error;
    this.#options.gaveUp(error);
  }
}
