import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { KubeObject, ResourceRef } from '../api/object.ts';
import { messageOf } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Client } from '../client/client.ts';
import { assetBytes } from '../io/assets.ts';
import type { Clock } from '../io/clock.ts';
import type { Log } from '../io/log.ts';
import { definitions } from './custom-kinds.ts';
import { makeMissing, orUndefined, type OwnObject } from './own-objects.ts';

/** On definitions that we made: these follow us, all others are their administrator's. */
const shipped = 'skiff/shipped';

const firstRetryMs = 1_000;
const longestRetryMs = 64_000;

/** Does `work` again and again where the datastore takes no writes. */
export async function untilWritten({
  what,
  work,
  clock,
  log,
  signal,
}: {
  what: string;
  work: () => Promise<void>;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  for (let delayMs = firstRetryMs; !signal.aborted;)
    try {
      return await work();
    } catch (error) {
      log.warn(`${what} cannot be written`, { error: messageOf(error), inMs: delayMs });
      await clock.sleep('kinds', delayMs, signal);
      delayMs = Math.min(delayMs * 2, longestRetryMs);
    }
}

/**
 * Makes the definitions in an asset, those of `kinds`. One after the other: each is large, and
 * nobody waits for them.
 */
export async function ensureDefinitions(
  client: Client,
  asset: string,
  kinds: readonly ResourceRef[],
): Promise<void> {
  const bytes = await assetBytes(asset);
  const mark = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const there = await Promise.all(
    kinds.map(({ resource, group }) =>
      orUndefined(client.get<KubeObject>(definitions, { name: `${resource}.${group}` })),
    ),
  );
  const isDone = (one: KubeObject | undefined): boolean =>
    one !== undefined && [undefined, mark].includes(own(one.metadata.annotations, shipped));
  if (there.every(isDone)) return;
  for (const definition of JSON.parse(gunzipSync(bytes).toString()) as OwnObject[]) {
    const { metadata } = definition;
    const annotations = { ...(metadata['annotations'] as object), [shipped]: mark };
    const object = { ...definition, metadata: { ...metadata, annotations } };
    const before = await orUndefined(client.get<KubeObject>(definitions, metadata));
    if (!before) await makeMissing(client, definitions, object);
    else if (!isDone(before))
      await client.patch(definitions, metadata, { type: 'merge', body: object });
  }
}
