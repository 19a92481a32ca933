import { Buffer } from 'node:buffer';
import { asObject, type KubeObject } from '../../api/object.ts';
import type { KeyValue } from '../../store/store.ts';
import { jsonOf } from '../registry/stored.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { WatchEvent } from './watcher.ts';

/** As many encoded events are remembered as fan out within one turn; then they are let go. */
const maxRemembered = 256;

/** Encodes each event once per format for all its watchers. */
export class EventEncoder {
  readonly #seen = new Map<KeyValue, Map<string, Buffer>>();

  /** `format` names everything the bytes depend on. */
  encode(event: WatchEvent, format: string, make: () => Buffer): Buffer {
    let forms = this.#seen.get(event.origin);
    if (!forms) {
      if (this.#seen.size >= maxRemembered) this.#seen.clear();
      this.#seen.set(event.origin, (forms = new Map()));
    }
    const key = `${event.type} ${format}`;
    let bytes = forms.get(key);
    if (!bytes) forms.set(key, (bytes = make()));
    return bytes;
  }
}

/** `{"type":"ADDED","object":{...}}\n` */
export function jsonEvent(resource: ServedResource, event: WatchEvent): Buffer {
  const body =
    event.type === 'DELETED'
      ? Buffer.from(JSON.stringify(event.object))
      : jsonOf(resource, event.origin);
  return Buffer.concat([Buffer.from(`{"type":"${event.type}","object":`), body, tail]);
}

const tail = Buffer.from('}\n');

export function bookmarkObject(
  resource: ServedResource,
  revision: number,
  initial: boolean,
): KubeObject {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  const apiVersion = resource.group ? `${resource.group}/${resource.version}` : resource.version;
  return asObject({ kind: resource.kind, apiVersion, metadata });
}
