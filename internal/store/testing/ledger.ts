import { crc32 } from 'node:zlib';
import type { KeyValue, StoreEvent } from '../store.ts';

/** One version of a key, as clients were told of it; `value` undefined = deleted. */
export interface Version {
  value: string | undefined;
  create: number;
  mod: number;
  version: number;
  lease: string;
}

/** What a workload says of itself between the calls of a trace. */
export type Note =
  | { note: 'events'; events: [key: string, version: Version][] }
  /** `until`: when it ends, if nobody keeps it alive. */
  | { note: 'grant'; id: string; ttl: number; until: number; done: boolean }
  | { note: 'revoke'; id: string; done: boolean }
  | { note: 'tick'; now: number }
  | { note: 'compacted'; revision: number }
  | { note: 'flush'; done: boolean }
  | { note: 'hash'; revision: number; compacted: number; hash: number }
  | { note: 'snapshot'; path: string; revision: number; done: boolean }
  | { note: 'restore'; done: boolean }
  | { note: 'opened'; revision: number; soft: [key: string, version: Version][] };

export type KeySpace = Map<string, Version>;

/** Keys with this beginning are soft state. */
export const softPrefix = 'soft';
const isSoft = (key: string): boolean => key.startsWith(softPrefix);

export function versionOf(kv: KeyValue): Version {
  return {
    value: `${crc32(kv.value)}:${kv.value.length}`,
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}

export function eventsNote(events: StoreEvent[]): Note {
  return {
    note: 'events',
    events: events.map(({ type, kv }) => [
      kv.key,
      type === 'PUT'
        ? versionOf(kv)
        : { value: undefined, create: 0, mod: kv.modRevision, version: 0, lease: '0' },
    ]),
  };
}

/** What a store may show after a power cut. */
export interface Expectation {
  /**
   * Hard state is one of these: all that was told, or that and the whole of the batch that was on
   * its way.
   */
  hard: KeySpace[];
  /**
   * Every soft key is at one of these versions (undefined = absent), or absent if it is not here.
   */
  soft: Map<string, (Version | undefined)[]>;
  /** No revision at or below may be handed out again. */
  revision: number;
  /** Without soft state the revision is exactly one of these. */
  revisions: number[] | undefined;
  leases: { must: Map<string, number>; may: Map<string, number> };
  compacted: number;
  hashes: { revision: number; compacted: number; hash: number }[];
  snapshots: { path: string; revision: number }[];
  /** The whole history that was told, the batch on its way included. */
  history: [key: string, version: Version][];
}

/**
 * Keeps account of one life: what was there when it began, and all that it was told, before and
 * after any moment.
 */
export class Ledger {
  readonly #base: KeySpace;
  readonly #baseLeases: Map<string, number>;
  readonly #baseRevision: number;
  readonly #notes: { at: number; note: Note }[];

  /** `notes` with their places in the trace. */
  constructor(
    base: { keys: KeySpace; leases: Map<string, number>; revision: number },
    notes: { at: number; note: Note }[],
  ) {
    this.#base = base.keys;
    this.#baseLeases = base.leases;
    this.#baseRevision = base.revision;
    this.#notes = notes;
  }

  /** What must hold if the power goes before call number `at` of the trace. */
  expectationAt(at: number): Expectation {
    const seen = this.#notes.filter((n) => n.at < at).map((n) => n.note);
    const coming = this.#notes.filter((n) => n.at >= at).map((n) => n.note);
    const told = eventsOf(seen);
    const next = onItsWay(coming);
    const now = hardAfter(this.#base, told);
    const then = hardAfter(now, next);
    const last = Math.max(
      this.#baseRevision,
      ...told.map(([, v]) => v.mod),
      ...seen.map((n) => (n.note === 'opened' ? n.revision : 1)),
    );
    const anySoft = this.#notes.some(
      ({ note }) => note.note === 'events' && note.events.some(([key]) => isSoft(key)),
    );
    return {
      hard: [now, then],
      soft: this.#softAt(seen, next),
      revision: last,
      revisions: anySoft ? undefined : [last, Math.max(last, ...next.map(([, v]) => v.mod))],
      leases: this.#leasesAt(seen, coming),
      compacted: Math.max(0, ...seen.map((n) => (n.note === 'compacted' ? n.revision : 0))),
      hashes: anySoft ? [] : seen.filter((n) => n.note === 'hash'),
      snapshots: seen.filter((n) => n.note === 'snapshot').filter((n) => n.done),
      history: [...told, ...next],
    };
  }

  #softAt(seen: Note[], next: [string, Version][]): Map<string, (Version | undefined)[]> {
    const versions = new Map<string, (Version | undefined)[]>();
    for (const [key, version] of this.#base) if (isSoft(key)) versions.set(key, [version]);
    const add = ([key, version]: [string, Version]): void => {
      if (!isSoft(key)) return;
      const known = versions.get(key) ?? [undefined];
      known.push(version.value === undefined ? undefined : version);
      versions.set(key, known);
    };
    // A flush that was answered makes what was told before it began as good as hard.
    let flushBegan: Map<string, number> | undefined;
    for (const note of seen) {
      if (note.note === 'events') note.events.forEach(add);
      else if (note.note === 'opened') this.#reset(versions, note.soft);
      else if (note.note === 'flush' && !note.done)
        flushBegan = new Map([...versions].map(([key, v]) => [key, v.length]));
      else if (note.note === 'flush')
        for (const [key, length] of flushBegan ?? [])
          versions.set(key, (versions.get(key) ?? []).slice(length - 1));
      if (note.note === 'flush' && note.done) flushBegan = undefined;
    }
    next.forEach(add);
    return versions;
  }

  /** What was found at a start is on the disk. */
  #reset(versions: Map<string, (Version | undefined)[]>, found: [string, Version][]): void {
    for (const key of versions.keys()) versions.set(key, [undefined]);
    for (const [key, version] of found) versions.set(key, [version]);
  }

  #leasesAt(seen: Note[], coming: Note[]): { must: Map<string, number>; may: Map<string, number> } {
    const must = new Map(this.#baseLeases);
    const may = new Map(this.#baseLeases);
    const until = new Map<string, number>();
    for (const note of seen) {
      if (note.note === 'grant') {
        may.set(note.id, note.ttl);
        if (note.done) must.set(note.id, note.ttl);
        until.set(note.id, note.until);
      } else if (note.note === 'revoke') {
        must.delete(note.id);
        if (note.done) may.delete(note.id);
      } else if (note.note === 'tick') {
        for (const id of must.keys()) if ((until.get(id) ?? 0) <= note.now) must.delete(id);
      }
    }
    // A grant that was asked for before the cut and refused after it left nothing; one that was
    // answered after it may be there.
    for (const note of coming)
      if (note.note === 'grant' && note.done && !may.has(note.id)) may.set(note.id, note.ttl);
    return { must, may };
  }
}

function eventsOf(notes: Note[]): [string, Version][] {
  return notes.flatMap((n) => (n.note === 'events' ? n.events : []));
}

/** The events up to and with the next that are not soft: the only commit that can be under way. */
function onItsWay(coming: Note[]): [string, Version][] {
  const events: [string, Version][] = [];
  for (const note of coming) {
    if (note.note !== 'events') continue;
    events.push(...note.events);
    if (note.events.some(([key]) => !isSoft(key))) break;
  }
  return events;
}

export function hardAfter(before: KeySpace, events: [string, Version][]): KeySpace {
  const after = new Map([...before].filter(([key]) => !isSoft(key)));
  for (const [key, version] of events) {
    if (isSoft(key)) continue;
    if (version.value === undefined) after.delete(key);
    else after.set(key, version);
  }
  return after;
}
