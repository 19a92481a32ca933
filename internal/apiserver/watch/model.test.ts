import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fieldsOf, type KubeObject, type ResourceRef } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { realClock } from '../../io/clock.ts';
import {
  listenHttps,
  type HttpsListener,
  type ServerAnswer,
  type ServerRequest,
} from '../../io/https-server.ts';
import { silentLog } from '../../io/log.ts';
import { realRandom, seededRandom, type Random } from '../../io/random.ts';
import { testSeed } from '../../io/test-seed.ts';
import { issueCert } from '../../pki/certificate.ts';
import { LogStore } from '../../store/log-store.ts';
import { recover } from '../../store/recovery.ts';
import { MemoryJournal } from '../../store/testing/memory-journal.ts';
import { startDevServer, type DevServer } from '../dev.ts';
import type { InProcessClient } from '../in-process.ts';
import { speakHttp2 } from '../../wire/h2/http.ts';

/**
 * Every watcher's view equals the list, always: random writers on two versions of a kind that a
 * slow webhook converts and on ConfigMaps, watchers with selectors that come, go, fall behind a
 * compaction and begin again. SKIFF_WATCH_MODEL_SECONDS=600 for the long run; SKIFF_SEED names
 * another seed, or random.
 */
const seconds = Number(process.env['SKIFF_WATCH_MODEL_SECONDS'] ?? 6);
const hosts = ['host1', 'host2', 'host3'];
const v1: ResourceRef = {
  group: 'example.com',
  version: 'v1',
  resource: 'hosts',
  kind: 'Host',
  namespaced: true,
};
const v2: ResourceRef = { ...v1, version: 'v2' };
const configMaps: ResourceRef = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

let dev: DevServer;
let admin: InProcessClient;
let remote: HttpsListener;
let store: LogStore;
let delayMs = 0;

async function convert(request: ServerRequest, reply: ServerAnswer): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString()) as {
    request: {
      uid: string;
      desiredAPIVersion: string;
      objects: (KubeObject & { hostPort?: string; host?: string; port?: string })[];
    };
  };
  const { uid, desiredAPIVersion, objects } = body.request;
  const convertedObjects = objects.map(({ hostPort, host, port, ...rest }) =>
    desiredAPIVersion.endsWith('/v2')
      ? {
          ...rest,
          apiVersion: desiredAPIVersion,
          host: hostPort?.split(':')[0],
          port: hostPort?.split(':')[1],
        }
      : { ...rest, apiVersion: desiredAPIVersion, hostPort: `${host}:${port}` },
  );
  if (delayMs > 0) await realClock.sleep('test.convert', delayMs);
  const out = reply as import('node:http').ServerResponse;
  out.writeHead(200, { 'content-type': 'application/json' });
  out.end(
    JSON.stringify({ ...body, response: { uid, convertedObjects, result: { status: 'Success' } } }),
  );
}

beforeAll(async () => {
  const { recovered, census } = recover([], realClock);
  store = new LogStore({
    journal: new MemoryJournal(new Map(), census),
    recovered,
    clock: realClock,
    log: silentLog,
    random: seededRandom(1),
    historyMs: 300_000,
  });
  dev = await startDevServer({ store });
  admin = dev.api.inProcess({ name: 'admin', groups: ['system:masters'] });
  const identity = issueCert({
    nowMs: realClock.now(),
    random: realRandom,
    ca: dev.ca,
    cn: 'converter',
    sans: ['127.0.0.1'],
    usages: ['server'],
  });
  remote = await listenHttps('converter', {
    http2: speakHttp2,
    host: '127.0.0.1',
    port: 0,
    ...identity,
    ca: dev.ca.cert,
    onRequest: (q, a) => void convert(q, a),
    onUpgrade: (_q, socket) => void socket.destroy(),
  });
  const version = (
    name: string,
    storage: boolean,
    fields: string[],
    selectable: string,
  ): object => ({
    name,
    served: true,
    storage,
    selectableFields: [{ jsonPath: selectable }],
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: Object.fromEntries(fields.map((field) => [field, { type: 'string' }])),
      },
    },
  });
  const clientConfig = {
    caBundle: Buffer.from(dev.ca.cert).toString('base64'),
    url: `https://127.0.0.1:${remote.port}/convert`,
  };
  await admin.create(
    {
      group: 'apiextensions.k8s.io',
      version: 'v1',
      resource: 'customresourcedefinitions',
      kind: 'CustomResourceDefinition',
      namespaced: false,
    },
    {
      metadata: { name: 'hosts.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'hosts', kind: 'Host' },
        versions: [
          version('v1', true, ['hostPort'], '.hostPort'),
          version('v2', false, ['host', 'port'], '.host'),
        ],
        conversion: {
          strategy: 'Webhook',
          webhook: { conversionReviewVersions: ['v1'], clientConfig },
        },
      },
    },
  );
  await vi.waitUntil(() => dev.api.server.core.resources.find('example.com', 'v2', 'hosts'), {
    timeout: 10_000,
  });
});
afterAll(async () => {
  await dev.api.close();
  await remote.close();
  await store.close();
});

