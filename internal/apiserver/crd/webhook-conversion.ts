import type {
  CustomResourceDefinition,
  WebhookConversion,
} from '../../api/generated/types/apiextensions-v1.ts';
import { deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { KeyValue } from '../../store/store.ts';
import { objectOf, rememberView } from '../registry/stored.ts';
import type { KindEngine } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { post } from '../webhooks/call-webhook.ts';

const timeoutSeconds = 30;

interface ConversionResponse {
  uid: string;
  convertedObjects?: KubeObject[];
  result?: { status?: string; message?: string };
}

/** Objects of a definition whose versions only its webhook can turn into each other. */
export class WebhookConverter {
  readonly #server: Server;
  readonly #webhook: WebhookConversion;
  readonly #kind: string;

  constructor(server: Server, definition: CustomResourceDefinition) {
    this.#server = server;
    this.#webhook = definition.spec.conversion?.webhook as WebhookConversion;
    this.#kind = definition.spec.names.kind;
  }

  async convert(objects: readonly KubeObject[], to: string): Promise<KubeObject[]> {
    const from = objects[0]?.apiVersion ?? '';
    const uid = this.#server.core.random.uuid();
    const version =
      this.#webhook.conversionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1') ??
      'v1';
    const review = {
      kind: 'ConversionReview',
      apiVersion: `apiextensions.k8s.io/${version}`,
      request: { uid, desiredAPIVersion: to, objects },
    };
    const fail = (why: string): ApiError =>
      new ApiError(
        'InternalError',
        `Internal error occurred: conversion webhook for ${from}, Kind=${this.#kind} failed: ` +
          `${why}`,
      );
    let response: ConversionResponse | undefined;
    try {
      response = (
        (await post(this.#server, this.#webhook.clientConfig as never, review, timeoutSeconds)) as {
          response?: ConversionResponse;
        }
      ).response;
    } catch (error) {
      throw fail(messageOf(error));
    }
    if (!response || response.uid !== uid)
      throw fail('the response does not belong to the request');
    if (response.result?.status !== 'Success')
      throw fail(response.result?.message ?? 'no reason given');
    const converted = response.convertedObjects ?? [];
    if (converted.length !== objects.length)
      throw fail(`expected ${objects.length} converted objects, got ${converted.length}`);
    return converted.map((object, i) => kept(object, objects[i] as KubeObject, to));
  }

  /** Converts all records that are not yet known in a version, in one call, and remembers them. */
  async prepare(
    engine: KindEngine,
    kvs: readonly KeyValue[],
    to: string,
    finish: (object: KubeObject) => void,
  ): Promise<void> {
    const lacking = kvs.filter(
      (kv) => kv.value.length > 0 && !rememberView(kv, engine) && objectOf(kv).apiVersion !== to,
    );
    const byVersion = Map.groupBy(lacking, (kv) => objectOf(kv).apiVersion);
    for (const group of byVersion.values()) {
      const converted = await this.convert(
        group.map((kv) => objectOf(kv)),
        to,
      );
      converted.forEach((object, i) => {
        finish(object);
        rememberView(group[i] as KeyValue, engine, object);
      });
    }
  }
}

/** A webhook may change labels and annotations, and nothing else of the metadata. */
function kept(object: KubeObject, before: KubeObject, to: string): KubeObject {
  const { labels: _labels, annotations: _annotations, ...own } = deepCopy(before.metadata);
  const { labels, annotations } = object.metadata;
  return {
    ...object,
    apiVersion: to,
    metadata: {
      ...own,
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
    } as KubeObject['metadata'],
  };
}
