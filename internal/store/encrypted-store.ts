import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Clock } from '../io/clock.ts';
import type { Encryption, EncryptionKey } from './cipher.ts';
import { StoreError } from './errors.ts';
import type { KeyCensus, Reencrypts } from './key-ring.ts';
import { prefixEnd } from './store.ts';
import type * as s from './store.ts';
import { WrappedStore } from './wrapped-store.ts';
import { realRandom } from '../io/random.ts';

/**
 * Before an encrypted value: this mark, the key's number (4 bytes), IV and tag. No object of
 * Kubernetes begins so.
 */
const mark = Buffer.from('skiff:enc:aesgcm:v1:');
const ivBytes = 12;
const tagBytes = 16;
const headBytes = mark.length + 4 + ivBytes + tagBytes;
const algorithm = 'aes-256-gcm';
/** Values that a change of keys reads, and writes, at once. */
const walkPage = 500;
const writesAtOnce = 16;
/**
 * Other servers write with the key before until they hear of the new one: walks are so far apart,
 * and the last finds nothing twice.
 */
const betweenWalksMs = 1000;
const mostWalks = 60;

export interface EncryptedStoreOptions {
  encryption: Encryption;
  clock: Clock;
  betweenWalksMs?: number;
  /**
   * Asks for the keys again when a value is under one that is not known: another server may have
   * changed them.
   */
  reload?(): Promise<Encryption | undefined>;
}

/**
 * Encryption at rest for stores that others keep: AES-256-GCM on the values of chosen prefixes,
 * with the store's key as additional data, so that a value cannot be put under another key. Keys,
 * revisions and all else pass through untouched. Values that are not encrypted are read as they
 * are. Comparing or sorting by such values is refused: equal values look different.
 */
export class EncryptedStore extends WrappedStore implements Reencrypts {
  readonly #reload: EncryptedStoreOptions['reload'];
  readonly #clock: Clock;
  readonly #betweenWalksMs: number;
  readonly #opened = new WeakMap<s.KeyValue, s.KeyValue>();
  readonly #writing = new Set<Promise<unknown>>();
  #encryption: Encryption;

  constructor(inner: s.Store, options: EncryptedStoreOptions) {
    super(inner);
    this.#encryption = options.encryption;
    this.#reload = options.reload;
    this.#clock = options.clock;
    this.#betweenWalksMs = options.betweenWalksMs ?? betweenWalksMs;
  }

