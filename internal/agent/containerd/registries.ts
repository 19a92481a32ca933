import { table } from '../../base/own.ts';
import { ConfigError, messageOf } from '../../base/errors.ts';

/** registries.yaml as k3s users write it. */
interface Written {
  mirrors?: Record<
    string,
    { endpoint?: string[]; endpoints?: string[]; rewrite?: Record<string, string> } | null
  >;
  configs?: Record<string, { auth?: Auth; tls?: Tls } | null>;
}

export interface Auth {
  username?: string;
  password?: string;
  auth?: string;
  identity_token?: string;
}

interface Tls {
  ca_file?: string;
  cert_file?: string;
  key_file?: string;
  insecure_skip_verify?: boolean;
}

interface Mirror {
  endpoints: URL[];
  rewrites: { from: RegExp; to: string }[];
}

/**
 * registries.yaml, parsed. Names are hosts with an optional port, or `*` for all that are not
 * named.
 */
export interface Registries {
  mirrors: Map<string, Mirror>;
  configs: Map<string, { auth?: Auth; tls?: Tls }>;
}

const text = (value: string): string => JSON.stringify(value).replaceAll('\x7f', '\\u007F');
/** Where a registry's own server is when its name is not its address. */
const servers: Record<string, string> = table({ 'docker.io': 'https://registry-1.docker.io' });
/** A name becomes a folder's and a TOML key: nothing else may stand in it. */
const hostName = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?$/;

/**
 * Reads what the file holds. An entry that cannot be read is told to `leftOut`, and the others
 * count.
 */
export function parseRegistries(parsed: unknown, leftOut: (what: string) => void): Registries {
  const registries: Registries = { mirrors: new Map(), configs: new Map() };
  if (parsed === null || parsed === undefined) return registries;
  if (typeof parsed !== 'object')
    throw new ConfigError('registries.yaml must hold mirrors and configs', { op: 'registries' });
  const { mirrors, configs } = parsed as Written;
  for (const [name, mirror] of Object.entries(mirrors ?? {})) {
    if (name !== '*' && !hostName.test(name)) leftOut(`mirrors: ${text(name)} is not a registry`);
    else
      registries.mirrors.set(name, {
        endpoints: listOf(mirror?.endpoint ?? mirror?.endpoints).flatMap((e) =>
          endpointOf(e, leftOut),
        ),
        rewrites: Object.entries(mirror?.rewrite ?? {}).flatMap(([from, to]) =>
          rewriteOf(from, to, leftOut),
        ),
      });
  }
  for (const [name, config] of Object.entries(configs ?? {})) {
    if (!hostName.test(name)) leftOut(`configs: ${text(name)} is not a registry`);
    else
      registries.configs.set(name, {
        ...(config?.auth ? { auth: stringsOf(config.auth) } : {}),
        ...(config?.tls ? { tls: config.tls } : {}),
      });
  }
  return registries;
}

const known = {
  top: ['mirrors', 'configs'],
  mirror: ['endpoint', 'endpoints', 'rewrite'],
  config: ['auth', 'tls'],
  auth: ['username', 'password', 'auth', 'identity_token'],
  tls: ['ca_file', 'cert_file', 'key_file', 'insecure_skip_verify'],
};

/** Tells of every key that has no effect, most of them spelt wrong. */
export function checkRegistryKeys(parsed: unknown, unknownKey: (what: string) => void): void {
  const below = (value: unknown, where: string, names: string[]): [string, unknown][] => {
    const entries =
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.entries(value)
        : [];
    for (const [key] of entries)
      if (!names.includes(key))
        unknownKey(`unknown key "${where}${key}" has no effect (known are ${names.join(', ')})`);
    return entries;
  };
  for (const [part, registries] of below(parsed, '', known.top)) {
    if (registries === null || typeof registries !== 'object') continue;
    for (const [name, value] of Object.entries(registries)) {
      if (part === 'mirrors') below(value, `mirrors.${name}.`, known.mirror);
      if (part !== 'configs') continue;
      for (const [key, inner] of below(value, `configs.${name}.`, known.config))
        if (key === 'auth' || key === 'tls') below(inner, `configs.${name}.${key}.`, known[key]);
    }
  }
}

const listOf = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];

/** YAML reads a password of digits as a number. */
function stringsOf(auth: Auth): Auth {
  return Object.fromEntries(
    Object.entries(auth).flatMap(([key, value]) =>
      ['string', 'number', 'boolean'].includes(typeof value) ? [[key, String(value)]] : [],
    ),
  );
}

