import { LRUCache } from 'lru-cache';
import type { Event, ObjectReference } from '../api/generated/types/core-v1.ts';
import { ApiError } from '../api/status.ts';
import type { KubeObject } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import type { Client } from './client.ts';
import { refs } from './refs.ts';
import { timeOf } from '../api/times.ts';

// The limits of client-go's event correlator (tools/record).
/**
 * Each of one size, so that a cache grows with what it holds: one of at most so many entries takes
 * its 80 KB at once, and most recorders say little.
 */
const remembered = { maxSize: 4096, sizeCalculation: () => 1 };
const similarBeforeFolding = 10;
const foldingIntervalMs = 600_000;
const burst = 25;
const refillPerMs = 1 / 300_000;
/** Events waiting for a server that is away; older ones are dropped. */
const mostWaiting = 1000;
const mostTries = 12;
const retryMs = 10_000;

/** What an event is about: an object, or a reference to (a part of) one. */
export type About = Pick<KubeObject, 'kind' | 'apiVersion' | 'metadata'> | ObjectReference;

export interface EventRecorder {
  normal(about: About, reason: string, message: string, annotations?: Record<string, string>): void;
  warning(
    about: About,
    reason: string,
    message: string,
    annotations?: Record<string, string>,
  ): void;
  /** Resolves when all events so far have been written or dropped. */
  flushed(): Promise<void>;
}

export interface EventRecorderOptions {
  client: Client;
  clock: Clock;
  log: Log;
  /** source.component, such as `kubelet` or `deployment-controller`. */
  component: string;
  /** source.host, where a node speaks. */
  host?: string;
}

export function referenceTo(about: About): ObjectReference {
  if (!('metadata' in about)) return about;
  const { kind, apiVersion, metadata } = about;
  return {
    kind,
    ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
    name: metadata.name,
    uid: metadata.uid,
    apiVersion,
    resourceVersion: metadata.resourceVersion,
  };
}

let lastNano = 0n;

/** `name.<nanoseconds in hex>`, as client-go names events; made unique where the clock is not. */
export function eventName(name: string, nowMs: number): string {
  let nano = BigInt(nowMs) * 1_000_000n;
  if (nano <= lastNano) nano = lastNano + 1n;
  lastNano = nano;
  const suffix = nano.toString(16);
  return `${name.slice(0, 253 - suffix.length - 1)}.${suffix}`;
}

/**
 * Writes core/v1 Events in the background: repeats are counted, similar ones folded, floods held
 * back.
 */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, log, component, host } = options;
  const correlate = correlator(clock);
  let waiting = 0;
  let tail: Promise<void> = Promise.resolve();

  const write = async (event: Event): Promise<void> => {
    const decision = correlate(event);
    if (!decision) return;
    for (let attempt = 1; attempt <= mostTries; attempt += 1) {
      try {
        return await put(client, decision);
      } catch (error) {
        // A refusal (namespace terminating, forbidden) will not change; only a server that is away
        // is asked again.
        if (error instanceof ApiError && error.httpStatus < 500 && error.httpStatus !== 429)
          return log.debug('event refused', { error: error.message });
        log.debug('event not written', { error: messageOf(error), attempt });
        await clock.sleep('events.retry', retryMs);
      }
    }
  };

  const record = (
    type: 'Normal' | 'Warning',
    about: About,
    reason: string,
    message: string,
    annotations?: Record<string, string>,
  ): void => {
    if (waiting >= mostWaiting) return;
    const ref = referenceTo(about);
    const now = timeOf(clock.now());
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: eventName(ref.name ?? '', clock.now()),
        namespace: ref.namespace || 'default',
        ...(annotations ? { annotations } : {}),
      },
      involvedObject: ref,
      reason,
      message: message.slice(0, 1024),
      source: { component, ...(host ? { host } : {}) },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? '',
    } as Event;
    waiting += 1;
    tail = tail.then(() => write(event)).finally(() => (waiting -= 1));
  };

  return {
    normal: (about, reason, message, annotations) =>
      record('Normal', about, reason, message, annotations),
    warning: (about, reason, message, annotations) =>
      record('Warning', about, reason, message, annotations),
    flushed: () => tail,
  };
}

/** What to write: a new event, or (count > 1) a repeat of one that is there. */
interface Decision {
  event: Event;
  repeats: boolean;
}

async function put(client: Client, { event, repeats }: Decision): Promise<void> {
  const { namespace, name } = event.metadata;
  if (repeats) {
    try {
      await client.patch(
        refs.events,
        { namespace, name: name! },
        {
          type: 'strategic',
          body: { count: event.count, lastTimestamp: event.lastTimestamp, message: event.message },
        },
      );
      return;
    } catch (error) {
      // it may have expired: make it again
      if (!(error instanceof ApiError && error.reason === 'NotFound')) throw error;
    }
  }
  await client.create(refs.events, event);
}

/** client-go's EventCorrelator: undefined means the event is held back. */
function correlator(clock: Clock): (event: Event) => Decision | undefined {
  const spam = new LRUCache<string, { tokens: number; atMs: number }>(remembered);
  const similar = new LRUCache<string, { messages: Set<string>; lastMs: number }>(remembered);
  const seen = new LRUCache<string, { count: number; name: string; first: string }>(remembered);

  const fold = (event: Event): { event: Event; key: string } => {
    const key = [sourceKey(event), event.type, event.reason].join('|');
    const now = clock.now();
    let record = similar.get(key);
    if (!record || now - record.lastMs > foldingIntervalMs)
      record = { messages: new Set(), lastMs: now };
    record.messages.add(event.message ?? '');
    record.lastMs = now;
    similar.set(key, record);
    if (record.messages.size < similarBeforeFolding)
      return { event, key: `${key}|${event.involvedObject.fieldPath ?? ''}|${event.message}` };
    const [first] = record.messages;
    if (first !== undefined) record.messages.delete(first); // the set stays bounded
    return {
      event: { ...event, message: `(combined from similar events): ${event.message}` },
      key,
    };
  };

  const allowed = (event: Event): boolean => {
    const key = [sourceKey(event), event.type].join('|');
    const now = clock.monotonicMs();
    const bucket = spam.get(key) ?? { tokens: burst, atMs: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.atMs) * refillPerMs);
    spam.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: now });
    return tokens >= 1;
  };

  return (original) => {
    const { event, key } = fold(original);
    if (!allowed(event)) return undefined;
    const before = seen.get(key);
    if (!before) {
      seen.set(key, { count: 1, name: event.metadata.name!, first: event.firstTimestamp ?? '' });
      return { event, repeats: false };
    }
    before.count += 1;
    return {
      event: {
        ...event,
        metadata: { ...event.metadata, name: before.name },
        firstTimestamp: before.first,
        count: before.count,
      },
      repeats: true,
    };
  };
}

function sourceKey(event: Event): string {
  const { component, host } = event.source ?? {};
  const about = event.involvedObject;
  return [
    component,
    host,
    about.kind,
    about.namespace,
    about.name,
    about.uid,
    about.apiVersion,
  ].join('|');
}