  /**
   * Takes over keys that were changed, here or elsewhere; news of an older change comes too late.
   */
  use(encryption: Encryption): void {
    if ((encryption.generation ?? 0) >= (this.#encryption.generation ?? 0))
      this.#encryption = encryption;
  }

  async range(request: s.RangeRequest): Promise<s.RangeResponse> {
    this.#checkRange(request);
    return await this.#openRange(await this.inner.range(request));
  }

  async put(request: s.PutRequest): Promise<s.PutResponse> {
    return await this.#openPut(await this.#write(() => this.inner.put(this.#sealPut(request))));
  }

  async deleteRange(request: s.DeleteRangeRequest): Promise<s.DeleteRangeResponse> {
    return await this.#openDelete(await this.inner.deleteRange(request));
  }

  async txn(request: s.TxnRequest): Promise<s.TxnResponse> {
    return await this.#openTxn(await this.#write(() => this.inner.txn(this.#sealTxn(request))));
  }

  watch(request: s.WatchRequest): s.Watch {
    return this.#touches(request)
      ? new OpenedWatch(this.inner, request, (events) => this.#openEvents(events))
      : this.inner.watch(request);
  }

  /**
   * Rewrites, by compare and set, every value that is not as `encryption` wants it. Revisions
   * and watches see ordinary writes.
   */
  async encrypt(
    encryption: Encryption,
    progress?: (done: number, total: number) => void,
  ): Promise<void> {
    this.use(encryption);
    await Promise.allSettled(this.#writing);
    for (let walks = 0, clean = 0; walks < mostWalks; walks++) {
      if (walks > 0) await this.#clock.sleep('encrypt.walk', this.#betweenWalksMs);
      const { count } = await this.#census();
      let done = 0;
      let stale = 0;
      await this.#walk(async (page) => {
        // Another server may begin another change meanwhile: then that is what is wanted.
        const wanted = this.#encryption.plain ? undefined : this.#encryption.keys[0]?.id;
        const others = page.filter((kv) => keyIdOf(kv.value) !== wanted);
        stale += others.length;
        for (let at = 0; at < others.length; at += writesAtOnce)
          await Promise.all(others.slice(at, at + writesAtOnce).map((kv) => this.#rewrite(kv)));
        progress?.((done += page.length), count);
      });
      clean = stale === 0 ? clean + 1 : 0;
      if (clean === 2) return;
    }
    throw new StoreError('UNAVAILABLE', 'values are still written with another key', {
      op: 'encrypt',
      hint: 'is every server of the cluster up, and of the same version?',
    });
  }

  async keyCensus(): Promise<KeyCensus> {
    return (await this.#census()).census;
  }

  async #census(): Promise<{ census: KeyCensus; count: number }> {
    const keys = new Map<number, number>();
    let plain = 0;
    let count = 0;
    await this.#walk(async (page) => {
      count += page.length;
      for (const { value } of page) {
        const id = keyIdOf(value);
        if (id === undefined) plain++;
        else keys.set(id, (keys.get(id) ?? 0) + 1);
      }
    });
    return { census: { plain, keys: [...keys] }, count };
  }

  /** All covered values as they are stored, page by page. */
  async #walk(each: (page: s.KeyValue[]) => Promise<void>): Promise<void> {
    for (const prefix of this.#encryption.prefixes) {
      for (let key = prefix; ;) {
        const { kvs, more } = await this.inner.range({
          key,
          end: prefixEnd(prefix),
          limit: walkPage,
        });
        await each(kvs);
        const last = kvs[kvs.length - 1];
        if (!more || last === undefined) break;
        key = `${last.key}\0`;
      }
    }
  }

  async #rewrite(kv: s.KeyValue): Promise<void> {
    const value = this.#seal(kv.key, (await this.#open(kv)).value);
    const { key, lease } = kv;
    // Another writer was quicker, with some key; the next walk looks at it again.
    await this.inner.txn({
      compare: [{ key, target: 'MOD', result: 'EQUAL', operand: kv.modRevision }],
      success: [{ op: 'put', key, value, ...(lease === '0' ? {} : { lease }) }],
      failure: [],
    });
  }