interface Selector {
  ref: ResourceRef;
  labelSelector?: string;
  fieldSelector?: string;
}

const selectors: Selector[] = [
  { ref: v2 },
  { ref: v2, fieldSelector: 'host=host1' },
  { ref: v2, fieldSelector: 'host!=host1' },
  { ref: v2, labelSelector: 'l=a' },
  { ref: v2, labelSelector: 'l!=a', fieldSelector: 'host=host2' },
  { ref: v1 },
  { ref: v1, fieldSelector: 'hostPort=host1:80' },
  { ref: v1, labelSelector: 'l in (a,b)' },
  { ref: configMaps },
  { ref: configMaps, labelSelector: 'l=a' },
  { ref: configMaps, fieldSelector: 'metadata.name=n3' },
];

/** A client with a view of its own, kept by events alone. */
class View {
  readonly selector: Selector;
  readonly objects = new Map<string, string>();
  faults: string[] = [];
  #revision = '';
  #stop: (() => void) | undefined;
  #generation = 0;
  #ends = 0;
  synced = false;

  constructor(selector: Selector) {
    this.selector = selector;
  }

  get revision(): number {
    return Number(this.#revision || 0);
  }

  get name(): string {
    const { ref, labelSelector, fieldSelector } = this.selector;
    return (
      `${ref.resource}/${ref.version} labels "${labelSelector ?? ''}" fields ` +
      `"${fieldSelector ?? ''}"`
    );
  }

  /** Goes on from where it was, or begins anew with the whole state. */
  start(anew: boolean): void {
    const generation = ++this.#generation;
    if (anew) this.#revision = '';
    const initial = this.#revision === '';
    if (initial) this.objects.clear();
    this.synced = !initial;
    const { ref, labelSelector, fieldSelector } = this.selector;
    const watch = admin.watch<KubeObject>(
      ref,
      {
        namespace: 'default',
        labelSelector,
        fieldSelector,
        ...(initial ? { sendInitialEvents: true } : { resourceVersion: this.#revision }),
      },
      {
        onEvent: (type, object) => {
          if (generation === this.#generation) this.#take(type, object);
        },
        onSynced: (revision) => {
          this.#revision = revision;
          this.synced = true;
        },
        onEnd: (error) => {
          if (generation !== this.#generation) return;
          if (error && !(error instanceof ApiError && error.reason === 'Expired'))
            this.faults.push(`ended: ${error.message}`);
          if (++this.#ends < 200) this.start(error !== undefined);
          else this.faults.push('it ended 200 times');
        },
      },
    );
    this.#stop = () => watch.stop();
  }

  stop(): void {
    this.#generation++;
    this.#stop?.();
  }

  #take(type: string, object: KubeObject): void {
    const { name = '', resourceVersion = '' } = object.metadata;
    const known = this.objects.has(name);
    if ((type === 'ADDED') === known)
      this.faults.push(
        `${type} ${name}@${resourceVersion}, which was ${known ? 'known' : 'unknown'}`,
      );
    if (this.synced && Number(resourceVersion) <= Number(this.#revision))
      this.faults.push(`${type} ${name}@${resourceVersion} after ${this.#revision}`);
    const { fieldSelector } = this.selector;
    if (
      type !== 'DELETED' &&
      fieldSelector === 'host=host1' &&
      fieldsOf(object)['host'] !== 'host1'
    )
      this.faults.push(`${type} ${name} has host ${String(fieldsOf(object)['host'])}`);
    if (type === 'DELETED') this.objects.delete(name);
    else this.objects.set(name, resourceVersion);
    if (this.synced) this.#revision = resourceVersion;
  }
}

const ignore = (error: unknown): void => {
  if (
    !(error instanceof ApiError) ||
    !['NotFound', 'AlreadyExists', 'Conflict'].includes(error.reason)
  )
    throw error;
};

/** One random write. */
async function write(random: Random): Promise<unknown> {
  const ref = [v1, v2, configMaps][random.int(3)] as ResourceRef;
  const name = `n${random.int(6)}`;
  const target = { namespace: 'default', name };
  const host = hosts[random.int(3)] as string;
  const labels = [{ l: 'a' }, { l: 'b' }, { l: 'c' }][random.int(3)];
  const fields =
    ref === v1
      ? { hostPort: `${host}:80` }
      : ref === v2
        ? { host, port: '80' }
        : { data: { host } };
  const roll = random.int(10);
  if (roll < 4)
    return admin
      .create(ref, {
        apiVersion: ref.group ? `${ref.group}/${ref.version}` : 'v1',
        kind: ref.kind,
        metadata: { name, namespace: 'default', labels },
        ...fields,
      })
      .catch(ignore);
  if (roll < 7)
    return admin
      .patch(ref, target, { type: 'merge', body: { metadata: { labels }, ...fields } })
      .catch(ignore);
  if (roll < 9) return admin.delete(ref, target).catch(ignore);
  return admin.deleteCollection(ref, { namespace: 'default', labelSelector: 'l=a' }).catch(ignore);
}

async function agree(views: View[]): Promise<void> {
  for (const view of views) {
    const { ref, labelSelector, fieldSelector } = view.selector;
    const listed = await admin.list<KubeObject>(ref, {
      namespace: 'default',
      labelSelector,
      fieldSelector,
    });
    const wanted = Object.fromEntries(
      listed.items.map((one) => [one.metadata.name ?? '', one.metadata.resourceVersion]),
    );
    await expect
      .poll(() => Object.fromEntries(view.objects), {
        timeout: 20_000,
        message: `${view.name}: the view must become the list; ${view.faults.join('; ')}`,
      })
      .toEqual(wanted);
    expect(view.faults, view.name).toEqual([]);
  }
}

test(
  `${seconds} s of random writes: every watcher's view equals the list`,
  async () => {
    const seed = testSeed();
    const random = seededRandom(seed);
    console.log(`watch model seed ${seed}`);
    const views = selectors.flatMap((selector) => [new View(selector), new View(selector)]);
    for (const view of views) view.start(true);
    const end = realClock.monotonicMs() + seconds * 1000;
    let writes = 0;
    for (let round = 0; realClock.monotonicMs() < end; round++) {
      delayMs = [0, 0, 2, 15][random.int(4)] as number;
      // Writers side by side, as they meet in a cluster; one tears views down and takes them up
      // again meanwhile.
      await Promise.all(
        Array.from({ length: 4 }, async () => {
          for (let i = 0; i < 8; i++, writes++) await write(random);
        }),
      );
      for (const view of views) {
        if (random.int(4) > 0) continue;
        view.stop();
        view.start(random.int(3) === 0 || !view.synced);
      }
      if (random.int(5) === 0)
        await store.compact(Math.max(1, store.revision - random.int(30))).catch(() => undefined);
      if (round % 8 === 7) await agree(views);
    }
    await agree(views);
    for (const view of views) view.stop();
    console.log(`${writes} writes, ${views.length} watchers, revision ${store.revision}`);
    expect(writes).toBeGreaterThan(seconds);
  },
  (seconds + 60) * 1000,
);

test('a change whose past was compacted ends the watch instead of being guessed', async () => {
  await admin.create(configMaps, {
    metadata: { name: 'past', namespace: 'default' },
    data: { a: '1' },
  });
  const watch = store.watch.bind(store);
  store.watch = (request) =>
    watch({
      ...request,
      onEvents: (events, revision) =>
        request.onEvents(
          events.map((event) => ({ ...event, prevKv: undefined })),
          revision,
        ),
    });
  const told: string[] = [];
  let ended: Error | undefined;
  admin.watch<KubeObject>(
    configMaps,
    { namespace: 'default', resourceVersion: String(store.revision) },
    {
      onEvent: (type, object) => void told.push(`${type} ${object.metadata.name}`),
      onEnd: (error) => void (ended = error),
    },
  );
  store.watch = watch;
  await admin.create(configMaps, { metadata: { name: 'new', namespace: 'default' } });
  await admin.patch(
    configMaps,
    { namespace: 'default', name: 'past' },
    { type: 'merge', body: { data: { a: '2' } } },
  );
  await expect.poll(() => ended).toMatchObject({ reason: 'Expired' });
  expect(told).toEqual(['ADDED new']);
});

test(
  'a record deleted and one that leaves the selector a moment later are both told, while the ' +
    'webhook is slow',
  async () => {
    delayMs = 50;
    const view = new View({ ref: v2, fieldSelector: 'host=host1' });
    const made = (name: string): object => ({
      apiVersion: 'example.com/v1',
      kind: 'Host',
      metadata: { name, namespace: 'default' },
      hostPort: 'host1:80',
    });
    await admin.deleteCollection(v1, { namespace: 'default' });
    await admin.create(v1, made('x'));
    await admin.create(v1, made('y'));
    view.start(true);
    await expect.poll(() => [...view.objects.keys()]).toEqual(['x', 'y']);
    await admin.delete(v1, { namespace: 'default', name: 'x' });
    await admin.patch(
      v1,
      { namespace: 'default', name: 'y' },
      { type: 'merge', body: { hostPort: 'host2:80' } },
    );
    await expect.poll(() => [...view.objects.keys()], { timeout: 5_000 }).toEqual([]);
    expect(view.faults).toEqual([]);
    view.stop();
  },
);
