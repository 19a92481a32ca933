import {
  OpenApiDocuments,
  openApiV2Protobuf,
  openApiV2ProtobufAnswer,
  type OpenApiDocument,
} from '../../api/openapi/documents.ts';
import { ApiError } from '../../api/status.ts';
import { header, send, type Exchange } from '../http/exchange.ts';
import { acceptClauses } from '../http/negotiate.ts';
import { first } from '../http/request-info.ts';
import type { Scheme } from '../../api/scheme.ts';
import type { Paths } from '../http/paths.ts';

/** /openapi/v2 and /openapi/v3: made when first asked for. */
export function addOpenApi(scheme: Scheme, paths: Paths): void {
  const documents = new OpenApiDocuments(scheme);
  paths.exact.set('/openapi/v2', (_s, exchange) => {
    const protobuf = wantsProtobuf(exchange);
    sendDocument(
      exchange,
      protobuf ? openApiV2ProtobufAnswer : 'application/json',
      protobuf ? documents.v2Protobuf() : documents.v2Json(),
    );
  });
  paths.exact.set('/openapi/v3', (_s, exchange) =>
    sendDocument(exchange, 'application/json', documents.v3Index()),
  );
  paths.below.push([
    '/openapi/v3/',
    (_s, exchange) => {
      const path = exchange.info.path.slice('/openapi/v3/'.length).replace(/\/$/, '');
      const document = documents.v3At(path);
      if (!document)
        throw new ApiError('NotFound', 'the server could not find the requested resource', {
          details: {},
        });
      const hash = first(exchange.info.query, 'hash');
      if (hash && hash !== document.etag)
        return redirect(exchange, `/openapi/v3/${path}?hash=${document.etag}`);
      sendDocument(exchange, 'application/json', document, hash ? 'public, immutable' : undefined);
    },
  ]);
}

function wantsProtobuf(exchange: Exchange): boolean {
  for (const clause of acceptClauses(header(exchange.request, 'accept') ?? '')) {
    if (
      clause.type === openApiV2Protobuf ||
      clause.type.startsWith('application/com.github.proto-openapi.spec.v2')
    )
      return true;
    if (clause.type === 'application/json' || clause.type === '*/*') return false;
  }
  return false;
}

const oneYearMs = 365 * 24 * 3600 * 1000;

function sendDocument(
  exchange: Exchange,
  type: string,
  document: OpenApiDocument,
  cache?: string,
): void {
  const etag = `"${document.etag}"`;
  const extra: Record<string, string> = {
    etag,
    vary: 'Accept, Accept-Encoding',
    'cache-control': cache ?? 'no-cache, private',
  };
  if (cache) extra['expires'] = new Date(Date.UTC(2026, 0, 1) + oneYearMs * 10).toUTCString();
  if (header(exchange.request, 'if-none-match') === etag) {
    (exchange.answer as import('node:http').ServerResponse).writeHead(304, extra).end();
    return;
  }
  send(exchange, 200, type, document.body, extra);
}

/** An old hash names a document that no longer exists. */
function redirect(exchange: Exchange, to: string): void {
  (exchange.answer as import('node:http').ServerResponse).writeHead(301, { location: to }).end();
}