  #covers(key: string): boolean {
    return this.#encryption.prefixes.some((prefix) => key.startsWith(prefix));
  }

  #touches({ key, end }: s.KeyRange): boolean {
    if (end === undefined) return this.#covers(key);
    return this.#encryption.prefixes.some(
      (prefix) => key < prefixEnd(prefix) && (end === '\0' || end > prefix),
    );
  }

  #checkRange(request: s.RangeRequest): void {
    if (request.sort?.target === 'VALUE' && this.#touches(request)) throw refused('sorted');
  }

  async #write<T>(send: () => Promise<T>): Promise<T> {
    const sent = send();
    this.#writing.add(sent);
    try {
      return await sent;
    } finally {
      this.#writing.delete(sent);
    }
  }

  #sealPut<T extends s.PutRequest>(request: T): T {
    return request.ignoreValue || !this.#covers(request.key)
      ? request
      : { ...request, value: this.#seal(request.key, request.value) };
  }

  #sealTxn<T extends s.TxnRequest>(request: T): T {
    for (const compare of request.compare)
      if (compare.target === 'VALUE' && this.#touches(compare)) throw refused('compared');
    return {
      ...request,
      success: request.success.map((op) => this.#sealOp(op)),
      failure: request.failure.map((op) => this.#sealOp(op)),
    };
  }

  #sealOp(op: s.Op): s.Op {
    if (op.op === 'put') return this.#sealPut(op);
    if (op.op === 'txn') return this.#sealTxn(op);
    if (op.op === 'range') this.#checkRange(op);
    return op;
  }

  #seal(key: string, value: Uint8Array): Uint8Array {
    const primary = this.#encryption.plain ? undefined : this.#encryption.keys[0];
    if (primary === undefined) return value;
    const out = Buffer.alloc(headBytes + value.length);
    mark.copy(out);
    out.writeUInt32LE(primary.id, mark.length);
    const iv = realRandom.bytes(ivBytes);
    out.set(iv, mark.length + 4);
    const cipher = createCipheriv(algorithm, primary.key, iv);
    cipher.setAAD(Buffer.from(key, 'latin1'));
    cipher.update(value).copy(out, headBytes);
    cipher.final();
    cipher.getAuthTag().copy(out, mark.length + 4 + ivBytes);
    return out;
  }

  async #openRange<T extends s.RangeResponse>(response: T): Promise<T> {
    return response.kvs.some((kv) => this.#covers(kv.key))
      ? { ...response, kvs: await Promise.all(response.kvs.map((kv) => this.#open(kv))) }
      : response;
  }

  async #openPut<T extends s.PutResponse>(response: T): Promise<T> {
    return response.prevKv ? { ...response, prevKv: await this.#open(response.prevKv) } : response;
  }

  async #openDelete<T extends s.DeleteRangeResponse>(response: T): Promise<T> {
    return {
      ...response,
      prevKvs: await Promise.all(response.prevKvs.map((kv) => this.#open(kv))),
    };
  }

  async #openTxn<T extends s.TxnResponse>(response: T): Promise<T> {
    return {
      ...response,
      responses: await Promise.all(response.responses.map((one) => this.#openResponse(one))),
    };
  }

  async #openResponse(response: s.OpResponse): Promise<s.OpResponse> {
    if (response.op === 'range') return await this.#openRange(response);
    if (response.op === 'put') return await this.#openPut(response);
    return response.op === 'delete'
      ? await this.#openDelete(response)
      : await this.#openTxn(response);
  }

  /** The events with their values readable: at once when the keys are known, else when they are. */
  #openEvents(events: s.StoreEvent[]): s.StoreEvent[] | Promise<s.StoreEvent[]> {
    const kvs = events.flatMap(({ kv, prevKv }) => (prevKv ? [kv, prevKv] : [kv]));
    const open = (event: s.StoreEvent): s.StoreEvent => ({
      ...event,
      kv: this.#openNow(event.kv),
      ...(event.prevKv ? { prevKv: this.#openNow(event.prevKv) } : {}),
    });
    if (kvs.every((kv) => this.#keyOf(kv) !== 'unknown')) return events.map(open);
    return Promise.all(kvs.map((kv) => this.#open(kv))).then(() => events.map(open));
  }

  async #open(kv: s.KeyValue): Promise<s.KeyValue> {
    if (this.#keyOf(kv) === 'unknown') {
      const fresh = await this.#reload?.();
      if (fresh) this.use(fresh);
    }
    return this.#openNow(kv);
  }

  #openNow(kv: s.KeyValue): s.KeyValue {
    const key = this.#keyOf(kv);
    if (key === undefined) return kv;
    let opened = this.#opened.get(kv);
    if (opened === undefined) this.#opened.set(kv, (opened = { ...kv, value: decrypt(kv, key) }));
    return opened;
  }

  /** The key of a value; undefined when it is not encrypted. */
  #keyOf(kv: s.KeyValue): EncryptionKey | 'unknown' | undefined {
    const id = this.#covers(kv.key) ? keyIdOf(kv.value) : undefined;
    return id === undefined
      ? undefined
      : (this.#encryption.keys.find((key) => key.id === id) ?? 'unknown');
  }
}

/** A watch whose events are made readable; while keys are asked for, what comes waits its turn. */
class OpenedWatch implements s.Watch {
  readonly #request: s.WatchRequest;
  readonly #open: (events: s.StoreEvent[]) => s.StoreEvent[] | Promise<s.StoreEvent[]>;
  readonly #inner: s.Watch;
  #delivered = 0;
  #turn: Promise<void> | undefined;
  #over = false;

  constructor(
    store: s.Store,
    request: s.WatchRequest,
    open: (events: s.StoreEvent[]) => s.StoreEvent[] | Promise<s.StoreEvent[]>,
  ) {
    this.#request = request;
    this.#open = open;
    this.#inner = store.watch({
      ...request,
      onEvents: (events, revision) => this.#inTurn(() => this.#deliver(events, revision)),
      onEnd: (why) => this.#inTurn(() => this.#end(why)),
    });
  }

  get revision(): number {
    return this.#turn === undefined ? this.#inner.revision : this.#delivered;
  }

  async progress(): Promise<number> {
    const revision = await this.#inner.progress();
    await this.#turn;
    return revision;
  }

  cancel(): void {
    this.#over = true;
    this.#inner.cancel();
  }

  #inTurn(work: () => void | Promise<void>): void {
    const before = this.#turn;
    const now = before === undefined ? work() : before.then(work);
    if (now === undefined) return;
    const turn: Promise<void> = now.then(() => {
      if (this.#turn === turn) this.#turn = undefined;
    });
    this.#turn = turn;
  }

  #deliver(events: s.StoreEvent[], revision: number): void | Promise<void> {
    if (this.#over) return;
    try {
      const opened = this.#open(events);
      if (opened instanceof Promise)
        return opened.then(
          (ready) => this.#hand(ready, revision),
          (error: unknown) => this.#failed(error),
        );
      this.#hand(opened, revision);
    } catch (error) {
      this.#failed(error);
    }
  }

  #hand(events: s.StoreEvent[], revision: number): void {
    if (this.#over) return;
    this.#delivered = revision;
    this.#request.onEvents(events, revision);
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    // The first events may come before the watch itself is there to be cancelled.
    queueMicrotask(() => this.#inner.cancel());
    this.#end({
      reason: 'failed',
      message: error instanceof Error ? error.message : String(error),
    });
  }

  #end(why: Parameters<s.WatchRequest['onEnd']>[0]): void {
    if (this.#over) return;
    this.#over = true;
    this.#request.onEnd(why);
  }
}

/** The number of the key that a stored value is encrypted with; undefined when it is not. */
export function keyIdOf(value: Uint8Array): number | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return bytes.length >= headBytes && bytes.subarray(0, mark.length).equals(mark)
    ? bytes.readUInt32LE(mark.length)
    : undefined;
}

function decrypt(kv: s.KeyValue, key: EncryptionKey | 'unknown'): Uint8Array {
  if (key === 'unknown') {
    throw new StoreError(
      'CORRUPT',
      `a value is encrypted with the unknown key ${keyIdOf(kv.value)?.toString(16)}`,
      { op: 'decrypt', hint: 'put the encryption keys of this cluster back' },
    );
  }
  const bytes = Buffer.from(kv.value.buffer, kv.value.byteOffset, kv.value.byteLength);
  const ivAt = mark.length + 4;
  const decipher = createDecipheriv(algorithm, key.key, bytes.subarray(ivAt, ivAt + ivBytes));
  decipher.setAAD(Buffer.from(kv.key, 'latin1'));
  decipher.setAuthTag(bytes.subarray(ivAt + ivBytes, headBytes));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(headBytes)), decipher.final()]);
  } catch (cause) {
    throw new StoreError('CORRUPT', 'an encrypted value does not match its key', {
      op: 'decrypt',
      cause,
      hint: 'it was damaged, or put in the place of another',
    });
  }
}

function refused(what: string): StoreError {
  return new StoreError('INVALID_ARGUMENT', `encrypted values cannot be ${what}`, {
    op: 'encrypted',
    hint: 'go by revisions',
  });
}
