import { Buffer } from 'node:buffer';
import { defineScalarTag, dump, DUMP_SCHEMA, intYaml11Tag } from 'js-yaml';
import type { KubeObject } from '../../api/object.ts';
import { builtinScheme } from '../../api/scheme.ts';
import type { Call } from '../registry/call.ts';
import type { Listed } from '../registry/list.ts';
import { apiVersion, type ServedResource } from '../registry/resource.ts';
import { UnstoredKinds } from '../registry/unstored-kinds.ts';
import { viewsOf } from '../registry/stored.ts';
import { listMeta } from './list-form.ts';
import { contentTypes, type Wanted } from './negotiate.ts';

export interface Rendered {
  contentType: string;
  body: Buffer;
}

/** With integers that a double cannot hold (see api/codec/json-text.ts). */
const yamlSchema = DUMP_SCHEMA.withTags(
  defineScalarTag(intYaml11Tag.tagName, {
    ...intYaml11Tag,
    identify: (value) => typeof value === 'bigint' || (intYaml11Tag.identify?.(value) ?? false),
    represent: (value) => String(value),
  }),
);

const newline = Buffer.from('\n');

/** One object in the wanted form. `bytes` are its JSON text when that is at hand. */
export function renderObject(
  resource: ServedResource,
  wanted: Wanted,
  object: () => KubeObject,
  bytes: (() => Buffer) | undefined,
  now: number,
  include: string,
): Rendered {
  if (wanted.as?.kind === 'Table')
    return renderJson(tableOf(resource, wanted.as.version, [object()], {}, now, include), wanted);
  if (wanted.as) return partial(partialOf(object(), wanted.as.version), wanted);
  if (wanted.format === 'protobuf' && resource.engine.encodeProtobuf)
    return {
      contentType: contentTypes.protobuf,
      body: Buffer.from(resource.engine.encodeProtobuf(object())),
    };
  if (wanted.format === 'json' && !wanted.pretty && bytes)
    return { contentType: contentTypes.json, body: Buffer.concat([bytes(), newline]) };
  return renderJson(object(), wanted);
}

export function renderJson(value: unknown, wanted: Wanted): Rendered {
  if (wanted.format === 'yaml')
    return {
      contentType: contentTypes.yaml,
      body: Buffer.from(
        dump(value, { schema: yamlSchema, noRefs: true, lineWidth: -1, sortKeys: true }),
      ),
    };
  return {
    contentType: contentTypes.json,
    body: Buffer.from(
      `${wanted.pretty ? JSON.stringify(value, null, 2) : JSON.stringify(value)}\n`,
    ),
  };
}

function partial(value: object, wanted: Wanted): Rendered {
  if (wanted.format === 'protobuf')
    return { contentType: contentTypes.protobuf, body: Buffer.from(metadataKind().encode(value)) };
  return renderJson(value, wanted);
}

let metadataKinds: UnstoredKinds | undefined;

/** Metadata is the same of every kind. */
function metadataKind(): UnstoredKinds {
  return (metadataKinds ??= new UnstoredKinds(builtinScheme()));
}

export function partialOf(object: KubeObject, version: string): object {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: object.metadata,
  };
}

/** A list that is made of its objects: tables, metadata, YAML, and JSON to be read by people. */
export async function renderList(
  call: Call,
  wanted: Wanted,
  listed: Listed,
  now: number,
  include: string,
): Promise<Rendered> {
  const { resource } = call;
  const views = await viewsOf(resource, listed.kvs);
  if (wanted.as?.kind === 'Table')
    return renderJson(
      tableOf(resource, wanted.as.version, views, listMeta(listed), now, include),
      wanted,
    );
  if (wanted.as) {
    const items = views.map((object) => partialOf(object, wanted.as?.version ?? 'v1'));
    return partial(
      {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${wanted.as.version}`,
        metadata: listMeta(listed),
        items,
      },
      wanted,
    );
  }
  const list = {
    kind: resource.listKind,
    apiVersion: apiVersion(resource),
    metadata: listMeta(listed),
    items: views,
  };
  return renderJson(list, wanted);
}

export function tableOf(
  resource: ServedResource,
  version: string,
  objects: readonly KubeObject[],
  metadata: object,
  now: number,
  include: string,
): object {
  const includeObject = include === 'None' || include === 'Object' ? include : 'Metadata';
  const meta =
    objects.length === 1 && Object.keys(metadata).length === 0
      ? { resourceVersion: objects[0]?.metadata.resourceVersion }
      : metadata;
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: meta,
    ...resource.engine.table(objects, { now, includeObject }),
  };
}