function endpointOf(endpoint: unknown, leftOut: (what: string) => void): URL[] {
  const written = String(endpoint);
  const url = URL.parse(written.includes('://') ? written : `https://${written}`);
  if (
    url &&
    /^https?:$/.test(url.protocol) &&
    hostName.test(url.host) &&
    !url.username &&
    !url.search &&
    !url.hash
  )
    return [url];
  leftOut(`${text(written)} is not an endpoint`);
  return [];
}

/** Go's `${1}` and `${name}` are `$1` and `$<name>` here. */
function rewriteOf(from: string, to: unknown, leftOut: (what: string) => void): Mirror['rewrites'] {
  try {
    return [
      {
        from: new RegExp(from, 'g'),
        to: String(to)
          .replace(/\$\{(\d+)\}/g, '$$$1')
          .replace(/\$\{(\w+)\}/g, '$$<$1>'),
      },
    ];
  } catch (error) {
    leftOut(`rewrite ${text(from)}: ${messageOf(error)}`);
    return [];
  }
}

const addressOf = (url: URL): string =>
  `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;

/**
 * `<host>/hosts.toml` -> its content, for containerd's config_path. `*` names the default of all
 * registries.
 */
export function hostsFiles({ mirrors, configs }: Registries): Map<string, string> {
  const files = new Map<string, string>();
  // Names are rewritten by pulling from the mirror under its own name, so the mirror has a file of
  // its own.
  const rewriting = new Map<string, URL>();
  for (const mirror of mirrors.values())
    if (mirror.rewrites.length > 0)
      for (const url of mirror.endpoints)
        if (!rewriting.has(url.host)) rewriting.set(url.host, url);
  for (const name of new Set([...mirrors.keys(), ...configs.keys(), ...rewriting.keys()])) {
    const other = rewriting.get(name);
    const server =
      name === '*' ? undefined : other ? addressOf(other) : (servers[name] ?? `https://${name}`);
    const lines = server
      ? [
          `server = ${text(server)}`,
          'capabilities = ["pull", "resolve", "push"]',
          ...(other ? overridden(other) : []),
          ...tlsOf(configs.get(name) ?? configs.get(new URL(server).host)),
        ]
      : [];
    for (const url of mirrors.get(name)?.endpoints ?? []) {
      lines.push(
        '',
        `[host.${text(addressOf(url))}]`,
        '  capabilities = ["pull", "resolve"]',
        ...[...overridden(url), ...tlsOf(configs.get(url.host))].map((l) => `  ${l}`),
      );
    }
    files.set(name === '*' ? '_default' : name, lines.join('\n') + '\n');
  }
  return files;
}

/** An endpoint with a path says its API version itself, as in k3s. */
const overridden = (url: URL): string[] =>
  url.pathname.replace(/\/+$/, '') === '' ? [] : ['override_path = true'];

function tlsOf(config: { tls?: Tls } | undefined): string[] {
  const lines: string[] = [];
  const tls = config?.tls;
  if (tls?.insecure_skip_verify) lines.push('skip_verify = true');
  if (tls?.ca_file) lines.push(`ca = ${text(String(tls.ca_file))}`);
  if (tls?.cert_file)
    lines.push(`client = [[${text(String(tls.cert_file))}, ${text(String(tls.key_file ?? ''))}]]`);
  return lines;
}

/**
 * Host -> credentials for containerd's own configuration: it shows them to the host that asks for
 * them, as Basic or to the token server that this host names, and to no other.
 */
export function registryCredentials({ configs }: Registries): Map<string, Auth> {
  const found = new Map<string, Auth>();
  for (const [name, { auth }] of configs) {
    if (!auth) continue;
    const server = servers[name];
    for (const host of server ? [name, new URL(server).host] : [name])
      if (!found.has(host) || host === name) found.set(host, auth);
  }
  return found;
}

/**
 * The names under which mirrors with rewrite rules have this repository, in the order they are to
 * be asked.
 */
export function rewrittenNames(
  { mirrors }: Registries,
  image: { registry: string; repository: string },
): string[] {
  const mirror = mirrors.get(image.registry) ?? mirrors.get('*');
  const rule = mirror?.rewrites.find(({ from }) => image.repository.search(from) >= 0);
  if (!mirror || !rule) return [];
  const repository = image.repository.replace(rule.from, rule.to);
  return mirror.endpoints.map((url) => `${url.host}/${repository}`);
}
