import { Buffer } from 'node:buffer';
import type { ListItem } from '../../api/codec/protobuf/list.ts';
import type { KubeObject } from '../../api/object.ts';
import type { KeyValue } from '../../store/store.ts';
import type { Listed } from '../registry/list.ts';
import { apiVersion, type ServedResource } from '../registry/resource.ts';
import { bufferOf, jsonOf, lookAt, storedItems } from '../registry/stored.ts';
import { contentTypes, type Wanted } from './negotiate.ts';

/** How a list becomes bytes, some items at a time. */
export interface ListForm {
  name: 'json' | 'protobuf';
  contentType: string;
  /** These items, one behind the other as they stand in the list. */
  items(kvs: readonly KeyValue[]): Buffer;
  /** What stands between items. */
  between: Buffer;
  /** All before the items, which take `itemsBytes`. */
  head(itemsBytes: number): Buffer;
  tail: Buffer;
  /** The header says how long the items are. */
  measured: boolean;
}

export function listMeta(listed: Listed): Record<string, unknown> {
  const meta: Record<string, unknown> = { resourceVersion: String(listed.revision) };
  if (listed.continue) meta['continue'] = listed.continue;
  if (listed.remaining !== undefined && listed.remaining > 0)
    meta['remainingItemCount'] = listed.remaining;
  return meta;
}

/** The form for a list of whole objects; undefined where it must be made of objects at once. */
export function listForm(
  resource: ServedResource,
  wanted: Wanted,
  listed: Listed,
): ListForm | undefined {
  if (wanted.as) return undefined;
  if (wanted.format === 'json' && !wanted.pretty) return jsonForm(resource, listed);
  return wanted.format === 'protobuf' ? protobufForm(resource, listed) : undefined;
}

const comma = Buffer.from(',');
const nothing = Buffer.alloc(0);

function jsonForm(resource: ServedResource, listed: Listed): ListForm {
  const head =
    `{"kind":${JSON.stringify(resource.listKind)},` +
    `"apiVersion":${JSON.stringify(apiVersion(resource))},` +
    `"metadata":${JSON.stringify(listMeta(listed))},"items":[`;
  return {
    name: 'json',
    contentType: contentTypes.json,
    items: (kvs) => jsonItems(resource, kvs),
    between: comma,
    head: () => Buffer.from(head),
    tail: Buffer.from(']}\n'),
    measured: false,
  };
}

function jsonItems(resource: ServedResource, kvs: readonly KeyValue[]): Buffer {
  // Items that are served as they are stored are copied once.
  const copied = storedItems(resource, kvs);
  if (copied) return copied;
  const parts: Buffer[] = [];
  for (const kv of kvs) {
    if (parts.length > 0) parts.push(comma);
    parts.push(itemBytes(resource, kv));
  }
  return Buffer.concat(parts);
}

/** In a typed list, items of built-in kinds carry no kind and apiVersion, as Go writes them. */
function itemBytes(resource: ServedResource, kv: KeyValue): Buffer {
  const bytes = jsonOf(resource, kv);
  if (resource.custom) return bytes;
  const { apiVersion: _version, kind: _kind, ...rest } = JSON.parse(bytes.toString()) as KubeObject;
  return Buffer.from(JSON.stringify(rest));
}

const itemOf = (resource: ServedResource, kv: KeyValue): ListItem => ({
  stored: resource.engine.fromStorage ? undefined : bufferOf(kv.value),
  revision: kv.modRevision,
  object: () => lookAt(resource, kv),
});

function protobufForm(resource: ServedResource, listed: Listed): ListForm | undefined {
  const { listProtobuf } = resource.engine;
  if (!listProtobuf) return undefined;
  return {
    name: 'protobuf',
    contentType: contentTypes.protobuf,
    items: (kvs) => listProtobuf.items(kvs.map((kv) => itemOf(resource, kv))),
    between: nothing,
    head: (itemsBytes) => listProtobuf.head(listMeta(listed), itemsBytes),
    tail: listProtobuf.tail,
    measured: true,
  };
}
