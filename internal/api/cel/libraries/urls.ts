import { CelError } from '../errors.ts';
import type { Registry } from '../registry.ts';
import { MapValue, Opaque, type Value } from '../values.ts';

class UrlValue extends Opaque {
  readonly typeName = 'kubernetes.URL';
  readonly text: string;
  readonly parts: Record<'scheme' | 'host' | 'path' | 'query', string>;

  constructor(text: string, parts: UrlValue['parts']) {
    super();
    this.text = text;
    this.parts = parts;
  }

  equals(other: Value): boolean {
    return other instanceof UrlValue && other.text === this.text;
  }
}

/**
 * An absolute URI or an absolute path, cut as Go's url.ParseRequestURI cuts it: nothing is
 * normalized.
 */
function parseUrl(text: string): UrlValue | undefined {
  const found =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:[^/?#]*@)?([^/?]*))?([^?]*)(?:\?(.*))?$/s.exec(text);

  if (!found || /[\x00-\x20\x7f]/.test(text) || /%(?![0-9a-fA-F]{2})/.test(found[3] ?? ''))
    return undefined;
  const [, scheme = '', host = '', path = '', query = ''] = found;
  if (!scheme && !text.startsWith('/')) return undefined;
  if (!/^(?:\[[0-9a-fA-F:.%]+\]|[^:[\]<>"\\^`{|}]*)(?::\d*)?$/.test(host)) return undefined;
  return new UrlValue(text, { scheme: scheme.toLowerCase(), host, path, query });
}

function must(text: string): UrlValue {
  const url = parseUrl(text);
  if (!url)
    throw new CelError(
      `URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid ` +
        'URI for request',
    );
  return url;
}

function query(url: UrlValue): MapValue {
  const all = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(url.parts.query))
    all.set(key, [...(all.get(key) ?? []), value]);
  return new MapValue(all);
}

const hostAndPort = (host: string): readonly [string, string] => {
  const found = /^(?:\[(.*)\]|([^:]*))(?::(\d*))?$/.exec(host);
  return [found?.[1] ?? found?.[2] ?? host, found?.[3] ?? ''];
};

export function urls(registry: Registry): void {
  registry.define('url(string): kubernetes.URL', must);
  registry.define('isURL(string): bool', (text: string) => parseUrl(text) !== undefined);
  registry.define('kubernetes.URL->getScheme(): string', (url: UrlValue) => url.parts.scheme);
  registry.define('kubernetes.URL->getHost(): string', (url: UrlValue) => url.parts.host);
  registry.define(
    'kubernetes.URL->getHostname(): string',
    (url: UrlValue) => hostAndPort(url.parts.host)[0],
  );
  registry.define(
    'kubernetes.URL->getPort(): string',
    (url: UrlValue) => hostAndPort(url.parts.host)[1],
  );
  registry.define('kubernetes.URL->getEscapedPath(): string', (url: UrlValue) => url.parts.path);
  registry.define('kubernetes.URL->getQuery(): map<string, list<string>>', query);
}
