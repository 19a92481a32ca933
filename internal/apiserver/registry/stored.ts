import { refs } from '../../api/generated/refs.ts';
import { kindOf } from '../../api/kinds/kinds.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { deepFreeze, type KubeObject } from '../../api/object.ts';
import { invariant } from '../../base/assert.ts';
import { turn } from '../../io/turn.ts';
import type { KeyValue } from '../../store/store.ts';
import { apiVersion, type KindEngine, type ServedResource } from './resource.ts';

const parsed = new WeakMap<KeyValue, KubeObject>();
const converted = new WeakMap<KeyValue, Map<KindEngine, KubeObject>>();

const uidMark = Buffer.from('"uid":"');
const uidLength = 36;

export const bufferOf = (value: Uint8Array): Buffer =>
  Buffer.from(value.buffer, value.byteOffset, value.byteLength);

/**
 * Stored JSON has no resourceVersion: it is the key's revision. Go's order puts it right behind the
 * uid, and everything before the uid is plain names, so the first `"uid":"` of the text is the
 * object's own.
 */
function withRevision(value: Uint8Array, revision: number): Buffer {
  const bytes = bufferOf(value);
  const at = bytes.indexOf(uidMark);
  const cut = at + uidMark.length + uidLength + 1;
  if (at < 0 || bytes[cut - 1] !== 0x22) return slowWithRevision(bytes, revision);
  const middle = `,"resourceVersion":"${revision}"`;
  const out = Buffer.allocUnsafe(bytes.length + middle.length);
  bytes.copy(out, 0, 0, cut);
  out.write(middle, cut, 'latin1');
  bytes.copy(out, cut + middle.length, cut);
  return out;
}

function slowWithRevision(bytes: Buffer, revision: number): Buffer {
  const object = JSON.parse(bytes.toString()) as KubeObject;
  object.metadata = { ...object.metadata, resourceVersion: String(revision) };
  return Buffer.from(JSON.stringify(object));
}

const readOncePrefixes = Object.values(refs)
  .filter((ref) => kindOf(ref)?.readOnce)
  .map((ref) => registryPrefix(ref));

/** Events are many, live for an hour and are hardly ever read twice: nothing is hung on them. */
const readOnce = (kv: KeyValue): boolean =>
  readOncePrefixes.some((prefix) => kv.key.startsWith(prefix));

/** The parsed, frozen object in its storage version; made once per record and shared by all. */
export function objectOf(kv: KeyValue): KubeObject {
  let object = parsed.get(kv);
  if (!object) {
    object = deepFreeze(
      JSON.parse(withRevision(kv.value, kv.modRevision).toString()) as KubeObject,
    );
    if (!readOnce(kv)) parsed.set(kv, object);
  }
  return object;
}

/**
 * The frozen object in the version that `resource` serves. Where a webhook converts, somebody must
 * have prepared the record: there is no other way to its view, and a guess (the stored fields under
 * another version) would be shown and filtered by.
 */
export function viewOf(resource: ServedResource, kv: KeyValue): KubeObject {
  const object = objectOf(kv);
  if (!needsConversion(resource, object)) return object;
  const prepared = converted.get(kv)?.get(resource.engine);
  if (prepared) return prepared;
  invariant(
    !resource.engine.prepare || object.apiVersion === apiVersion(resource),
    `${resource.resource} ${object.metadata.name}: its webhook has not converted this record`,
    'stored.view',
  );
  if (readOnce(kv)) return deepFreeze(resource.engine.fromStorage?.(object) ?? object);
  let views = converted.get(kv);
  if (!views) converted.set(kv, (views = new Map()));
  let view = views.get(resource.engine);
  if (!view)
    views.set(
      resource.engine,
      (view = deepFreeze(resource.engine.fromStorage?.(object) ?? object)),
    );
  return view;
}

/** So many records are parsed in one turn of the event loop. */
const parsedAtOnce = 200;

/** The views of many records. Others have their turns meanwhile. */
export async function viewsOf(
  resource: ServedResource,
  kvs: readonly KeyValue[],
): Promise<KubeObject[]> {
  const views: KubeObject[] = [];
  let fresh = 0;
  for (const kv of kvs) {
    if (!parsed.has(kv) && ++fresh % parsedAtOnce === 0) await turn();
    views.push(viewOf(resource, kv));
  }
  return views;
}

