import { table } from '../../base/own.ts';
import { ConfigError } from '../../base/errors.ts';

/** registries.yaml as k3s users write it. */
interface Registries {
  mirrors?: Record<string, { endpoint?: string[]; endpoints?: string[]; rewrite?: Record<string, string> } | null>;
  configs?: Record<string, { auth?: Auth; tls?: Tls } | null>;
}

interface Auth {
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

const text = (value: string): string => JSON.stringify(value);
/** Where a registry's own server is when its name is not its address. */
const servers: Record<string, string> = table({ 'docker.io': 'https://registry-1.docker.io' });

/** `<host>/hosts.toml` -> its content, for containerd's config_path. `*` names the default of all registries. */
export function hostsFiles(parsed: unknown): Map<string, string> {
  const files = new Map<string, string>();
  if (parsed === null || parsed === undefined) return files;
  if (typeof parsed !== 'object') throw new ConfigError('registries.yaml must hold mirrors and configs', { op: 'registries' });
  const { mirrors = {}, configs = {} } = parsed as Registries;
  const names = new Set([...Object.keys(mirrors), ...Object.keys(configs)]);
  for (const name of names) {
    const mirror = mirrors[name] ?? {};
    const endpoints = mirror.endpoint ?? mirror.endpoints ?? [];
    const own = name === '*' ? undefined : (servers[name] ?? `https://${name}`);
    const lines = own ? [`server = ${text(own)}`, 'capabilities = ["pull", "resolve", "push"]', ...access(configs[name] ?? configs[hostOf(own)])] : [];
    for (const endpoint of endpoints) {
      const url = endpoint.includes('://') ? endpoint.replace(/\/$/, '') : `https://${endpoint.replace(/\/$/, '')}`;
      lines.push('', `[host.${text(url)}]`, '  capabilities = ["pull", "resolve"]');
      // An endpoint with a path says its API version itself, as in k3s.
      if (new URL(url).pathname !== '/') lines.push('  override_path = true');
      lines.push(...access(configs[hostOf(url)] ?? configs[name]).map((l) => `  ${l}`));
      const rules = Object.entries(mirror.rewrite ?? {});
      if (rules.length > 0) lines.push(`  [host.${text(url)}.rewrite]`, ...rules.map(([from, to]) => `    ${text(from)} = ${text(to)}`));
    }
    files.set(name === '*' ? '_default' : name, lines.join('\n') + '\n');
  }
  return files;
}

function hostOf(url: string): string {
  return new URL(url).host;
}

function access(config: { auth?: Auth; tls?: Tls } | null | undefined): string[] {
  const lines: string[] = [];
  const { tls, auth } = config ?? {};
  if (tls?.insecure_skip_verify) lines.push('skip_verify = true');
  if (tls?.ca_file) lines.push(`ca = ${text(tls.ca_file)}`);
  if (tls?.cert_file) lines.push(`client = [[${text(tls.cert_file)}, ${text(tls.key_file ?? '')}]]`);
  const header = authorization(auth);
  // A header of the host is sent with every request to it, and only to it.
  if (header) lines.push(`header = { Authorization = ${text(header)} }`);
  return lines;
}

function authorization(auth: Auth | undefined): string | undefined {
  if (auth?.identity_token) return `Bearer ${auth.identity_token}`;
  if (auth?.auth) return `Basic ${auth.auth}`;
  if (auth?.username === undefined) return undefined;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password ?? ''}`).toString('base64')}`;
}
