import type { FlowSchema } from '../../api/generated/types/flowcontrol-v1.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Counted, Level, Rejection } from './level.ts';

/** Upper bounds of upstream's histograms of waiting and serving, in seconds. */
export const secondBounds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

/** Durations by `secondBounds`. */
export class Durations {
  count = 0;
  seconds = 0;
  readonly buckets = secondBounds.map(() => 0);

  add(seconds: number): void {
    this.count++;
    this.seconds += seconds;
    let at = 0;
    while (at < secondBounds.length && seconds > (secondBounds[at] ?? 0)) at++;
    if (at < secondBounds.length) this.buckets[at] = (this.buckets[at] ?? 0) + 1;
  }
}

/** One FlowSchema at work: the level it leads to and what was counted. */
export class Flow implements Counted {
  readonly name: string;
  readonly uid: string;
  readonly distinguisher: string;
  readonly level: Level;
  dispatched: number;
  waiting = 0;
  executing = 0;
  readonly rejected: Map<Rejection, number>;
  /** Only requests that waited at all. */
  readonly waited: Durations;
  readonly served: Durations;

  /** `before`: the same schema as it was, whose counters go on. */
  constructor(schema: FlowSchema, level: Level, before?: Flow) {
    this.name = schema.metadata.name ?? '';
    this.uid = schema.metadata.uid ?? '';
    this.distinguisher = schema.spec?.distinguisherMethod?.type ?? '';
    this.level = level;
    this.dispatched = before?.dispatched ?? 0;
    this.rejected = before?.rejected ?? new Map();
    this.waited = before?.waited ?? new Durations();
    this.served = before?.served ?? new Durations();
  }

  /** What tells the flows of one schema apart: requests of one flow share a hand of queues. */
  hashOf(user: UserInfo, info: RequestInfo): number {
    const by =
      this.distinguisher === 'ByUser'
        ? user.name
        : this.distinguisher === 'ByNamespace'
          ? info.namespace
          : '';
    return hashText(`${this.name}\0${by}`);
  }

  reject(why: Rejection): void {
    this.rejected.set(why, (this.rejected.get(why) ?? 0) + 1);
  }
}

/** FNV-1a over the characters, 32 bits. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
