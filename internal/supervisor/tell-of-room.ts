import type { Troubles } from '../client/troubles.ts';
import type { RoomState } from '../store/journal.ts';
import type { Part } from './running.ts';

export interface TellOfRoomOptions {
  room: { follow(fn: (state: RoomState) => void): () => void };
  troubles: Troubles;
  /** Where the datastore lies. */
  folder: string;
}

/**
 * Says what the disk of the datastore does not take. Events of it need no room: they wait in
 * memory.
 */
export function tellOfRoom({ room, troubles, folder }: TellOfRoomOptions): Part {
  const stop = room.follow((state) => {
    troubles.set(
      'DatastoreFull',
      'file',
      state === 'scarce'
        ? `the file system of ${folder} is full: objects can be read, deleted and changed a ` +
            'little until there is room'
        : undefined,
    );
    troubles.set(
      'DatastoreReadOnly',
      'file',
      state === 'read-only'
        ? `the file system of ${folder} is read-only: objects can be read and not changed`
        : undefined,
    );
  });
  return { name: 'room', stop };
}
