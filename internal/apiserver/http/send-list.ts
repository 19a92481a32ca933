import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import { turn } from '../../io/turn.ts';
import type { KeyValue } from '../../store/store.ts';
import type { Listed } from '../registry/list.ts';
import type { ServedResource } from '../registry/resource.ts';
import { runsOf, sizeOf, type Run } from '../registry/runs.ts';
import type { Server } from '../server.ts';
import { answerHeaders, send, type Exchange } from './exchange.ts';
import type { ListForm } from './list-form.ts';

/** A list of fewer bytes is sent at once. */
const smallBytes = 64 * 1024;
/** After so many bytes other requests have their turn. */
const turnBytes = 256 * 1024;
/** So much may wait for the client before no more is made. */
const aheadBytes = 512 * 1024;
/**
 * A list that must be measured first is kept up to here; of a longer one each run is made twice.
 */
const measuredBytes = 8 * 1024 * 1024;

type ListServer = Pick<Server, 'core' | 'lists' | 'flowControl'>;

/** Sends a list made of what is stored, at the pace of its client. */
export async function sendList(
  server: ListServer,
  exchange: Exchange,
  code: number,
  given: { resource: ServedResource; listed: Listed; form: ListForm },
): Promise<void> {
  const { kvs } = given.listed;
  let bytes = 0;
  for (const kv of kvs) bytes += sizeOf(kv);
  const list = new ListBytes(server, given, bytes);
  if (bytes < smallBytes || exchange.audit?.whole)
    return send(exchange, code, given.form.contentType, list.all());
  await list.measure();
  const answer = exchange.answer as ServerResponse;
  if (answer.headersSent || answer.destroyed) return;
  answer.writeHead(code, answerHeaders(exchange, given.form.contentType));
  try {
    await list.pour(answer);
  } catch (error) {
    // Half a list is none: the client must see that it is broken off.
    answer.destroy();
    throw error;
  }
}

class ListBytes {
  readonly #server: ListServer;
  readonly #resource: ServedResource;
  readonly #kvs: readonly KeyValue[];
  readonly #form: ListForm;
  readonly #runs: Run[];
  readonly #cached: boolean;
  #made: Buffer[] | undefined;
  #itemsBytes = 0;
  #sinceTurn = 0;

  constructor(
    server: ListServer,
    { resource, listed, form }: { resource: ServedResource; listed: Listed; form: ListForm },
    bytes: number,
  ) {
    this.#server = server;
    this.#resource = resource;
    this.#kvs = listed.kvs;
    this.#form = form;
    this.#runs = runsOf(listed.kvs);
    this.#cached =
      listed.whole === true &&
      resource.engine.prepare === undefined &&
      bytes >= smallBytes &&
      server.lists.takes(bytes);
  }

  all(): Buffer {
    const parts: Buffer[] = [];
    for (const run of this.#runs) {
      if (parts.length > 0) parts.push(this.#form.between);
      parts.push(this.#items(run));
    }
    const items = Buffer.concat(parts);
    return Buffer.concat([this.#form.head(items.length), items, this.#form.tail]);
  }

  /** Makes what the head needs to know. */
  async measure(): Promise<void> {
    if (!this.#form.measured) return;
    this.#made = [];
    for (const [i, run] of this.#runs.entries()) {
      const items = this.#items(run);
      this.#itemsBytes += items.length + (i > 0 ? this.#form.between.length : 0);
      if (this.#itemsBytes > measuredBytes) this.#made = undefined;
      this.#made?.push(items);
      await this.#pause(items.length);
    }
  }

  async pour(answer: ServerResponse): Promise<void> {
    const client = new Pace(this.#server, answer);
    try {
      answer.write(this.#form.head(this.#itemsBytes));
      for (const [i, run] of this.#runs.entries()) {
        if (i > 0 && this.#form.between.length > 0) answer.write(this.#form.between);
        const items = this.#made?.[i] ?? this.#items(run);
        answer.write(items);
        await this.#pause(items.length);
        if (!(await client.ready())) return;
      }
      answer.end(this.#form.tail);
    } finally {
      client.stop();
    }
  }

  #items({ from, to }: Run): Buffer {
    const kvs = this.#kvs.slice(from, to);
    const make = (): Buffer => this.#form.items(kvs);
    // A page ends anywhere; the next list may not.
    const cut = to === this.#kvs.length;
    if (!this.#cached || (cut && this.#runs.length > 1)) return make();
    return this.#server.lists.run(this.#resource, this.#form.name, kvs, make);
  }

  async #pause(bytes: number): Promise<void> {
    this.#sinceTurn += bytes;
    if (this.#sinceTurn < turnBytes) return;
    this.#sinceTurn = 0;
    await turn();
  }
}

/** How fast a client takes its answer. It has as long as a request may take. */
class Pace {
  readonly #answer: ServerResponse;
  readonly #stop: () => void;
  #wake: (() => void) | undefined;
  #gone = false;

  constructor({ core, flowControl }: ListServer, answer: ServerResponse) {
    this.#answer = answer;
    const timer = core.clock.after('list.taken', flowControl.requestTimeoutMs, () =>
      answer.destroy(),
    );
    const drained = (): void => this.#wake?.();
    const gone = (): void => {
      this.#gone = true;
      this.#wake?.();
    };
    answer.on('drain', drained);
    answer.on('close', gone);
    this.#stop = () => {
      timer.cancel();
      answer.off('drain', drained);
      answer.off('close', gone);
    };
  }

  /** False when the client is gone. */
  async ready(): Promise<boolean> {
    while (!this.#gone && !this.#answer.destroyed && this.#answer.writableLength > aheadBytes)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    return !this.#gone && !this.#answer.destroyed;
  }

  stop(): void {
    this.#stop();
  }
}
