import { messageOf } from '../base/errors.ts';
import type { Log } from '../io/log.ts';
import type { RoomState } from '../store/journal.ts';

interface Room {
  readonly state: RoomState;
  follow(fn: (state: RoomState) => void): () => void;
}

export interface WhenWritableOptions {
  /** What does not run meanwhile, for people. */
  what: string;
  /** Undefined where the datastore is not on this disk. */
  room: Room | undefined;
  log: Log;
  /** Begins it; returns how to stop. */
  start(): Promise<() => Promise<void>>;
}

/**
 * Begins what cannot do without a disk that takes writes: now, or when the disk does. Resolves at
 * once where it is read-only, so that what needs no disk goes on. Returns how to stop, begun or
 * not.
 */
export async function whenWritable({
  what,
  room,
  log,
  start,
}: WhenWritableOptions): Promise<() => Promise<void>> {
  if (room?.state !== 'read-only') return await start();
  log.error(`${what} waits for the file system, which is read-only`, {});
  let stop: (() => Promise<void>) | undefined;
  let begun: Promise<void> | undefined;
  const unfollow = room.follow((state) => {
    if (state === 'read-only' || begun) return;
    begun = start().then(
      (ready) => void (stop = ready),
      (error: unknown) => log.error(`${what} could not be started`, { error: messageOf(error) }),
    );
  });
  return async () => {
    unfollow();
    await begun;
    await stop?.();
  };
}
