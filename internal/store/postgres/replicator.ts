import type { Log } from '../../io/log.ts';
import { compacted, StoreError } from '../errors.ts';
import type { Lease } from '../leases.ts';
import type { Rec } from '../record.ts';
import { openRow } from '../seal.ts';
import type { Target } from './connection.ts';
import { ConnectionLost, isDefinite, refused, unknownOutcome } from './errors.ts';
import { Link } from './link.ts';
import { again, Load, type Waiter } from './load.ts';
import { Loading, type Memory } from './memory.ts';
import {
  checksumOf,
  type DatabaseTime,
  type Head,
  type LogRow,
  type Page,
  type Session,
} from './session.ts';
import { afterTurn } from '../../io/turn.ts';

/** After so many lost races in a row the head is locked before the next try. */
const lossesBeforeLock = 3;

export interface ReplicatorParts {
  memory: Memory;
  head: Head;
  writer: number;
  session: Session;
  target: Target;
  time: DatabaseTime;
  log: Log;
}

/** What the log holds cannot be followed from here: the state must be reloaded. */
class LeftBehind extends Error {}

/**
 * Between the memory of this server and the log all servers share: commits what was applied here,
 * if nobody was faster, and brings here what others committed.
 */
export class Replicator {
  readonly #memory: Memory;
  readonly #writer: number;
  readonly #target: Target;
  readonly #time: DatabaseTime;
  readonly #log: Log;
  readonly #link: Link;
  #fence: number;
  #forming: Load;
  /** The load that is being committed. */
  #flight: Load | undefined;
  /** A load whose commit has no answer. */
  #unclear: Load | undefined;
  /** The head moved without us: what would be evaluated now would be lost. */
  #behind = false;
  #losses = 0;
  #scheduled = false;
  /** Wait to evaluate. */
  #entering: Waiter[] = [];
  /** Wait for a pull that starts after they asked. */
  #asking: Waiter[] = [];
  #pulling = false;

