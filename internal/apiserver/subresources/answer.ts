import { Buffer } from 'node:buffer';
import { contentTypes, negotiate } from '../http/negotiate.ts';
import { header, readBody, send, type Exchange } from '../http/exchange.ts';
import { bodyFormat } from '../http/negotiate.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { renderJson } from '../http/render.ts';

/**
 * Reads a body that speaks a kind of its own: Binding, Scale, TokenRequest, Eviction, the reviews.
 */
export async function readSpoken<T>(
  server: Server,
  exchange: Exchange,
  kind: { group: string; version: string; kind: string },
): Promise<T> {
  const body = await readBody(exchange.request);
  const format = bodyFormat(header(exchange.request, 'content-type'));
  const { object, warnings } = server.spoken.decode(kind, body, format, 'Warn');
  exchange.warnings.push(...warnings);
  exchange.audit?.request(object);
  return object as T;
}

/** Answers with an object that is not stored. Tables of such objects do not exist: 406. */
export function sendObject(
  server: Server,
  exchange: Exchange,
  status: number,
  object: object,
): void {
  const wanted = negotiate(header(exchange.request, 'accept'), {
    table: false,
    partial: false,
    protobuf: true,
    list: false,
  });
  if (wanted.format === 'protobuf')
    return send(exchange, status, contentTypes.protobuf, Buffer.from(server.spoken.encode(object)));
  const out = renderJson(object, wanted);
  send(exchange, status, out.contentType, out.body);
}

export function sendStatus(exchange: Exchange, code: number, extra: object = {}): void {
  send(
    exchange,
    code,
    contentTypes.json,
    Buffer.from(
      `${JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code, ...extra })}` +
        '\n',
    ),
  );
}

export const gvk = (
  resource: ServedResource,
  subresource: string,
): { group: string; version: string; kind: string } => {
  const found = resource.subresources.get(subresource);
  return found
    ? { group: found.group, version: found.version, kind: found.kind }
    : { group: resource.group, version: resource.version, kind: resource.kind };
};
