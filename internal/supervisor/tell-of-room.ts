import type { Client } from '../client/client.ts';
import { eventRecorder } from '../client/events.ts';
import type { RoomState } from '../store/journal.ts';
import type { Doors } from './doors.ts';
import type { Part } from './running.ts';

export interface TellOfRoomOptions {
  room: { follow(fn: (state: RoomState) => void): () => void };
  client: Client;
  doors: Doors;
  nodeName: string;
  /** Where the datastore lies. */
  folder: string;
}

/** Says in events about the node what the disk of the datastore takes. Events need no room: they wait in memory. */
export function tellOfRoom({ room, client, doors, nodeName, folder }: TellOfRoomOptions): Part {
  const events = eventRecorder({ client, clock: doors.clock, log: doors.log.named('events'), component: 'skiff', host: nodeName });
  const node = { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName };
  let told: RoomState = 'ample';
  const stop = room.follow((state) => {
    if (state === told) return;
    told = state;
    if (state === 'ample') events.normal(node, 'DatastoreWritable', `The file system of ${folder} takes writes again`);
    else if (state === 'scarce') events.warning(node, 'DatastoreFull', `The file system of ${folder} is full: objects can be read, deleted and changed a little until there is room`);
    else events.warning(node, 'DatastoreReadOnly', `The file system of ${folder} is read-only: objects can be read and not changed`);
  });
  return { name: 'room', stop };
}