  constructor({ memory, head, writer, session, target, time, log }: ReplicatorParts) {
    this.#memory = memory;
    this.#fence = head.fence;
    this.#writer = writer;
    this.#target = target;
    this.#time = time;
    this.#log = log;
    this.#forming = new Load(memory.seq + 1);
    this.#link = new Link(
      {
        target,
        time,
        log,
        resume: (next) => this.#resume(next),
        broken: () => this.#broken(),
        up: () => this.#up(),
        gaveUp: (error) => this.#gaveUp(error),
        notified: (payload) => this.#notified(payload),
      },
      session,
    );
  }

  get session(): Session | undefined {
    return this.#link.session;
  }

  /**
   * Resolves when a write may be evaluated: there is a connection, and nothing is known to be
   * missing here.
   */
  async ready(): Promise<void> {
    while (this.#link.session === undefined || this.#behind) {
      if (this.#link.session === undefined && this.#link.failure !== undefined)
        throw this.#link.failure;
      await new Promise<void>((resolve, reject) => this.#entering.push(waiter(resolve, reject)));
    }
  }

  /** Adds applied records to what will be committed. Call settled() for the outcome. */
  records(recs: Rec[]): void {
    const load = this.#forming;
    for (const rec of recs) {
      rec.seq = load.nextSeq;
      load.rows.record(rec);
      load.recs.push(rec);
      load.undo.push(rec);
    }
    this.#memory.state.head = (recs[0] as Rec).modRevision;
    this.#schedule();
  }

  /** Adds the row of a lease that was granted or kept. */
  lease(lease: Lease, undo: () => void): void {
    const load = this.#forming;
    const seq = load.nextSeq;
    load.rows.lease({ ...lease, grantedAtMs: this.#time.now() });
    load.undo.push(undo);
    load.published.push(() => {
      if (lease.seq > 0) this.#memory.state.drops.push(lease.seq);
      lease.seq = seq;
    });
    this.#schedule();
  }

  /** Adds the row that ends a lease. */
  leaseEnd(lease: Lease, undo: () => void): void {
    const load = this.#forming;
    const seq = load.nextSeq;
    load.rows.lease({ ...lease, ttlSeconds: 0 });
    load.undo.push(undo);
    load.published.push(() =>
      this.#memory.state.drops.push(...(lease.seq > 0 ? [lease.seq] : []), seq),
    );
    this.#schedule();
  }

  /**
   * Resolves when all that was applied so far is committed and published; rejects with `again` when
   * it must be evaluated again.
   */
  settled(): Promise<void> {
    const load = this.#forming.empty ? this.#flight : this.#forming;
    if (load === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => load.waiters.push(waiter(resolve, reject)));
  }

  /**
   * Resolves when this server knows everything that was committed before the call, ReadIndex style:
   * one statement for all who wait.
   */
  sync(): Promise<void> {
    const { failure } = this.#link;
    if (this.#link.session === undefined && failure !== undefined) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      this.#asking.push(waiter(resolve, reject));
      this.#pump();
    });
  }

  /** Compacts the log for everybody. The revision must be published here. */
  async compact(revision: number): Promise<void> {
    for (;;) {
      await this.ready();
      const { session } = this.#link;
      if (session === undefined) continue;
      try {
        const moved = await session.compact(revision);
        await this.sync();
        if (moved) return;
        throw compacted();
      } catch (error) {
        // Whether it happened can be asked again: a second time it changes nothing.
        if (!(error instanceof ConnectionLost))
          throw error instanceof StoreError ? error : refused(error, 'compact');
        await this.sync();
        if (this.#memory.state.compactRevision >= revision) return;
      }
    }
  }

  /** Commits what is under way, then lets go. */
  async close(): Promise<void> {
    if (this.#link.session !== undefined) await this.settled().catch(() => undefined);
    this.#link.close();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // At the end of this turn of the event loop, so that all requests that arrived together share
    // the commit.
    afterTurn(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    const { session } = this.#link;
    if (session === undefined || this.#flight !== undefined || this.#behind) return;
    const load = this.#forming;
    if (load.empty) return this.#unlock(session);
    this.#flight = load;
    this.#forming = new Load(load.nextSeq);
    void this.#commit(load, session);
  }

  async #commit(load: Load, session: Session): Promise<void> {
    const memory = this.#memory;
    const { batch, checksum } = load.batch(
      { seq: memory.seq, fence: this.#fence },
      this.#writer,
      memory.state.published,
    );
    const { locked } = session;
    let moved: boolean;
    try {
      moved = await session.commit(batch);
    } catch (error) {
      // A lost connection was dealt with where it was noticed.
      if (this.#flight !== load) return;
      if (!isDefinite(error)) return this.#link.drop(session, error as Error);
      return await this.#failed(load, session, refused(error, 'commit'));
    }
    if (this.#flight !== load) return;
    this.#flight = undefined;
    if (!moved) return await this.#overtaken(load, session);
    // A server that needed the lock will soon need it again.
    this.#losses = locked ? lossesBeforeLock - 1 : 0;
    memory.seq = batch.seq;
    memory.checksum = checksum;
    for (const note of load.published) note();
    memory.publish(load.recs);
    load.end();
    load.tell('done');
    this.#schedule();
  }

  /** Somebody else moved the head. Everything here is evaluated again on top of what they wrote. */
  async #overtaken(load: Load, session: Session): Promise<void> {
    this.#behind = true;
    const late = this.#takeBack(load);
    load.end();
    try {
      if (++this.#losses >= lossesBeforeLock) await session.lock();
      await this.sync();
    } catch (error) {
      this.#log.debug('lost a race, then the connection', { error });
    }
    this.#behind = false;
    load.tell(again);
    late.tell(again);
    this.#enter();
    // Also when nobody comes back, for the lock's sake.
    this.#schedule();
  }

  /** The server refused a commit for good: a full disk, for example. */
  async #failed(load: Load, session: Session, error: StoreError): Promise<void> {
    const late = this.#takeBack(load);
    await session.unlock().catch(() => undefined);
    if (this.#flight === load) this.#flight = undefined;
    load.end();
    load.tell(error);
    late.tell(again);
    this.#schedule();
  }

  #unlock(session: Session): void {
    if (!session.locked) return;
    this.#behind = true;
    void session
      .unlock()
      .catch(() => undefined)
      .then(() => {
        this.#behind = false;
        this.#enter();
        this.#schedule();
      });
  }

  /** Undoes all that is not published. Returns what was gathered behind `load`. */
  #takeBack(load: Load | undefined): Load {
    const { state, seq } = this.#memory;
    const late = this.#forming;
    late.revert(state);
    load?.revert(state);
    state.head = state.published;
    this.#forming = new Load(seq + 1);
    return late;
  }

  #notified(payload: string): void {
    const [seq, writer] = payload.split(':').map(Number);
    if (writer === this.#writer || (seq !== undefined && seq <= this.#memory.seq)) return;
    void this.sync().catch(() => undefined);
  }

  #pump(): void {
    if (!this.#pulling) void this.#pullAll();
  }

  async #pullAll(): Promise<void> {
    this.#pulling = true;
    for (
      let session = this.#link.session;
      this.#asking.length > 0 && session !== undefined;
      session = this.#link.session
    ) {
      const asked = this.#asking;
      this.#asking = [];
      try {
        await this.#pull(session);
        for (const tell of asked) tell('done');
      } catch (error) {
        // They wait for the next session.
        this.#asking.unshift(...asked);
        this.#link.drop(session, error as Error);
      }
    }
    this.#pulling = false;
  }

  async #pull(session: Session): Promise<void> {
    for (let pages = 1; ;) {
      const from = this.#memory.seq;
      const page = await session.pull(from, pages);
      // Our own commit may be in the page before its answer is here.
      while (page.head.seq > this.#memory.seq && this.#flight !== undefined)
        await this.#flight.over;
      if (session.over) throw new ConnectionLost('the session ended');
      const before = this.#memory.seq;
      if (this.#take(page, from, () => undefined)) return;
      // Not even one revision was whole.
      if (this.#memory.seq === before) pages *= 2;
    }
  }

  /**
   * Takes over a page that was read from row `from` on. True when nothing is missing here now that
   * was there then.
   */
  #take({ head, rows }: Page, from: number, seen: (row: LogRow) => void): boolean {
    const memory = this.#memory;
    if (head.seq < from || from < head.pruned)
      throw new LeftBehind('the log went on without this server');
    const last = rows[rows.length - 1]?.seq ?? from;
    const news = wholeRevisions(
      rows.filter((row) => row.seq > memory.seq),
      last < head.seq,
    );
    if (rows.some((row, i) => row.seq !== from + 1 + i) || (rows.length === 0 && head.seq > from)) {
      throw new StoreError('CORRUPT', `rows of the log in PostgreSQL are missing after ${from}`, {
        op: 'pull',
        hint: 'somebody deleted from the table skiff_log; restore a backup of the database',
      });
    }
    if (news.length > 0) {
      news.forEach(seen);
      const late = this.#takeBack(undefined);
      memory.take(news);
      this.#forming = new Load(memory.seq + 1);
      late.tell(again);
    }
    this.#fence = head.fence;
    if (memory.seq < head.seq) return false;
    memory.compactTo(head.compact);
    return true;
  }

  #broken(): void {
    const load = this.#flight;
    this.#flight = undefined;
    this.#losses = 0;
    const late = this.#takeBack(load);
    if (load !== undefined) this.#unclear = load;
    load?.end();
    late.tell(again);
  }

  /** A new session: settle what is unclear, then catch up. */
  async #resume(session: Session): Promise<void> {
    const memory = this.#memory;
    const load = this.#unclear;
    if (load !== undefined) await session.fence();
    const seen = (row: LogRow): void => {
      // Kept with the load, for this session may break before all is told.
      if (row.writer === this.#writer && load?.has(row.seq)) load.committed = true;
    };
    let lost = false;
    try {
      await this.#follow(session, seen);
    } catch (error) {
      if (!(error instanceof LeftBehind)) throw error;
      const loading = new Loading();
      const head = await session.load((row) => {
        seen(row);
        loading.add(row);
      });
      lost = load !== undefined && head.pruned >= load.firstSeq;
      memory.replace(loading.finish(head, this.#target.clock, this.#time));
      this.#fence = head.fence;
      this.#forming = new Load(memory.seq + 1);
      this.#log.warn(
        'the state was reloaded: the log went on without this server, or was restored',
        { revision: memory.state.published },
      );
    }
    this.#unclear = undefined;
    load?.tell(load.committed ? 'done' : lost ? unknownOutcome(undefined) : again);
  }

  async #follow(session: Session, seen: (row: LogRow) => void): Promise<void> {
    const memory = this.#memory;
    for (let pages = 1, first = true; ; first = false) {
      const from = memory.seq;
      const page = await session.pull(from, pages);
      if (first && from > page.head.pruned) {
        const own = await session.row(from);
        if (own === undefined || checksumOf(own.bytes) !== memory.checksum)
          throw new LeftBehind('our newest row is not in the log');
      }
      if (this.#take(page, from, seen)) return;
      if (memory.seq === from) pages *= 2;
    }
  }

  #up(): void {
    this.#enter();
    this.#pump();
    this.#schedule();
  }

  #enter(): void {
    const entering = this.#entering;
    this.#entering = [];
    for (const tell of entering) tell('done');
  }

  #gaveUp(error: StoreError): void {
    const all = [...this.#entering, ...this.#asking];
    this.#entering = [];
    this.#asking = [];
    for (const tell of all) tell(error);
    // What became of it will be found out; its writers are not kept waiting for that.
    this.#unclear?.tell(unknownOutcome(error));
    const load = this.#flight;
    this.#flight = undefined;
    const late = this.#takeBack(load);
    load?.tell(unknownOutcome(error));
    late.tell(error);
  }
}

/** Without the revision that the end of a page cuts in two. */
function wholeRevisions(rows: LogRow[], cut: boolean): LogRow[] {
  if (!cut || rows.length === 0) return rows;
  const last = revisionIn(rows[rows.length - 1] as LogRow);
  if (last === undefined) return rows;
  let end = rows.length;
  while (end > 0 && revisionIn(rows[end - 1] as LogRow) === last) end--;
  return rows.slice(0, end);
}

function revisionIn({ seq, bytes }: LogRow): number | undefined {
  const { row } = openRow(seq, bytes);
  return row.kind === 'record' ? row.rec.modRevision : undefined;
}

function waiter(resolve: () => void, reject: (why: unknown) => void): Waiter {
  return (outcome) => (outcome === 'done' ? resolve() : reject(outcome));
}
