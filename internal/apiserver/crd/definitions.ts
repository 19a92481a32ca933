import { refs } from '../../api/generated/refs.ts';
import { timeOf } from '../../api/times.ts';
import { registryPrefix } from '../../api/registry-key.ts';
import type { CustomResourceDefinition } from '../../api/generated/types/apiextensions-v1.ts';
import { kindsOfDefinition } from '../../api/crd/kinds.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { ensureCustomService, removeCustomService } from '../aggregation/local-services.ts';
import { messageOf } from '../../base/errors.ts';
import { keyOf as storeKey, prefixEnd, type KeyValue } from '../../store/store.ts';
import { follow, type Followed } from '../follow.ts';
import { systemCall } from '../bootstrap/reconcile.ts';
import { deleteCollection } from '../registry/delete-collection.ts';
import type { ServedResource } from '../registry/resource.ts';
import { objectOf } from '../registry/stored.ts';
import { cleanupFinalizer } from '../../api/crd/conditions.ts';
import { updateObject } from '../registry/update.ts';
import type { Server } from '../server.ts';
import { customResource, type Convert } from './custom-engine.ts';
import { WebhookConverter } from './webhook-conversion.ts';
import { acceptNames } from './names.ts';

const prefix = storeKey(registryPrefix(refs.customResourceDefinitions));

interface Served {
  spec: string;
  resources: ServedResource[];
  /**
   * For deleting what there is: it must not need the conversion webhook, which may be gone before
   * the definition.
   */
  unconverted?: ServedResource;
}

/**
 * Follows the stored definitions and serves what they define: names, establishing, serving, and
 * cleaning up after one that goes.
 */
export class Definitions {
  readonly #server: Server;
  readonly #served = new Map<string, Served>();
  #followed: Followed | undefined;
  #stopped = false;
  #queue: Promise<void> = Promise.resolve();

  constructor(server: Server) {
    this.#server = server;
  }

  async start(): Promise<void> {
    const { store, clock, log } = this.#server.core;
    this.#followed = await follow({
      store,
      clock,
      log,
      name: 'customresourcedefinitions',
      prefix,
      onChanges: (changes) => {
        for (const { key, kv } of changes) {
          if (kv) this.#changed(kv);
          else this.#withdraw(key.slice(prefix.length));
        }
      },
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#followed?.stop();
  }

