import type { FlowSchema } from '../../api/generated/types/flowcontrol-v1.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../options.ts';
import type { Level } from './level.ts';

/** Why a request was sent away, in the words of upstream's metric. */
export type Rejection = 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled';

/** Upper bounds of upstream's histogram of waiting, in seconds. */
export const waitBounds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

/** One FlowSchema at work: the level it leads to and what was counted. */
export class Flow {
  readonly name: string;
  readonly uid: string;
  readonly distinguisher: string;
  readonly level: Level;
  dispatched = 0;
  waiting = 0;
  executing = 0;
  executionSeconds = 0;
  finished = 0;
  readonly rejected = new Map<Rejection, number>();
  readonly waited = { count: 0, seconds: 0, buckets: waitBounds.map(() => 0) };

  constructor(schema: FlowSchema, level: Level) {
    this.name = schema.metadata.name ?? '';
    this.uid = schema.metadata.uid ?? '';
    this.distinguisher = schema.spec?.distinguisherMethod?.type ?? '';
    this.level = level;
  }

  /** Counters go on when the object changes. */
  continue(before: Flow): this {
    this.dispatched = before.dispatched;
    this.executionSeconds = before.executionSeconds;
    this.finished = before.finished;
    for (const [why, count] of before.rejected) this.rejected.set(why, count);
    this.waited.count = before.waited.count;
    this.waited.seconds = before.waited.seconds;
    before.waited.buckets.forEach((count, i) => (this.waited.buckets[i] = count));
    return this;
  }

  /** What tells the flows of one schema apart: requests of one flow share a hand of queues. */
  hashOf(user: UserInfo, info: RequestInfo): number {
    const by = this.distinguisher === 'ByUser' ? user.name : this.distinguisher === 'ByNamespace' ? info.namespace : '';
    return hashText(`${this.name}\0${by}`);
  }

  reject(why: Rejection): void {
    this.rejected.set(why, (this.rejected.get(why) ?? 0) + 1);
  }

  /** Counts how long a request of this flow had waited when it was let in. */
  waitedFor(seconds: number): void {
    this.waited.count++;
    this.waited.seconds += seconds;
    const at = waitBounds.findIndex((bound) => seconds <= bound);
    if (at >= 0) this.waited.buckets[at] = (this.waited.buckets[at] ?? 0) + 1;
  }
}

/** FNV-1a over the characters, 32 bits. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
