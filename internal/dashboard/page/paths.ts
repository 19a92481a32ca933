/** What a list or an object is reached by. Names may hold anything: each is encoded. */
export interface Kind {
  group: string;
  version: string;
  resource: string;
  kind: string;
  namespaced: boolean;
}

export interface Ref extends Kind {
  namespace?: string | undefined;
  name: string;
}

const join = (parts: string[]): string => parts.map(encodeURIComponent).join('/');

export function listPath(kind: Kind, namespace?: string): string {
  const { group, version, resource, namespaced } = kind;
  const home = group === '' ? ['api', version] : ['apis', group, version];
  const within = namespaced && namespace !== undefined ? ['namespaces', namespace] : [];
  return `/${join([...home, ...within, resource])}`;
}

export function objectPath(ref: Ref, subresource?: string): string {
  const name = encodeURIComponent(ref.name);
  const list = listPath(ref, ref.namespace);
  return `${list}/${name}${subresource === undefined ? '' : `/${encodeURIComponent(subresource)}`}`;
}

export function withQuery(
  path: string,
  query: Record<string, string | number | undefined>,
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) search.append(name, String(value));
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Where in the page: the part of the address behind `#`, which no server sees. */
export function placeOf(parts: string[], query: Record<string, string | undefined> = {}): string {
  return `#/${withQuery(join(parts), query)}`;
}

export function readPlace(hash: string): { parts: string[]; query: URLSearchParams } {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
  return {
    parts: path.split('/').map(decoded).filter(Boolean),
    query: new URLSearchParams(search),
  };
}

/** An object's own place: group and version are one part, `-` stands for what there is not. */
export const objectPlace = (ref: Ref, tab?: string): string =>
  placeOf(
    [
      'object',
      `${ref.group || '-'}:${ref.version}:${ref.resource}:${ref.kind}`,
      ref.namespaced ? (ref.namespace ?? '') : '-',
      ref.name,
    ],
    { tab },
  );

export function readObjectPlace(parts: string[]): Ref | undefined {
  const [, type = '', namespace = '', name = ''] = parts;
  const [group, version, resource, kind] = type.split(':');
  if (!group || !version || !resource || !kind || !namespace || !name) return undefined;
  const namespaced = namespace !== '-';
  return {
    group: group === '-' ? '' : group,
    version,
    resource,
    kind,
    namespaced,
    ...(namespaced && { namespace }),
    name,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