  #changed(kv: KeyValue): void {
    const definition = objectOf(kv) as CustomResourceDefinition;
    if (isEstablished(definition)) this.#serve(definition);
    const step = async (): Promise<void> => {
      if (this.#stopped) return;
      try {
        if (definition.metadata.deletionTimestamp) await this.#cleanUp(definition);
        else await this.#accept(definition);
      } catch (error) {
        if (
          error instanceof ApiError &&
          (error.reason === 'Conflict' || error.reason === 'NotFound')
        )
          return;
        this.#server.core.log.warn('a definition could not be brought into service', {
          name: definition.metadata.name,
          error: messageOf(error),
        });
      }
    };
    this.#queue = this.#queue.then(step);
  }

  #serve(definition: CustomResourceDefinition): void {
    const { name = '' } = definition.metadata;
    const spec = JSON.stringify([definition.spec, definition.status?.acceptedNames]);
    const known = this.#served.get(name);
    if (known?.spec === spec) return;
    const { resources } = this.#server.core;
    let kinds;
    try {
      kinds = kindsOfDefinition(definition);
    } catch (error) {
      this.#server.core.log.warn('a definition could not be compiled', {
        name,
        error: messageOf(error),
      });
      return;
    }
    for (const old of known?.resources ?? []) resources.remove(old);
    const webhook =
      definition.spec.conversion?.strategy === 'Webhook'
        ? new WebhookConverter(this.#server, definition)
        : undefined;
    const served = kinds.map((info) => customResource(info, noConversion, webhook));
    for (const resource of served) resources.add(resource);
    this.#server.scheme.setCustom(name, kinds);
    this.#register([...(known?.resources ?? []), ...served]);
    const stored =
      kinds.find((info) => info.storageVersion === `${info.group}/${info.version}`) ?? kinds[0];
    this.#served.set(name, {
      spec,
      resources: served,
      ...(stored && { unconverted: customResource(stored, noConversion) }),
    });
  }

  /** Each group version of definitions has an APIService as long as something of it is served. */
  #register(touched: readonly ServedResource[]): void {
    for (const gv of new Set(touched.map((one) => `${one.group}/${one.version}`))) {
      const [group = '', version = ''] = gv.split('/');
      const change = async (): Promise<void> => {
        if (this.#server.core.resources.servesGroupVersion(group, version))
          await ensureCustomService(this.#server, group, version);
        else await removeCustomService(this.#server, group, version);
      };
      this.#queue = this.#queue.then(change).catch(() => undefined);
    }
  }

  #withdraw(name: string): void {
    const gone = this.#served.get(name)?.resources ?? [];
    for (const resource of gone) this.#server.core.resources.remove(resource);
    this.#register(gone);
    this.#served.delete(name);
    this.#server.scheme.setCustom(name, []);
  }

  /** The names must be free in their group; then the definition is established. */
  async #accept(definition: CustomResourceDefinition): Promise<void> {
    const { core } = this.#server;
    const others = (await core.store.range({ key: prefix, end: prefixEnd(prefix) })).kvs
      .map((kv) => objectOf(kv) as CustomResourceDefinition)
      .filter(
        (one) =>
          one.metadata.name !== definition.metadata.name &&
          one.spec.group === definition.spec.group,
      );
    const wanted = acceptNames(definition, others, timeOf(core.clock.now()));
    if (JSON.stringify(wanted) === JSON.stringify(definition.status)) return;
    await this.#write(definition, (next) => {
      next.status = wanted;
    });
  }

  /** Deletes the objects of a definition that goes, then lets it go. */
  async #cleanUp(definition: CustomResourceDefinition): Promise<void> {
    if (!definition.metadata.finalizers?.includes(cleanupFinalizer)) return;
    const { core } = this.#server;
    const resource = this.#served.get(definition.metadata.name ?? '')?.unconverted;
    if (resource) {
      const call = { ...systemCall(core, resource, '', ''), resource };
      await deleteCollection(core, call, {}, {});
      const left = await core.store.range({
        key: storeKey(resource.prefix),
        end: prefixEnd(storeKey(resource.prefix)),
        countOnly: true,
      });
      if (left.count > 0) return this.#whenEmpty(resource, definition);
    }
    await this.#letGo(definition);
  }

  async #letGo(definition: CustomResourceDefinition): Promise<void> {
    await this.#write(
      definition,
      (next) => {
        next.metadata.finalizers = (next.metadata.finalizers ?? []).filter(
          (one) => one !== cleanupFinalizer,
        );
      },
      '',
    );
  }

  /**
   * Objects with finalizers of their own take their time: the last to leave ends the definition.
   */
  #whenEmpty(resource: ServedResource, definition: CustomResourceDefinition): void {
    const { store } = this.#server.core;
    const range = { key: storeKey(resource.prefix), end: prefixEnd(storeKey(resource.prefix)) };
    const watch = store.watch({
      ...range,
      filters: ['NOPUT'],
      onEvents: () => {
        void store.range({ ...range, countOnly: true }).then((left) => {
          if (left.count > 0) return;
          watch.cancel();
          this.#queue = this.#queue.then(() => this.#letGo(definition)).catch(() => undefined);
        });
      },
      onEnd: () => undefined,
    });
  }

  async #write(
    definition: CustomResourceDefinition,
    change: (next: CustomResourceDefinition) => void,
    subresource = 'status',
  ): Promise<void> {
    const { core } = this.#server;
    const call = systemCall(
      core,
      { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions' },
      '',
      definition.metadata.name ?? '',
    );
    await updateObject(
      core,
      { ...call, subresource },
      {
        tracked: true,
        make: (old) => {
          const next = deepCopy(old) as CustomResourceDefinition;
          change(next);
          return next as KubeObject;
        },
      },
    );
  }
}

const isEstablished = (definition: CustomResourceDefinition): boolean =>
  (definition.status?.conditions ?? []).some(
    (one) => one.type === 'Established' && one.status === 'True',
  );

/** Conversion strategy None. */
const noConversion: Convert = (object, to) => ({ ...object, apiVersion: to });
