import { refs } from '../../api/generated/refs.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import { applyDefaults } from '../../api/defaults/defaults.ts';
import { decodeProtobuf, isProtobuf } from '../../api/codec/protobuf/envelope.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Scheme } from '../../api/scheme.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../io/log.ts';
import { keyOf } from '../../store/store.ts';
import type * as s from '../../store/store.ts';
import { WrappedStore } from '../../store/wrapped-store.ts';
import { definitionFromV1beta1 } from './definition-v1beta1.ts';
import { storedText } from './stored.ts';

/**
 * Definitions are the one kind that is stored as JSON of another version than they are served in.
 */
const definitions = keyOf(registryPrefix(refs.customResourceDefinitions));
const oldVersion = Buffer.from('"apiVersion":"apiextensions.k8s.io/v1beta1"');
/** kind and apiVersion come first. */
const headBytes = 120;

/**
 * A kube-apiserver keeps objects of built-in kinds as protobuf, and definitions in a version of
 * old; so does a datastore that was taken over from one, or is restored from its snapshot. This
 * stands in front of such a store: whoever reads sees every object as JSON in a version that is
 * served, made when it is first read. What is written goes through as it is, so that in time all
 * values are our own. Values are compared by no one who reads through this.
 */
export class KubeValuesStore extends WrappedStore {
  readonly #scheme: Scheme;
  readonly #log: Log;
  readonly #read = new WeakMap<s.KeyValue, s.KeyValue>();

  constructor(inner: s.Store, options: { scheme: Scheme; log: Log }) {
    super(inner);
    this.#scheme = options.scheme;
    this.#log = options.log;
  }

  async range(request: s.RangeRequest): Promise<s.RangeResponse> {
    return this.#range(await this.inner.range(request));
  }

  async put(request: s.PutRequest): Promise<s.PutResponse> {
    return this.#previous(await this.inner.put(request));
  }

  async deleteRange(request: s.DeleteRangeRequest): Promise<s.DeleteRangeResponse> {
    return this.#deleted(await this.inner.deleteRange(request));
  }

  async txn(request: s.TxnRequest): Promise<s.TxnResponse> {
    return this.#txn(await this.inner.txn(request));
  }

  watch(request: s.WatchRequest): s.Watch {
    return this.inner.watch({
      ...request,
      onEvents: (events, revision) => request.onEvents(this.#events(events), revision),
      onEnd: (why) => request.onEnd(why),
    });
  }

  #kv(kv: s.KeyValue): s.KeyValue {
    const { value } = kv;
    if (!isForeign(kv)) return kv;
    let read = this.#read.get(kv);
    if (!read)
      this.#read.set(
        kv,
        (read = {
          key: kv.key,
          value: this.#json(kv.key, value),
          createRevision: kv.createRevision,
          modRevision: kv.modRevision,
          version: kv.version,
          lease: kv.lease,
        }),
      );
    return read;
  }

  #json(key: string, value: Uint8Array): Uint8Array {
    try {
      if (!isProtobuf(value))
        return storedText(
          definitionFromV1beta1(JSON.parse(Buffer.from(value).toString()) as KubeObject),
        );
      const object = decodeProtobuf(this.#scheme, value);
      const info = this.#scheme.kindOf(object);
      if (info) applyDefaults(info, object);
      return storedText(object);
    } catch (error) {
      this.#log.error('a stored object cannot be read', { key, error: messageOf(error) });
      return value;
    }
  }

  #range<T extends s.RangeResponse>(response: T): T {
    return response.kvs.some(isForeign)
      ? { ...response, kvs: response.kvs.map((kv) => this.#kv(kv)) }
      : response;
  }

  #previous<T extends s.PutResponse>(response: T): T {
    return response.prevKv ? { ...response, prevKv: this.#kv(response.prevKv) } : response;
  }

  #deleted<T extends s.DeleteRangeResponse>(response: T): T {
    return response.prevKvs.length > 0
      ? { ...response, prevKvs: response.prevKvs.map((kv) => this.#kv(kv)) }
      : response;
  }

  #txn<T extends s.TxnResponse>(response: T): T {
    return { ...response, responses: response.responses.map((one) => this.#answer(one)) };
  }

  #answer(response: s.OpResponse): s.OpResponse {
    if (response.op === 'range') return this.#range(response);
    if (response.op === 'put') return this.#previous(response);
    return response.op === 'delete' ? this.#deleted(response) : this.#txn(response);
  }

  #events(events: s.StoreEvent[]): s.StoreEvent[] {
    if (!events.some(({ kv, prevKv }) => isForeign(kv) || (prevKv && isForeign(prevKv))))
      return events;
    return events.map((event) => ({
      ...event,
      kv: this.#kv(event.kv),
      ...(event.prevKv && { prevKv: this.#kv(event.prevKv) }),
    }));
  }
}

function isForeign({ key, value }: s.KeyValue): boolean {
  return (
    isProtobuf(value) ||
    (key.startsWith(definitions) &&
      Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, headBytes)).includes(
        oldVersion,
      ))
  );
}
