import { expect, it } from 'vitest';
import { silentLog } from '../io/log.ts';
import type { RoomState } from '../store/journal.ts';
import { whenWritable } from './when-writable.ts';

function roomOf(state: RoomState) {
  const followers = new Set<(state: RoomState) => void>();
  return {
    state,
    followers,
    follow(fn: (state: RoomState) => void): () => void {
      fn(this.state);
      followers.add(fn);
      return () => void followers.delete(fn);
    },
    become(next: RoomState): void {
      this.state = next;
      for (const fn of followers) fn(next);
    },
  };
}

it.each([
  ['ample', 1],
  ['scarce', 1],
  ['read-only', 0],
] as const)('on a disk that is %s, %i begin at once', async (state, wanted) => {
  const room = roomOf(state);
  const said: string[] = [];
  const start = async () => (said.push('start'), async () => void said.push('stop'));
  const stop = await whenWritable({ what: 'it', room, log: silentLog, start });
  expect(said).toHaveLength(wanted);
  room.become('scarce');
  room.become('ample');
  await stop();
  expect(said).toEqual(['start', 'stop']);
  expect(room.followers.size).toBe(0);
});

it('stops without having begun', async () => {
  const room = roomOf('read-only');
  const stop = await whenWritable({
    what: 'it',
    room,
    log: silentLog,
    start: () => Promise.reject(new Error('never')),
  });
  await stop();
  expect(room.followers.size).toBe(0);
});