/** Whether a record is known in the version of an engine; with `view`, makes it so. */
export function rememberView(kv: KeyValue, engine: KindEngine, view?: KubeObject): boolean {
  const views = converted.get(kv) ?? new Map<KindEngine, KubeObject>();
  if (view) {
    views.set(engine, deepFreeze(view));
    converted.set(kv, views);
  }
  return views.has(engine);
}

function needsConversion(resource: ServedResource, object: KubeObject): boolean {
  return (
    resource.engine.fromStorage !== undefined &&
    (resource.engine.convertsAlways === true || object.apiVersion !== apiVersion(resource))
  );
}

/** The object as `resource` serves it, for one look: nothing more is kept of it than there was. */
export function lookAt(resource: ServedResource, kv: KeyValue): KubeObject {
  const { engine } = resource;
  // What a webhook made is there already, and can be made by nobody else.
  if (engine.prepare || parsed.has(kv)) return viewOf(resource, kv);
  const object = JSON.parse(withRevision(kv.value, kv.modRevision).toString()) as KubeObject;
  return needsConversion(resource, object) ? (engine.fromStorage?.(object) ?? object) : object;
}

const metadataMark = Buffer.from('"metadata":{"name":"');
const comma = 0x2c;
const brace = 0x7b;

/**
 * Items of a JSON list, copied from the store with a comma between them; undefined where one of
 * them is served in another form than it is stored. In a typed list, items of built-in kinds carry
 * no kind and apiVersion, as Go writes them.
 */
export function storedItems(
  resource: ServedResource,
  kvs: readonly KeyValue[],
): Buffer | undefined {
  if (resource.custom || resource.engine.fromStorage) return undefined;
  const head = Buffer.from(`{"kind":"${resource.kind}","apiVersion":"${apiVersion(resource)}",`);
  const values = kvs.map((kv) => bufferOf(kv.value));
  let most = 0;
  for (const value of values) most += value.length;
  const out = Buffer.allocUnsafeSlow(most + kvs.length * (revisionBytes + 1));
  let at = 0;
  for (const [i, value] of values.entries()) {
    if (i > 0) out[at++] = comma;
    const start = head.length;
    const uid = value.indexOf(uidMark, start);
    const cut = uid + uidMark.length + uidLength + 1;
    if (
      uid < 0 ||
      value[cut - 1] !== 0x22 ||
      head.compare(value, 0, start) !== 0 ||
      metadataMark.compare(value, start, start + metadataMark.length) !== 0
    )
      return undefined;
    out[at++] = brace;
    at += value.copy(out, at, start, cut);
    at += out.write(`,"resourceVersion":"${kvs[i]?.modRevision}"`, at, 'latin1');
    at += value.copy(out, at, cut);
  }
  return out.subarray(0, at);
}

/** `,"resourceVersion":"9007199254740991"` */
const revisionBytes = 38;

/** The served JSON text of a record. */
export function jsonOf(resource: ServedResource, kv: KeyValue): Buffer {
  if (resource.engine.fromStorage) return Buffer.from(JSON.stringify(viewOf(resource, kv)));
  return withRevision(kv.value, kv.modRevision);
}

/** What goes into the store. */
export function encode(resource: ServedResource, served: KubeObject): Buffer {
  return storedText(resource.engine.toStorage?.(served) ?? served);
}

/** An object as it is stored: Go's field order at the head, no resourceVersion. */
export function storedText(object: KubeObject): Buffer {
  const { apiVersion: version, kind, metadata, ...rest } = object;
  const { name, generateName, namespace, uid, generation, creationTimestamp, ...more } = metadata;
  delete more.resourceVersion;
  delete more.selfLink;
  return Buffer.from(
    JSON.stringify({
      kind,
      apiVersion: version,
      metadata: {
        name,
        generateName: generateName || undefined,
        namespace: namespace || undefined,
        uid,
        generation: generation || undefined,
        creationTimestamp,
        ...more,
      },
      ...rest,
    }),
  );
}

/**
 * Lets go of what hangs on a record that is no longer the newest. The store keeps such records for
 * minutes, for watches from the past; parsed objects are several times their size, and who needs
 * one again parses it again. Views that a webhook made stay as long as the record: a watch that
 * waits for its conversions shows the record later, and cannot make its view.
 */
export function forget(kv: KeyValue): void {
  parsed.delete(kv);
  const views = converted.get(kv);
  for (const engine of views?.keys() ?? []) if (!engine.prepare) views?.delete(engine);
}
