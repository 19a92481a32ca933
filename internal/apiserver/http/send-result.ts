import { Buffer } from 'node:buffer';
import type { KubeObject } from '../../api/object.ts';
import type { KeyValue } from '../../store/store.ts';
import type { ApiCall, Result } from '../operations/operation.ts';
import { jsonOf, viewOf } from '../registry/stored.ts';
import type { Server } from '../server.ts';
import { send, type Exchange } from './exchange.ts';
import { contentTypes, type Wanted } from './negotiate.ts';
import { renderJson, renderList, renderObject, type Rendered } from './render.ts';
import { listForm } from './list-form.ts';
import { sendList } from './send-list.ts';
import { first } from './request-info.ts';

/** Answers a request with what its operation said, in the form that the client wants. */
export async function sendResult(
  server: Pick<Server, 'core' | 'unstored' | 'lists' | 'flowControl'>,
  exchange: Exchange,
  call: ApiCall,
  wanted: Wanted,
  result: Result,
): Promise<void> {
  if (result.kind === 'list') {
    const { listed } = result;
    const form = listForm(call.resource, wanted, listed);
    if (form)
      return sendList(server, exchange, result.code, { resource: call.resource, listed, form });
  }
  const out = await render(server, exchange, call, wanted, result);
  send(exchange, result.code, out.contentType, out.body);
}

function render(
  { core, unstored }: Pick<Server, 'core' | 'unstored'>,
  exchange: Exchange,
  call: ApiCall,
  wanted: Wanted,
  result: Result,
): Rendered | Promise<Rendered> {
  const include = first(exchange.info.query, 'includeObject') ?? 'Metadata';
  const now = core.clock.now();
  switch (result.kind) {
    case 'record':
    case 'stored': {
      const kv = result.kind === 'record' ? result.kv : result.written.kv;
      const object = () =>
        result.kind === 'stored' && !kv
          ? result.written.object
          : viewOf(call.resource, kv as KeyValue);
      const bytes = kv && (() => jsonOf(call.resource, kv));
      return renderObject(call.resource, wanted, object, bytes, now, include);
    }
    case 'list':
      return renderList(call, wanted, result.listed, now, include);
    case 'unstored':
      return wanted.format === 'protobuf'
        ? { contentType: contentTypes.protobuf, body: Buffer.from(unstored.encode(result.object)) }
        : renderJson(result.object, wanted);
    case 'deleted':
      return statusText(deletedStatus(call, result.written.object));
    case 'status':
      return statusText(result.status);
  }
}

const statusText = (status: object): Rendered => ({
  contentType: contentTypes.json,
  body: Buffer.from(`${JSON.stringify(status)}\n`),
});

function deletedStatus({ resource }: ApiCall, { metadata }: KubeObject): object {
  const details = {
    name: metadata.name,
    ...(resource.group ? { group: resource.group } : {}),
    kind: resource.resource,
    uid: metadata.uid,
  };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}
