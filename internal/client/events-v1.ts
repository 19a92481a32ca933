import type { Event } from '../api/generated/types/events-v1.ts';
import { ApiError } from '../api/status.ts';
import { messageOf } from '../base/errors.ts';
import type { Clock, Timer } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import type { Client } from './client.ts';
import { eventName, referenceTo, type About } from './events.ts';
import { refs } from './refs.ts';
import { microTimeOf } from '../api/times.ts';

/** A series is over when nothing was added to it for this long (client-go tools/events). */
const finishMs = 6 * 60_000;
/** Bounds what one recorder remembers; the oldest series is forgotten first. */
const mostSeries = 4096;

export interface SeriesRecorder {
  record(
    about: About,
    event: {
      type: 'Normal' | 'Warning';
      reason: string;
      action: string;
      note: string;
      related?: About;
    },
  ): void;
}

interface Known {
  event: Event;
  count: number;
  lastMs: number;
  written: number;
}

/**
 * Writes events.k8s.io/v1 Events: the first at once, the second as the start of a series, the sum
 * at its end.
 */
export function seriesRecorder(options: {
  client: Client;
  clock: Clock;
  log: Log;
  controller: string;
  instance: string;
}): SeriesRecorder {
  const { client, clock, log } = options;
  const known = new Map<string, Known>();
  let sweep: Timer | undefined;

  const write = async (entry: Known): Promise<void> => {
    const { event, count } = entry;
    entry.written = count;
    const { name, namespace } = event.metadata;
    const series = { count, lastObservedTime: microTimeOf(entry.lastMs) };
    try {
      if (count === 1) return void (await client.create(refs.eventsV1, event));
      await client.patch(
        refs.eventsV1,
        { name: name!, namespace },
        { type: 'merge', body: { series } },
      );
    } catch (error) {
      if (count > 1 && error instanceof ApiError && error.reason === 'NotFound')
        await client.create(refs.eventsV1, { ...event, series });
      else throw error;
    }
  };
  const start = (entry: Known): void =>
    void write(entry).catch((error: unknown) =>
      log.debug('event not written', { error: messageOf(error) }),
    );

  const finish = (): void => {
    sweep = undefined;
    let next = Infinity;
    for (const [key, entry] of known) {
      const dueMs = entry.lastMs + finishMs - clock.now();
      if (dueMs > 0) next = Math.min(next, dueMs);
      else {
        known.delete(key);
        if (entry.written < entry.count) start(entry);
      }
    }
    if (next < Infinity) sweep = clock.after('events.series', next, finish);
  };

  return {
    record(about, { type, reason, action, note, related }) {
      const regarding = referenceTo(about);
      const key = [
        type,
        action,
        reason,
        regarding.kind,
        regarding.namespace,
        regarding.name,
        regarding.uid,
        regarding.resourceVersion,
        regarding.fieldPath,
      ].join('|');
      const before = known.get(key);
      const now = clock.now();
      if (before) {
        before.count += 1;
        before.lastMs = now;
        if (before.count === 2) start(before);
        return;
      }
      const event = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: {
          name: eventName(regarding.name ?? '', now),
          namespace: regarding.namespace || 'default',
        },
        eventTime: microTimeOf(now),
        reportingController: options.controller,
        reportingInstance: options.instance,
        action,
        reason,
        regarding,
        ...(related ? { related: referenceTo(related) } : {}),
        note: note.slice(0, 1024),
        type,
      } as Event;
      if (known.size >= mostSeries) known.delete(known.keys().next().value!);
      const entry: Known = { event, count: 1, lastMs: now, written: 0 };
      known.set(key, entry);
      start(entry);
      sweep ??= clock.after('events.series', finishMs, finish);
    },
  };
}
