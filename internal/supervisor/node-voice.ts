import type { Client } from '../client/client.ts';
import { eventRecorder } from '../client/events.ts';
import type { Troubles } from '../client/troubles.ts';
import type { Doors } from './doors.ts';

/**
 * Says what happens to this machine where operators look: in the log, and as Events of its Node.
 */
export interface NodeVoice {
  warn(reason: string, message: string): void;
  stop(): void;
}

export function nodeVoice(options: {
  client: Client;
  doors: Pick<Doors, 'clock' | 'log'>;
  nodeName: string;
  troubles: Troubles;
}): NodeVoice {
  const { client, doors, nodeName, troubles } = options;
  const about = { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName };
  const events = eventRecorder({
    client,
    clock: doors.clock,
    log: doors.log.named('events'),
    component: 'skiff',
    host: nodeName,
  });
  const warn = (reason: string, message: string): void => events.warning(about, reason, message);
  const begun = (type: string, message: string): void => {
    doors.log.warn('this node goes on with a trouble', { trouble: type, message });
    warn(type, message);
  };
  for (const { type, message } of troubles.list()) begun(type, message);
  return {
    warn,
    stop: troubles.onChange((trouble) => trouble && begun(trouble.type, trouble.message)),
  };
}
