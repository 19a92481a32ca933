import { table } from '../../base/own.ts';
import { ApiError } from '../../api/status.ts';

export type WireFormat = 'json' | 'yaml' | 'protobuf';

/** How the client wants to be answered. */
export interface Wanted {
  format: WireFormat;
  /** Table or PartialObjectMetadata(List), with its version, or nothing. */
  as?: { kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'; version: string };
  pretty: boolean;
}

interface Clause {
  type: string;
  params: Map<string, string>;
  q: number;
}

export const contentTypes: Record<WireFormat, string> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

const cache = new Map<string, Clause[]>();

/** Clauses in order of preference. The few Accept texts that clients use are remembered. */
export function acceptClauses(header: string): Clause[] {
  const known = cache.get(header);
  if (known) return known;
  const clauses: Clause[] = [];
  for (const part of header.split(',')) {
    const [type, ...rest] = part.split(';');
    const params = new Map<string, string>();
    let q = 1;
    for (const pair of rest) {
      const eq = pair.indexOf('=');
      const key = (eq < 0 ? pair : pair.slice(0, eq)).trim();
      const value = eq < 0 ? '' : pair.slice(eq + 1).trim();
      if (key === 'q') q = Number(value);
      else params.set(key, value);
    }
    const name = (type ?? '').trim().toLowerCase();
    if (name) clauses.push({ type: name, params, q });
  }
  clauses.sort((a, b) => b.q - a.q);
  if (cache.size > 256) cache.clear();
  cache.set(header, clauses);
  return clauses;
}

export interface Offers {
  table: boolean;
  partial: boolean;
  protobuf: boolean;
  /** A list is being answered, so partial objects come as a list. */
  list: boolean;
}

const formats: Record<string, WireFormat> = table({
  'application/json': 'json',
  '*/*': 'json',
  'application/*': 'json',
  'application/yaml': 'yaml',
  'text/yaml': 'yaml',
  'application/vnd.kubernetes.protobuf': 'protobuf',
});

/** The first clause that can be served, or 406 (apiserver handlers/negotiation). */
export function negotiate(accept: string | undefined, offers: Offers, pretty = false): Wanted {
  if (!accept) return { format: 'json', pretty };
  for (const clause of acceptClauses(accept)) {
    const format = formats[clause.type];
    const as = clause.params.get('as');
    // Metadata alone can be had in protobuf of any kind.
    const metadata = as?.startsWith('PartialObjectMetadata') === true && offers.partial;
    if (!format || (format === 'protobuf' && !offers.protobuf && !metadata)) continue;
    if (!as) {
      if (clause.params.has('g') || clause.params.has('v')) continue;
      return { format, pretty };
    }
    if (clause.params.get('g') !== 'meta.k8s.io') continue;
    const version = clause.params.get('v') ?? 'v1';
    if (version !== 'v1' && version !== 'v1beta1') continue;
    if (as === 'Table' && offers.table && format !== 'protobuf')
      return { format, as: { kind: 'Table', version }, pretty };
    if (as === 'PartialObjectMetadata' && offers.partial && !offers.list)
      return { format, as: { kind: as, version }, pretty };
    if (as === 'PartialObjectMetadataList' && offers.partial && offers.list)
      return { format, as: { kind: as, version }, pretty };
  }
  throw acceptClauses(accept).some((clause) => formats[clause.type])
    ? notAcceptable(offers)
    : noRepresentation();
}

/** What the router answers before parameters are looked at. */
function noRepresentation(): ApiError {
  return new ApiError(
    'NotAcceptable',
    '406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, ' +
      'application/vnd.kubernetes.protobuf',
    { details: {} },
  );
}

function notAcceptable(offers: { protobuf: boolean }): ApiError {
  const accepted = [
    'application/json',
    'application/yaml',
    ...(offers.protobuf ? ['application/vnd.kubernetes.protobuf'] : []),
  ];
  return new ApiError(
    'NotAcceptable',
    `only the following media types are accepted: ${accepted.join(', ')}`,
  );
}

/** Format of a request body, or 415. */
export function bodyFormat(contentType: string | undefined): WireFormat {
  if (!contentType) return 'json';
  const semicolon = contentType.indexOf(';');
  const type = (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
  const format = type === '*/*' ? undefined : formats[type];
  if (format && type !== 'application/*') return format;
  throw new ApiError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: ' +
      'application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
}
